"""The live view with a camera that shows a film of two pictures, the real runtime, both engines."""

import base64
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocket, expect

from core import images, runs
from core.backbones import get
from core.intake import samples
from core.model.classifier import Classifier
from core.predict import lookup
from core.settings import Settings
from core.training import config
from tests.browser import chromium
from tests.browser.conftest import Taught
from tests.browser.server import Server
from tests.conftest import PREFIX
from tests.core.trainings import take_in, train
from tests.shapes import draw

HERE, THERE = "Frames never leave this device", "Frames are sent to this server"
ENDED = "() => window.tracks.length > 0 && window.tracks.every(t => t.readyState === 'ended')"
REMEMBER = """
    window.tracks = [];
    const media = navigator.mediaDevices, real = media.getUserMedia.bind(media);
    media.getUserMedia = async wanted => {
        const stream = await real(wanted);
        window.tracks.push(...stream.getTracks());
        return stream;
    };
"""
SEEN = """async (view, pixels) => {
    const bytes = Uint8Array.from(atob(pixels), c => c.charCodeAt(0));
    const { probabilities, heat, strangeness } = await view.view.engine.seePixels(bytes, 1);
    return { probabilities: Array.from(probabilities), heat: Array.from(heat), strangeness };
}"""
STRANGE = """(view, strangeness) => {
    const { engine } = view.view, see = engine.see.bind(engine);
    engine.see = async (...frame) => ({ ...await see(...frame), strangeness });
}"""
DEAF = """() => {
    const line = globalThis[Symbol.for("tusker.live.line")] ??= {};
    Object.defineProperty(line, "send", { get: () => () => {}, set: () => {} });
}"""
BUSY = """
    navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException('Could not start video source', 'NotReadableError');
    };
"""
LACKING = """v => v.view.check.show(
    {...v.view.data.model, check: {frames: 10, lacking: "Nothing was kept of how they look."}}
)"""
LOOKS = "Your camera looks"
FRAMES = 20
"""Of each picture: at 30 a second, it changes every two thirds of one."""

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def shown() -> list[Image.Image]:
    """What the film shows: two photographs that a model has other names for."""
    folder = os.environ.get(f"{PREFIX}PHOTOS")
    if folder:
        names = ("n01443537_goldfish.jpg", "n02279972_monarch.jpg")
        return [Image.open(Path(folder) / name) for name in names]
    return [Image.open(io.BytesIO(content)) for content in samples.photographs().values()][:2]


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.of_backbone(get("efficientnet-lite0"), Settings())


@pytest.fixture(scope="module")
def names(shown: list[Image.Image], model: Classifier) -> set[str]:
    """What the model calls the pictures."""
    frames = [np.asarray(chromium.framed(picture)) for picture in shown]
    answers = [model.answer(images.fit(frame, model.size, model.crop)) for frame in frames]
    found = {model.top(answer.probabilities, 1)[0].label for answer in answers}
    assert len(found) == 2
    return found


@pytest.fixture(scope="module")
def filmed(
    chrome: Browser, shown: list[Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Chromium whose camera sees the film."""
    film = chromium.film(shown, tmp_path_factory.mktemp("film"), FRAMES)
    with chromium.another(chrome.browser_type, *chromium.seeing(film)) as browser:
        yield browser


@pytest.fixture
def visit(filmed: Browser, server: Server) -> Iterator[Visit]:
    """`visit(prepare=None, script="", browser=filmed)`: Live chosen by somebody new."""
    contexts: list[BrowserContext] = []

    def come(
        prepare: Callable[[BrowserContext], None] | None = None,
        script: str = "",
        browser: Browser = filmed,
        path: str = "",
    ) -> Page:
        visitor = chromium.context(browser)
        contexts.append(visitor)
        if script:
            visitor.add_init_script(script)
        if prepare:
            prepare(visitor)
        page = visitor.new_page()
        page.goto(f"{server.url}/{path}")
        chromium.settle(page)
        page.get_by_role("radio", name="Live").first.click()
        return page

    yield come
    for visitor in contexts:
        visitor.close()


def _live(page: Page, engine: str) -> Locator:
    """The view, once that engine answers."""
    view = page.locator(f".live[data-engine={engine}][data-frames]")
    view.wait_for(timeout=chromium.PATIENCE)
    return view


def _follows(view: Locator, names: set[str]) -> None:
    """Fails unless each of the names is the first answer at some time."""
    # A set that is asked for, not a promise: Chromium may collect one that waits this long.
    view.evaluate(
        """view => {
            window.said = new Set();
            view.addEventListener("seen",
                () => window.said.add(view.querySelector(".label").textContent));
        }"""
    )
    view.page.wait_for_function(
        "names => names.every(name => window.said.has(name))", arg=sorted(names)
    )


def test_labels_change_with_the_picture_in_the_browser_and_nothing_is_sent(
    visit: Visit, runtime: None, names: set[str]
) -> None:
    sent: list[object] = []

    def overhear(visitor: BrowserContext) -> None:
        visitor.on("request", lambda request: sent.append(request.url))
        visitor.on("page", lambda page: page.on("websocket", heard))

    def heard(line: WebSocket) -> None:
        line.on("framesent", lambda frame: sent.append(frame))

    page = visit(overhear)
    view = _live(page, "browser")
    expect(view.get_by_text(HERE)).to_be_visible()
    chromium.settle(page)
    assert sent
    sent.clear()
    _follows(view, names)
    assert not sent
    expect(view.locator(".figures")).to_have_text(
        re.compile(r"[\d.]+ frames a second · \d+ ms a frame · in your browser")
    )


def test_the_browser_gives_the_answer_of_predict_for_the_same_pixels(
    visit: Visit, runtime: None, model: Classifier, shown: list[Image.Image]
) -> None:
    _agrees(_live(visit(), "browser"), model, shown)


def _agrees(view: Locator, model: Classifier, pictures: list[Image.Image]) -> None:
    for picture in pictures:
        pixels = images.fit(np.asarray(picture.convert("RGB")), model.size, model.crop)
        found = view.evaluate(SEEN, base64.b64encode(pixels.tobytes()).decode())
        answer = model.answer(pixels)
        np.testing.assert_allclose(found["probabilities"], answer.probabilities, atol=1e-3)
        heat = model.heatmaps(answer, [1])[0].ravel()
        np.testing.assert_allclose(found["heat"], heat, atol=2e-3 * np.abs(heat).max())
        if answer.ood_score is None:
            assert found["strangeness"] is None
        else:
            assert found["strangeness"] == pytest.approx(answer.ood_score, abs=1e-3)


def test_a_runtime_file_with_a_wrong_hash_is_refused_and_the_server_takes_over(
    visit: Visit, runtime: None, names: set[str]
) -> None:
    def spoil(visitor: BrowserContext) -> None:
        headers = {"Access-Control-Allow-Origin": "*"}
        spoiled = "globalThis.spoiled = true; self.ModuleFactory = () => { throw 1; };"
        visitor.route(
            "**/litert_wasm*_internal.js",
            lambda route: route.fulfill(body=spoiled, headers=headers),
        )

    view = _live(visit(spoil), "server")
    where = view.locator(".where")
    expect(where).to_contain_text(re.compile(r"file (litert|compat)\.js is not what it should be"))
    expect(where).to_contain_text(THERE)
    _follows(view, names)
    expect(view.locator(".figures")).to_contain_text("on this server")


def test_without_a_runtime_the_server_takes_over_and_says_so(visit: Visit) -> None:
    def cut(visitor: BrowserContext) -> None:
        visitor.route("**/@litertjs/**", lambda route: route.abort())

    view = _live(visit(cut), "server")
    expect(view.locator(".where")).to_contain_text("could not be fetched")
    expect(view.locator(".where")).to_contain_text(THERE)
    view.get_by_role("button", name="Heat map").click()
    expect(view.get_by_label("Places that speak for ")).to_be_visible()


def test_the_model_is_fetched_once_and_kept_by_its_hash(visit: Visit, runtime: None) -> None:
    page = visit()
    _live(page, "browser")
    kept = "async () => (await (await caches.open('tusker-live')).keys()).map(k => k.url)"
    assert len(page.evaluate(kept)) == 3
    page.reload()
    chromium.settle(page)
    # Whatever would come over the line now would be a failure.
    page.evaluate(DEAF)
    page.get_by_role("radio", name="Live").first.click()
    _live(page, "browser")


def test_the_camera_is_off_after_leaving(visit: Visit) -> None:
    page = visit(script=REMEMBER)
    page.locator(".live[data-live=true]").wait_for()
    assert not page.evaluate(ENDED)
    chromium.choose(page, "Upload")
    page.wait_for_function(ENDED)
    page.get_by_role("radio", name="Live").first.click()
    page.locator(".live[data-live=true]").wait_for()
    chromium.follow(page, "Train")
    page.wait_for_function(ENDED)


def test_a_camera_that_is_denied_missing_or_busy_is_told_in_words(
    visit: Visit, chrome: Browser
) -> None:
    kind, ui = chrome.browser_type, "--use-fake-ui-for-media-stream"
    with chromium.another(kind, f"{ui}=deny", without=[ui]) as denying:
        page = visit(browser=denying)
        expect(page.get_by_role("alert")).to_contain_text("The camera is blocked for this page.")
    with chromium.another(kind, without=["--use-fake-device-for-media-stream"]) as blind:
        page = visit(browser=blind)
        expect(page.get_by_role("alert")).to_contain_text("No camera was found.")
    page = visit(script=BUSY)
    expect(page.get_by_role("alert")).to_contain_text("The camera is busy")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_it_can_be_paused_mirrored_and_explained_from_the_keyboard(
    visit: Visit, runtime: None
) -> None:
    page = visit()
    view = _live(page, "browser")
    view.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    expect(view).to_have_attribute("data-live", "false")
    expect(view.locator(".figures")).to_contain_text("Held still")
    expect(view.locator(".now").first).to_contain_text(view.locator(".share").first.inner_text())
    page.wait_for_timeout(700)  # its answers have come
    held = view.get_attribute("data-frames")
    page.wait_for_timeout(300)
    assert view.get_attribute("data-frames") == held
    page.keyboard.press("p")
    expect(view).to_have_attribute("data-live", "true")
    page.keyboard.press("h")
    expect(view.get_by_label("Places that speak for ")).to_be_visible()
    page.keyboard.press("m")
    expect(view.get_by_role("button", name="Mirror")).to_have_attribute("aria-pressed", "false")


def _filming(chrome: Browser, pictures: list[Image.Image], folder: Path) -> Browser:
    film = chromium.film(pictures, folder, 3)
    return chromium.another(chrome.browser_type, *chromium.seeing(film))


def _checked(visit: Visit, browser: Browser, run_id: str) -> Locator:
    """The camera check after its press, once it has its verdict."""
    check = _live(visit(browser=browser, path=f"?run={run_id}"), "browser").locator(".check")
    check.get_by_role("button", name="Check my camera").click()
    expect(check.get_by_role("row")).to_have_count(5)
    return check


def test_a_camera_is_checked_against_the_training_pictures_at_a_press(
    visit: Visit, runtime: None, taught: Taught, chrome: Browser, tmp_path: Path
) -> None:
    pictures = [draw(label, number) for number in range(12) for label in range(3)]
    dark = [picture.point(lambda level: level // 5) for picture in pictures]
    with _filming(chrome, dark, tmp_path) as browser:
        check = _checked(visit, browser, taught.id)
        verdict = re.compile(r"unlike your training pictures: darker \(brightness \d+; 98 of 100")
        expect(check.get_by_role("status")).to_contain_text(verdict)
        expect(check).to_have_attribute("data-unlike", "true")
        expect(check.get_by_role("row", name="Brightness")).to_contain_text("darker")
        expect(check.get_by_text("For this alone, ten frames are sent")).to_be_visible()


def test_a_camera_that_shows_such_pictures_looks_like_them_and_a_soft_one_does_not(
    visit: Visit,
    runtime: None,
    datasets: Path,
    chrome: Browser,
    server: Server,
    tmp_path: Path,
) -> None:
    home = Settings(home=server.home)
    taken = take_in(tmp_path, datasets / "ants_bees.zip")
    done = train(taken, config.preset("quick"), runs.new_path(home), home)
    tested = [taken.pictures / example.path for example in done.run.dataset().of("test")[:40]]
    pictures = [Image.open(path).convert("RGB") for path in tested]
    with _filming(chrome, pictures, tmp_path) as browser:
        check = _checked(visit, browser, done.run.id)
        expect(check.get_by_role("status")).to_have_text(f"{LOOKS} like your training pictures.")
    soft = [p.filter(ImageFilter.GaussianBlur(min(p.size) / 60)) for p in pictures]
    with _filming(chrome, soft, tmp_path) as browser:
        said = _checked(visit, browser, done.run.id).get_by_role("status")
        expect(said).to_contain_text(f"{LOOKS} unlike your training pictures: blurrier (sharpness ")


def test_a_paused_camera_is_not_checked_nor_one_with_nothing_to_compare(
    visit: Visit, runtime: None, taught: Taught
) -> None:
    view = _live(visit(path=f"?run={taught.id}"), "browser")
    button = view.get_by_role("button", name="Check my camera")
    button.click()
    view.get_by_role("button", name="Pause").click()
    expect(view.get_by_text("The camera stopped meanwhile.")).to_be_visible()
    expect(button).to_be_disabled()
    view.evaluate(LACKING)
    expect(view.get_by_text("Nothing was kept of how")).to_be_visible()
    expect(button).to_be_hidden()
    view.evaluate("v => v.view.check.show({...v.view.data.model, check: null})")
    expect(view.locator(".check")).to_be_hidden()


def test_a_model_that_was_taught_here_answers_live_and_says_when_it_had_better_not(
    visit: Visit, runtime: None, taught: Taught, server: Server, shown: list[Image.Image]
) -> None:
    model = lookup.find(taught.id, Settings(home=server.home))
    view = _live(visit(path=f"?run={taught.id}"), "browser")
    _agrees(view, model, [*shown, draw(0, size=240)])
    view.evaluate("v => v.view.show({...v.view.data, model: {...v.view.data.model, threshold: 2}})")
    view.evaluate(STRANGE, 0.5)
    expect(view.get_by_text("Not sure: ")).to_be_visible()
    view.evaluate(STRANGE, 1.5)
    expect(view.get_by_text("Unlike anything it was taught")).to_be_visible()
