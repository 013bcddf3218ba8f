"""Live prediction: a camera that shows a film of two pictures, the real runtime, both engines."""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocket, expect

from core import images, runs
from core.backbones import get
from core.model.classifier import Classifier
from core.predict import lookup
from core.runs.run import Run
from core.settings import Settings
from core.training import config
from tests.browser import chromium
from tests.browser.server import Server
from tests.core.trainings import import_dataset, train
from tests.shapes import draw

NO_RUNTIME = "**/@litertjs/**"
ENDED = "() => window.tracks.length > 0 && window.tracks.every(t => t.readyState === 'ended')"
REMEMBER_TRACKS = """
    window.tracks = [];
    const media = navigator.mediaDevices, real = media.getUserMedia.bind(media);
    media.getUserMedia = async wanted => {
        const stream = await real(wanted);
        window.tracks.push(...stream.getTracks());
        return stream;
    };
"""
PREDICT = """async (view, { rgba, width, height }) => {
    const data = Uint8ClampedArray.from(atob(rgba), c => c.charCodeAt(0));
    const image = new ImageData(data, width, height);
    const { probabilities, heat, oodScore } = await view.view.engine.predict(image, 1);
    return { probabilities: Array.from(probabilities), heat: Array.from(heat), oodScore };
}"""
FAKE_OOD_SCORE = """(view, oodScore) => {
    const { engine } = view.view, predict = engine.predict.bind(engine);
    engine.predict = async (...frame) => ({ ...await predict(...frame), oodScore });
}"""
DISCONNECT = """() => {
    const channel = globalThis[Symbol.for("tusker.live")] ??= {};
    Object.defineProperty(channel, "send", { get: () => () => {}, set: () => {} });
}"""
BUSY_CAMERA = """
    navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException('Could not start video source', 'NotReadableError');
    };
"""
UPDATE_MODEL = """(view, change) => {
    const { data } = view.view;
    view.view.update({ ...data, model: { ...data.model, ...change } });
}"""
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.of_backbone(get("efficientnet-lite0"), Settings())


@pytest.fixture(scope="module")
def names(camera_pictures: list[Image.Image], model: Classifier) -> set[str]:
    """The classes that the model predicts for the film."""
    frames = [np.asarray(chromium.as_camera_frame(picture)) for picture in camera_pictures]
    answers = [
        model.answer(images.crop_and_resize(frame, model.size, model.crop)) for frame in frames
    ]
    names = {model.top(answer.probabilities, 1)[0].label for answer in answers}
    assert len(names) == 2
    return names


@pytest.fixture
def visit(
    chrome: Browser, visitors: Callable[[int, str], BrowserContext], server: Server
) -> Iterator[Visit]:
    """`visit(path="", prepare=None, script="", browser=chrome)`: a page where Live is chosen.

    With `prepare`, `script` or another browser it is the page of a new visitor.
    """
    opened: list[Page | BrowserContext] = []

    def open_live(
        path: str = "",
        prepare: Callable[[BrowserContext], None] | None = None,
        script: str = "",
        browser: Browser = chrome,
    ) -> Page:
        visitor = visitors(chromium.WIDE, "light")
        if prepare or script or browser is not chrome:
            visitor = chromium.context(browser)
            opened.append(visitor)
            visitor.add_init_script(script)
        if prepare:
            prepare(visitor)
        page = visitor.new_page()
        opened.append(page)
        page.goto(f"{server.url}/{path}")
        chromium.settle(page)
        chromium.choose(page, "Live")
        return page

    yield open_live
    for page_or_context in reversed(opened):
        page_or_context.close()


def _view(page: Page, engine: str) -> Locator:
    """The view, once that engine predicts."""
    view = page.locator(f".live[data-engine={engine}][data-frames]")
    view.wait_for(timeout=chromium.PATIENCE)
    return view


def _follows(view: Locator, names: set[str]) -> None:
    """Fails unless each of the names is predicted at some time."""
    # A set and no promise: Chromium may collect a promise that waits this long.
    view.evaluate(
        """view => {
            window.predicted = new Set();
            view.addEventListener("prediction", () => window.predicted.add(view.dataset.label));
        }"""
    )
    view.page.wait_for_function(
        "names => names.every(name => window.predicted.has(name))", arg=sorted(names)
    )


def _agrees(view: Locator, model: Classifier, pictures: list[Image.Image]) -> None:
    """Fails unless the browser predicts for the same frames what Python does."""
    for picture in pictures:
        rgba = base64.b64encode(picture.convert("RGBA").tobytes()).decode()
        frame = {"rgba": rgba, "width": picture.width, "height": picture.height}
        prediction = view.evaluate(PREDICT, frame)
        pixels = np.asarray(picture.convert("RGB"))
        expected = model.answer(images.crop_and_resize(pixels, model.size, model.crop))
        np.testing.assert_allclose(prediction["probabilities"], expected.probabilities, atol=1e-3)
        heat = model.heatmaps(expected, [1])[0].ravel()
        np.testing.assert_allclose(prediction["heat"], heat, atol=2e-3 * np.abs(heat).max())
        assert prediction["oodScore"] == pytest.approx(expected.ood_score, abs=1e-3)


def test_the_browser_follows_the_camera_as_python_would_and_sends_nothing(
    visit: Visit,
    runtime: None,
    names: set[str],
    model: Classifier,
    camera_pictures: list[Image.Image],
) -> None:
    sent: list[object] = []

    def listen(visitor: BrowserContext) -> None:
        visitor.on("request", lambda request: sent.append(request.url))
        visitor.on("page", lambda page: page.on("websocket", listen_to))

    def listen_to(websocket: WebSocket) -> None:
        websocket.on("framesent", lambda frame: sent.append(frame))

    page = visit(prepare=listen)
    view = _view(page, "browser")
    expect(view.locator("[data-location=browser]")).to_be_visible()
    chromium.settle(page)
    assert sent
    sent.clear()
    _follows(view, names)
    _agrees(view, model, camera_pictures)
    assert not sent

    parts = "async () => (await (await caches.open('tusker-live')).keys()).length"
    assert page.evaluate(parts) == 3
    page.reload()
    chromium.settle(page)
    page.evaluate(DISCONNECT)  # whatever the cache does not have never arrives
    chromium.choose(page, "Live")
    _view(page, "browser")


@pytest.mark.slow
def test_a_runtime_file_with_a_wrong_hash_is_refused_and_the_server_takes_over(
    visit: Visit, runtime: None, names: set[str]
) -> None:
    def replace_file(visitor: BrowserContext) -> None:
        headers = {"Access-Control-Allow-Origin": "*"}
        body = "self.ModuleFactory = () => { throw 1; };"
        visitor.route(
            "**/litert_wasm*_internal.js", lambda route: route.fulfill(body=body, headers=headers)
        )

    view = _view(visit(prepare=replace_file), "server")
    location = view.locator("[data-location=server] .location")
    expect(location).to_contain_text(re.compile(r"(litert|compat)\.js is not what it should be"))
    _follows(view, names)


def test_without_a_runtime_the_server_takes_over_and_draws_heat_maps(visit: Visit) -> None:
    view = _view(
        visit(prepare=lambda v: v.route(NO_RUNTIME, lambda route: route.abort())), "server"
    )
    location = view.locator("[data-location=server] .location")
    expect(location).to_contain_text("could not be fetched")
    view.get_by_role("button", name="Heat map").click()
    expect(view.get_by_role("img", name="Heat map for ")).to_be_visible()


@pytest.mark.slow
def test_the_camera_is_off_after_leaving(visit: Visit) -> None:
    page = visit(script=REMEMBER_TRACKS)
    page.locator(".live[data-live=true]").wait_for()
    assert not page.evaluate(ENDED)
    chromium.choose(page, "Upload")
    page.wait_for_function(ENDED)
    chromium.choose(page, "Live")
    page.locator(".live[data-live=true]").wait_for()
    chromium.follow(page, "Train")
    page.wait_for_function(ENDED)


@pytest.mark.slow
def test_a_camera_that_is_denied_missing_or_busy_is_explained(
    visit: Visit, chrome: Browser
) -> None:
    kind, ui = chrome.browser_type, "--use-fake-ui-for-media-stream"
    with chromium.launch_with(kind, f"{ui}=deny", without=[ui]) as denying:
        page = visit(browser=denying)
        expect(page.locator(".notice")).to_contain_text("blocked")
    with chromium.launch_with(kind, without=["--use-fake-device-for-media-stream"]) as blind:
        page = visit(browser=blind)
        expect(page.locator(".notice")).to_contain_text("No camera")
    page = visit(script=BUSY_CAMERA)
    expect(page.locator(".notice")).to_contain_text("busy")
    expect(page.locator(".notice").get_by_role("button")).to_be_visible()


@pytest.mark.slow
def test_it_is_paused_mirrored_and_explained_from_the_keyboard(visit: Visit, runtime: None) -> None:
    page = visit()
    view = _view(page, "browser")
    view.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    expect(view).to_have_attribute("data-live", "false")
    expect(view.locator(".figures")).to_contain_text("Paused")
    expect(view.locator(".current").first).to_contain_text(
        view.locator(".share").first.inner_text()
    )
    frames = -1
    while frames != (frames := int(view.get_attribute("data-frames") or 0)):
        page.wait_for_timeout(500)  # a paused picture is predicted twice at most
    page.keyboard.press("p")
    expect(view).to_have_attribute("data-live", "true")
    page.keyboard.press("h")
    expect(view.get_by_role("img", name="Heat map for ")).to_be_visible()
    page.keyboard.press("m")
    expect(view.get_by_role("button", name="Mirror")).to_have_attribute("aria-pressed", "false")


@pytest.mark.slow
def test_a_trained_model_predicts_live_and_warns_when_it_is_unsure(
    visit: Visit,
    runtime: None,
    trained_run: Run,
    server: Server,
    camera_pictures: list[Image.Image],
) -> None:
    view = _view(visit(f"?run={trained_run.id}"), "browser")
    model = lookup.find(trained_run.id, Settings(home=server.home))
    _agrees(view, model, [*camera_pictures, draw(0, size=240)])
    view.evaluate(UPDATE_MODEL, {"threshold": 2})
    view.evaluate(FAKE_OOD_SCORE, 0.5)
    expect(view.locator(".verdict")).to_contain_text("Not sure")
    view.evaluate(FAKE_OOD_SCORE, 1.5)
    expect(view.locator(".verdict")).to_contain_text("Not like the training pictures")

    check = view.locator(".check")
    button = check.get_by_role("button")
    button.click()
    view.get_by_role("button", name="Pause").focus()
    view.page.keyboard.press("Enter")
    expect(check.locator(".result")).to_contain_text("stopped")
    expect(button).to_be_disabled()
    view.evaluate(UPDATE_MODEL, {"check": {"frames": 10, "missing": "Nothing to compare with."}})
    expect(check.get_by_text("Nothing to compare with.")).to_be_visible()
    expect(button).to_be_hidden()
    view.evaluate(UPDATE_MODEL, {"check": None})
    expect(check).to_be_hidden()


def _check(
    visit: Visit, chrome: Browser, run_id: str, pictures: list[Image.Image], folder: Path
) -> tuple[str, str]:
    """Verdict of a camera that sees the pictures, and the table beside it."""
    film = chromium.film(pictures, folder, 3)
    with chromium.launch_with(chrome.browser_type, *chromium.camera_arguments(film)) as browser:
        page = visit(f"?run={run_id}", browser=browser)
        check = _view(page, "browser").locator(".check")
        check.get_by_role("button").click()
        expect(check.get_by_role("row")).to_have_count(5)
        return check.locator(".result").inner_text(), check.get_by_role("table").inner_text()


@pytest.mark.slow
def test_a_camera_is_checked_against_the_training_pictures_at_a_press(
    visit: Visit, runtime: None, trained_run: Run, chrome: Browser, tmp_path: Path
) -> None:
    pictures = [draw(label, number) for number in range(12) for label in range(3)]
    dark = [picture.point(lambda level: level // 5) for picture in pictures]
    verdict, table = _check(visit, chrome, trained_run.id, dark, tmp_path)
    assert re.search(r" differ .*: darker \(brightness \d+; 98 of 100", verdict)
    assert "darker" in table


@pytest.mark.slow
def test_a_camera_that_shows_such_pictures_looks_like_them_and_a_soft_one_does_not(
    visit: Visit, runtime: None, datasets: Path, chrome: Browser, server: Server, tmp_path: Path
) -> None:
    home = Settings(home=server.home)
    imported = import_dataset(tmp_path, datasets / "ants_bees.zip")
    run = train(imported, config.preset("quick"), runs.new_path(home), home).run
    tested = [imported.pictures / example.path for example in run.dataset().of("test")[:40]]
    sharp = [Image.open(path).convert("RGB") for path in tested]
    verdict, _ = _check(visit, chrome, run.id, sharp, tmp_path)
    assert "differ" not in verdict
    soft = [p.filter(ImageFilter.GaussianBlur(min(p.size) / 60)) for p in sharp]
    verdict, _ = _check(visit, chrome, run.id, soft, tmp_path)
    assert re.search(r" differ .*: blurrier \(sharpness ", verdict)
