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
REPORT_VIOLATIONS = """
window.addEventListener("securitypolicyviolation", e => console.error("policy: " + e.blockedURI));
"""


@dataclass
class ReportWindow:
    """The file in a window.

    Attributes:
        requests: their addresses, without data URLs.
        errors: of the console and of scripts.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 12 classes, four of them with hostile names."""
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
) -> Iterator[Callable[..., ReportWindow]]:
    """`open_file(width=1400, scheme="light")`: the file, its charts drawn."""
    pages: list[Page] = []

    def open_(*, width: int = chromium.WIDE, scheme: str = "light") -> ReportWindow:
        opened = ReportWindow(visitors(width, scheme).new_page())
        page = opened.page
        pages.append(page)
        page.on("request", lambda request: opened.requests.append(request.url))
        page.on("pageerror", lambda error: opened.errors.append(str(error)))
        page.on(
            "console",
            lambda line: opened.errors.append(line.text) if line.type == "error" else None,
        )
        page.add_init_script(REPORT_VIOLATIONS)
        page.goto(file.as_uri())
        page.locator(DRAWN).wait_for(state="attached")
        opened.requests = [url for url in opened.requests if not url.startswith("data:")]
        return opened

    yield open_
    for page in pages:
        page.close()


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(chromium.NARROW, "light"), pytest.param(chromium.WIDE, "dark", marks=pytest.mark.slow)],
)
def test_the_file_loads_nothing_else_fits_the_window_and_follows_the_colour_scheme(
    open_file: Callable[..., ReportWindow], file: Path, width: int, scheme: str
) -> None:
    opened = open_file(width=width, scheme=scheme)
    page = opened.page
    page.mouse.wheel(0, 100_000)  # to pictures that are loaded lazily
    page.wait_for_function(
        "() => [...document.images].every(image => image.complete && image.naturalWidth > 0)"
    )
    assert opened.requests == [file.as_uri()]
    assert not opened.errors
    assert chromium.overflow(page) <= 0
    charts = page.locator(".chart")
    expect(charts).to_have_count(CHARTS)
    for chart in charts.all():
        assert chart.locator("svg.main-svg").count() >= 1

    ink = page.evaluate("getComputedStyle(document.body).color")
    colours = page.locator(".chart .main-svg text").evaluate_all(
        "texts => [...new Set(texts.map(text => getComputedStyle(text).fill))]"
    )
    assert colours == [ink]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, background.removeprefix("rgb(").rstrip(")").split(","))) > 3 * 128
    assert light == (scheme == "light")


def test_hostile_names_are_shown_as_text_and_an_injected_script_does_not_run(
    open_file: Callable[..., ReportWindow], run: Run
) -> None:
    opened = open_file()
    page = opened.page
    assert page.title() == f"{hostile.TITLE}: how good is it?"
    expect(page.get_by_role("heading", level=1)).to_have_text(hostile.TITLE)
    shown = page.locator("#classes th[scope=row] bdi").all_inner_texts()
    assert shown == [" ".join(name.split()) for name in run.report().classes]
    ticks = page.locator("#confusions .ytick text").all_text_contents()
    assert any(tick.startswith("</script>") for tick in ticks)
    assert page.locator("main script:not([type])").count() == 0

    with page.expect_event("requestfailed") as failed:
        page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "document.title = 'run'";
                document.body.append(script);
                const picture = document.createElement("img");
                picture.src = "https://example.com/picture.png";
                document.body.append(picture);
            }"""
        )
    assert page.title() != "run"
    assert (failed.value.url, failed.value.failure) == ("https://example.com/picture.png", "csp")
    assert len(opened.errors) >= 2, "the content security policy reports what it blocks"


@pytest.mark.slow
def test_it_is_read_by_keyboard_and_printed_in_full(open_file: Callable[..., ReportWindow]) -> None:
    page = open_file(width=chromium.NARROW, scheme="dark").page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**#classes")
    settings = page.get_by_role("region", name="Settings")
    expect(settings).to_be_hidden()
    page.locator("#training summary").press("Enter")
    expect(settings).to_be_visible()
    page.locator("#training summary").press("Enter")
    expect(settings).to_be_hidden()

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 37, 38)"
    expect(settings).to_be_visible()
    assert page.pdf()[:5] == b"%PDF-"


@pytest.mark.slow
def test_report_and_model_card_are_downloaded_from_the_export_view(
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
    assert (tmp_path / "report.json").read_text() == report.model_dump_json()
    assert describe(report.accuracy) in (tmp_path / "MODEL_CARD.md").read_text()
    page.goto((tmp_path / "report.html").as_uri())
    page.locator(DRAWN).wait_for(state="attached")
    expect(page.locator("header")).to_contain_text(report.headline)
