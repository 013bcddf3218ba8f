from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from benchmarks.reports import make
from core import runs
from core.evaluation import describe
from core.runs.run import Run
from core.settings import Settings
from tests import hostile
from tests.browser import chromium
from ui import html_report

DRAWN = "html[data-drawn]"
CHARTS = 8
LOUD = """
window.addEventListener("securitypolicyviolation", e => console.error("policy: " + e.blockedURI));
"""


@dataclass
class Opened:
    """The file in a window, and what happened there.

    Attributes:
        asked: addresses of all requests but those for what is inside the file.
        troubles: errors of the console and of scripts.
    """

    page: Page
    asked: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 12 classes; four of them are called as nobody should call them."""
    run = make(Settings(home=tmp_path_factory.mktemp("made")), classes=12, test=240)
    return hostile.renamed(run, (*hostile.CLASSES, *run.report().classes[4:]))


@pytest.fixture(scope="module")
def file(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sent") / "report.html"
    path.write_text(html_report.render(run), encoding="utf-8")
    return path


@pytest.fixture
def open_file(
    visitors: Callable[[int, str], BrowserContext], file: Path
) -> Iterator[Callable[..., Opened]]:
    """`open_file(width=1400, scheme="light")`: the file, its charts drawn."""
    pages: list[Page] = []

    def open_(*, width: int = chromium.WIDE, scheme: str = "light") -> Opened:
        opened = Opened(visitors(width, scheme).new_page())
        page = opened.page
        pages.append(page)
        page.on("request", lambda request: opened.asked.append(request.url))
        page.on("pageerror", lambda error: opened.troubles.append(str(error)))
        page.on(
            "console",
            lambda said: opened.troubles.append(said.text) if said.type == "error" else None,
        )
        page.add_init_script(LOUD)
        page.goto(file.as_uri())
        page.locator(DRAWN).wait_for(state="attached")
        opened.asked = [url for url in opened.asked if not url.startswith("data:")]
        return opened

    yield open_
    for page in pages:
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [chromium.WIDE, chromium.NARROW])
def test_the_file_asks_for_nothing_and_fits_every_window(
    open_file: Callable[..., Opened], file: Path, width: int, scheme: str
) -> None:
    opened = open_file(width=width, scheme=scheme)
    page = opened.page
    page.mouse.wheel(0, 100_000)  # to what a browser would load late
    page.wait_for_timeout(300)
    assert opened.asked == [file.as_uri()]
    assert not opened.troubles
    assert chromium.overflow(page) <= 0
    boxes = page.locator(".chart")
    expect(boxes).to_have_count(CHARTS)
    for box in boxes.all():
        assert box.locator("svg.main-svg").count() >= 1
    assert page.locator("img").evaluate_all("all => all.every(one => one.naturalWidth > 0)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_text_of_charts_has_the_colour_of_the_page(
    open_file: Callable[..., Opened], scheme: str
) -> None:
    page = open_file(scheme=scheme).page
    ink = page.evaluate("getComputedStyle(document.body).color")
    colours = page.locator(".chart .main-svg text").evaluate_all(
        "all => [...new Set(all.map(one => getComputedStyle(one).fill))]"
    )
    assert colours == [ink]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, ground.removeprefix("rgb(").rstrip(")").split(","))) > 3 * 128
    assert light == (scheme == "light")


def test_names_run_no_script_and_are_read_letter_by_letter(
    open_file: Callable[..., Opened], run: Run
) -> None:
    page = open_file().page
    assert page.title() == f"{hostile.TITLE}: how good is it?"
    expect(page.get_by_role("heading", level=1)).to_have_text(hostile.TITLE)
    shown = page.locator("#classes th[scope=row] bdi").all_inner_texts()
    assert shown == [" ".join(name.split()) for name in run.report().classes]
    ticks = page.locator("#confusions .ytick text").all_text_contents()
    assert any(tick.startswith("</script>") for tick in ticks)
    assert page.locator("main script:not([type])").count() == 0


def test_a_script_that_got_in_would_not_be_run(open_file: Callable[..., Opened]) -> None:
    opened, kept_out = open_file(), []
    opened.page.on("requestfailed", lambda request: kept_out.append((request.url, request.failure)))
    opened.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'run'";
            document.body.append(script);
            const picture = document.createElement("img");
            picture.src = "https://example.com/picture.png";
            document.body.append(picture);
        }"""
    )
    opened.page.wait_for_timeout(200)
    assert opened.page.title() != "run"
    assert kept_out == [("https://example.com/picture.png", "csp")]
    assert len(opened.troubles) >= 2, "the policy says what it kept out"


def test_it_is_reached_by_keyboard(open_file: Callable[..., Opened]) -> None:
    page = open_file(width=chromium.NARROW).page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**#classes")
    page.locator("#training summary").press("Enter")
    expect(page.get_by_role("region", name="Settings")).to_be_visible()
    page.get_by_role("region", name="Settings").press("ArrowRight")


def test_on_paper_it_is_light_and_nothing_is_folded_away(open_file: Callable[..., Opened]) -> None:
    page = open_file(scheme="dark").page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 37, 38)"
    expect(page.get_by_role("region", name="Settings")).to_be_visible()
    assert page.pdf()[:5] == b"%PDF-"


def test_the_file_and_the_card_are_downloaded_from_the_export_view(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    report = Run(runs.SAMPLE).report()
    page = open_page(f"reports?run={runs.SAMPLE.name}&view=Export")
    for label, name in (
        ("Report as one HTML file", "report.html"),
        ("Report as JSON", "report.json"),
        ("Download MODEL_CARD.md", "MODEL_CARD.md"),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        assert download.value.suggested_filename.endswith(name)
        download.value.save_as(tmp_path / name)
    assert (tmp_path / "report.json").read_text() == report.to_json()
    assert describe(report.accuracy) in (tmp_path / "MODEL_CARD.md").read_text()
    page.goto((tmp_path / "report.html").as_uri())
    page.locator(DRAWN).wait_for(state="attached")
    expect(page.locator("header")).to_contain_text(report.headline)
