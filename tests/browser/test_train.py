from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from core.jobs import cancel
from core.runs.run import Run
from core.settings import Settings
from tests.browser import chromium
from tests.browser.conftest import TRAINING
from tests.browser.server import Server
from tests.shapes import draw, encoded, shapes_zip

HOSTILE_NAMES = (
    "**bold** _i_",
    "<img src=x onerror=alert(1)>",
    "🐘 [link](x) $x^2$",
    "פיל :red[fire] `c`",
)


def test_a_training_continues_after_its_tab_is_closed(
    open_page: Callable[..., Page], server: Server, tmp_path: Path
) -> None:
    before = len(list((server.home / "runs").glob("*")))
    first = open_page("train")
    chromium.upload(first, shapes_zip(tmp_path))
    chromium.start_button(first).wait_for(timeout=TRAINING)
    chromium.settle(first)  # pictures of a page that is left are no longer served
    chromium.start_button(first).dblclick(delay=20)  # the second comes while the first is handled
    first.wait_for_url("**run=**", timeout=TRAINING)
    link = urlsplit(first.url)
    first.close()
    (run_id,) = parse_qs(link.query)["run"]
    second = open_page(f"{link.path[1:]}?{link.query}")
    second.get_by_role("button", name="report").first.wait_for(timeout=TRAINING)
    assert run_id in second.url, "the link leads back to the run"
    assert len(list((server.home / "runs").glob("*"))) == before + 1, "not one run for each click"
    run = Run(server.home / "runs" / run_id)
    assert (run.path / "report.json").is_file()
    cancel(run.job, Settings(home=server.home))  # what follows the report


def test_a_folder_of_folders_is_imported_and_names_are_escaped(page: Page, tmp_path: Path) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    for label, name in enumerate(HOSTILE_NAMES):
        folder = tmp_path / "odd names" / name
        folder.mkdir(parents=True)
        for number in range(4):
            (folder / f"{number}.jpg").write_bytes(encoded(draw(label, number)))
    chromium.follow(page, "Train")
    chromium.choose(page, "Folder")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / "odd names")
    expect(page.get_by_text("4 classes · 16 pictures")).to_be_visible(timeout=TRAINING)
    for name in HOSTILE_NAMES:
        expect(page.get_by_text(f"{name} · 4", exact=True)).to_be_visible()
    assert not alerts


@pytest.mark.slow
def test_every_step_of_a_pile_is_accessible(page: Page, tmp_path: Path) -> None:
    files = [tmp_path / f"{label}-{number}.jpg" for number in range(8) for label in range(2)]
    for file in files:
        file.write_bytes(encoded(draw(int(file.stem[0]), int(file.stem[2]))))
    chromium.follow(page, "Train")
    chromium.choose(page, "Unsorted")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files)
    page.get_by_role("button", name="Train on these").wait_for(timeout=TRAINING)
    chromium.settle(page)
    violations = chromium.axe_violations(page)
    chromium.choose(page, "Groups")
    for name in ("square", "disc"):
        expect(page.get_by_role("radio", name="Groups")).to_be_checked()
        page.get_by_role("textbox", name="New class").fill(name)
        chromium.press(page, "Add")
    violations += chromium.axe_violations(page, dark=False)
    for step in ("Doubtful", "Classes"):
        chromium.choose(page, step)
        violations += chromium.axe_violations(page, dark=False)
    assert not violations
