"""Capturing classes with a camera that sees two things move: trained, corrected, saved."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from core.jobs import cancel
from core.runs.run import Run
from core.settings import Settings
from tests.browser import chromium, moving_camera
from tests.browser.conftest import TRAINING
from tests.browser.moving_camera import hold, show
from tests.browser.server import Server, start
from tests.browser.test_live_prediction import ENDED, NO_RUNTIME, REMEMBER_TRACKS
from tests.shapes import draw

NAMES = ("Class 1", "Class 2")
REFUSE_HEADS = """view => {
    const { engine, viewfinder } = view.view, grab = viewfinder.grabJpeg.bind(viewfinder);
    engine.setHead = () => Promise.reject(new Error("There is no memory."));
    view.captured = 0;
    viewfinder.grabJpeg = (...how) => {
        const frame = grab(...how);
        if (frame) view.captured += 1;
        return frame;
    };
}"""

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def camera_context(chrome: Browser, camera_pictures: list[Image.Image]) -> Iterator[BrowserContext]:
    """A visitor whose browser keeps the app and the model from one test to the next."""
    with chromium.context(chrome) as visitor:
        visitor.add_init_script(f"{moving_camera.camera(camera_pictures)};{REMEMBER_TRACKS}")
        yield visitor


@pytest.fixture
def visit(camera_context: BrowserContext, server: Server) -> Iterator[Visit]:
    """`visit(runtime=True)`: a page where the camera is chosen on Train."""
    pages: list[Page] = []
    errors: list[str] = []

    def open_camera(runtime: bool = True) -> Page:
        page = camera_context.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if not runtime:
            page.route(NO_RUNTIME, lambda route: route.abort())
        page.goto(f"{server.url}/train")
        chromium.settle(page)
        chromium.choose(page, "Camera")
        return page

    yield open_camera
    for page in pages:
        page.close()
    assert not errors, errors


def _view(page: Page, engine: str) -> Locator:
    """The view, once the camera can capture."""
    view = page.locator(f".capture-view[data-engine={engine}][data-live=true][data-pictures]")
    view.wait_for(timeout=chromium.PATIENCE)
    return view


def _capture(view: Locator, pictures: int) -> None:
    moving_camera.measure_lag(view)
    for index in range(len(NAMES)):
        show(view, index)
        hold(view, index, pictures)
    view.page.locator(".capture-view[data-lag]").wait_for(timeout=chromium.PATIENCE)


def _expect_both_names(view: Locator) -> None:
    for index, name in enumerate(NAMES):
        show(view, index)
        expect(view).to_have_attribute("data-label", name)


def _files_on_disk(server: Server) -> set[Path]:
    """Pictures and runs, which is where a visitor's pictures would be written to."""
    return {path for name in ("uploads", "runs") for path in server.home.glob(f"{name}/*")}


def test_two_classes_are_captured_corrected_and_saved_and_the_camera_is_off(
    visit: Visit, runtime: None, server: Server, tmp_path: Path
) -> None:
    page = visit()
    view = _view(page, "browser")
    screen = view.locator("video").bounding_box()
    for button in view.locator(".capture").all():
        box = button.bounding_box()
        assert screen and box and box["x"] > screen["x"] + screen["width"], "beside the video"
        assert box["y"] + box["height"] < 900, "in sight without scrolling"
        assert box["height"] >= 48
    before = _files_on_disk(server)
    _capture(view, 6)
    _expect_both_names(view)

    count = int(view.get_attribute("data-pictures") or 0)
    view.locator(".class").first.locator(".delete").nth(2).click()
    expect(view).to_have_attribute("data-pictures", str(count - 1))
    first = view.locator(".class").first
    expect(first.get_by_role("img")).to_have_count(int(first.locator(".count").inner_text()))
    assert _files_on_disk(server) == before, "nothing is written before it is saved"

    name = view.get_by_role("textbox").first
    name.fill("my fish")
    name.press("Enter")
    expect(view.get_by_label("my fish", exact=True)).to_be_visible()
    count = int(first.locator(".count").inner_text())
    file = tmp_path / "file.png"
    draw(3, size=320).save(file)
    page.get_by_test_id("stExpander").locator("summary").click()
    chromium.upload(page, file)
    expect(_view(page, "browser").locator(".class").first.get_by_role("img")).to_have_count(
        count + 1
    )
    page.get_by_role("button", name="Train and save").click()
    page.wait_for_url("**run=**", timeout=TRAINING)
    page.wait_for_function(ENDED)
    (run_id,) = parse_qs(urlsplit(page.url).query)["run"]
    run = Run(server.home / "runs" / run_id)
    assert run.dataset().classes == ("Class 2", "my fish")
    cancel(run.job, Settings(home=server.home))


def test_captured_pictures_are_kept_if_the_browser_cannot_take_the_head(
    visit: Visit, runtime: None
) -> None:
    page = visit()
    _view(page, "browser").evaluate(REFUSE_HEADS)
    view = page.locator(".capture-view")
    for index in range(len(NAMES)):
        show(view, index)
        hold(view, index, 3)
    _view(page, "server")
    captured = view.evaluate("view => view.captured")
    expect(view).to_have_attribute("data-busy", "false")
    expect(view.locator(".error")).to_be_hidden()
    kept = int(view.get_attribute("data-pictures") or 0)
    assert kept + int(view.get_attribute("data-near-duplicates") or 0) == captured


@pytest.mark.slow
def test_the_server_predicts_where_the_browser_cannot_and_deletes_what_is_cleared(
    visit: Visit,
) -> None:
    page = visit(runtime=False)
    view = _view(page, "server")
    expect(view.locator("[data-location=server]")).to_be_visible()
    _capture(view, 6)
    _expect_both_names(view)
    page.get_by_test_id("stPopoverButton").click()
    page.get_by_test_id("stPopoverBody").get_by_role("button").click()
    expect(view).to_have_attribute("data-pictures", "0")
    expect(view).not_to_have_attribute("data-label", re.compile("."))

    page.keyboard.press("Escape")
    _capture(view, 6)
    # Requests for predictions come without a pause. None of them may reach the next page.
    page.get_by_test_id("stBaseButton-secondary").filter(has_text="tune").first.click()
    start_button = page.get_by_test_id("stBaseButton-primary").filter(has_text="Start")
    expect(start_button).to_be_visible(timeout=TRAINING)


@pytest.mark.slow
def test_pictures_are_captured_and_corrected_from_the_keyboard_and_fit_a_telephone(
    visit: Visit, runtime: None
) -> None:
    page = visit()
    view = _view(page, "browser")
    moving_camera.measure_lag(view)
    pictures = view.locator(".class").first.locator(".strip li")
    page.keyboard.down("1")
    pictures.nth(1).wait_for()
    page.keyboard.down("Shift")
    page.keyboard.up("Digit1")  # with Shift this key is an exclamation mark
    page.keyboard.up("Shift")
    expect(view).to_have_attribute("data-capturing", "")
    view.locator(".class").nth(1).locator(".capture").focus()
    page.keyboard.down("Space")
    view.locator(".class").nth(1).locator(".strip li").nth(1).wait_for()
    page.keyboard.up("Space")
    page.locator(".capture-view[data-lag]").wait_for()

    count = pictures.count()
    pictures.last.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(pictures).to_have_count(count - 1)

    name = view.get_by_role("textbox").nth(1)
    name.fill("class 1")
    name.press("Enter")
    expect(view.locator(".error")).to_be_visible()
    expect(name).to_have_value("Class 2")
    # A digit that is typed into a name captures nothing.
    name.press_sequentially("12")
    expect(view).to_have_attribute("data-capturing", "")

    page.set_viewport_size({"width": chromium.NARROW, "height": 900})
    chromium.settle(page)
    assert chromium.overflow(page) <= 0


@pytest.mark.slow
def test_after_a_restart_of_the_server_the_view_starts_again_with_a_message(
    chrome: Browser, runtime: None, tmp_path: Path
) -> None:
    with chromium.context(chrome) as visitor:
        with start(tmp_path) as server:
            page = visitor.new_page()
            page.goto(f"{server.url}/train")
            chromium.settle(page)
            chromium.choose(page, "Camera")
            view = page.locator(".capture-view[data-live=true][data-pictures]")
            view.wait_for()
            hold(view, 0, 1)
            page.locator(".capture-view[data-busy=false]").wait_for()
        with start(tmp_path, port=urlsplit(server.url).port or 0):
            expect(view.locator(".error")).to_be_visible(timeout=TRAINING)
            expect(view).to_have_attribute("data-pictures", "0")
            expect(view.get_by_role("img")).to_have_count(0)
            hold(view, 0, 1)
