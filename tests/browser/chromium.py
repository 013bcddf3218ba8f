"""Drive the system's Chromium: find and start it, and wait until a page has settled."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    Locator,
    Page,
    Playwright,
)

from tests.shapes import encoded

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # CI is root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
SLOW_CAMERA = """
    const media = navigator.mediaDevices, real = media?.getUserMedia.bind(media);
    if (media) media.getUserMedia = wanted =>
        real({ ...wanted, video: { ...wanted.video, frameRate: { max: 5 } } });
"""
"""The live view predicts every frame: at the usual 30 a second, it would take a whole core."""
WIDE, NARROW = 1400, 400
PATIENCE = 120_000
"""Milliseconds that a page may take to settle."""

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
_RUN_AXE = """async only => {
    const some = only && { runOnly: only };
    const rules = Object.fromEntries(
        ["target-size", "label-content-name-mismatch"].map(rule => [rule, { enabled: true }]));
    const { violations } = await axe.run(document, some ?? { rules });
    return violations.filter(({ id }) => id !== "presentation-role-conflict").flatMap(
        ({ id, nodes }) => nodes.map(({ html, any, all, none }) =>
            `${id}: ${html.slice(0, 200)}: ${[...any, ...all, ...none][0]?.message}`));
}"""

_SETTLED = """quiet => {
    const app = document.querySelector('[data-testid="stApp"]');
    const idle = app?.dataset.testScriptState === "notRunning"
        && app.dataset.testConnectionState === "CONNECTED"
        && !document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]')
        && [...document.images].every((image) => image.complete);
    if (!idle) { delete window.idleSince; return false; }
    window.idleSince ??= performance.now();
    return performance.now() - window.idleSince >= quiet;
}"""


def find() -> str | None:
    """Path of a Chromium on this machine; Debian's is `/usr/bin/chromium`."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def film(pictures: Sequence[Image.Image], folder: Path, frames: int) -> Path:
    """A film for Chromium's fake camera: so many frames of each picture, over and over."""
    path = folder / "camera.mjpeg"
    path.write_bytes(b"".join(encoded(as_camera_frame(picture)) * frames for picture in pictures))
    return path


def as_camera_frame(picture: Image.Image) -> Image.Image:
    """A picture as the fake camera shows it."""
    return ImageOps.pad(picture.convert("RGB"), (640, 480))


def launch(playwright: Playwright, film: Path | None = None) -> Browser:
    """Start Chromium without a window; `film` is what its camera sees."""
    return launch_with(playwright.chromium, *camera_arguments(film))


def camera_arguments(film: Path | None) -> tuple[str, ...]:
    """The argument that makes Chromium's camera show a film."""
    return (f"--use-file-for-fake-video-capture={film}",) if film else ()


def launch_with(kind: BrowserType, *extra: str, without: Sequence[str] = ()) -> Browser:
    """Start one with more arguments, or without some that are usual."""
    arguments = [argument for argument in ARGUMENTS if argument not in without]
    return kind.launch(executable_path=find(), args=[*arguments, *extra])


def context(
    browser: Browser, *, width: int = WIDE, scheme: str = "light", slow_camera: bool = True
) -> BrowserContext:
    """A new visitor with a window of that width in pixels, who prefers `light` or `dark`."""
    visitor = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        permissions=["camera"],
        locale="en-GB",
        reduced_motion="reduce",
    )
    visitor.set_default_timeout(PATIENCE)
    if slow_camera:
        visitor.add_init_script(f"{{{SLOW_CAMERA}}}")
    return visitor


def settle(page: Page, *, quiet: int = 300, timeout: int = PATIENCE) -> None:
    """Wait until the script has been idle for a while and nothing is stale or still being loaded.

    Args:
        page: it shows the app.
        quiet: milliseconds of idleness; covers the moment between a click and its rerun.
        timeout: milliseconds until it is a failure.
    """
    page.evaluate("() => { delete window.idleSince }")
    page.wait_for_function(_SETTLED, arg=quiet, timeout=timeout, polling=50)


def press(page: Page, label: str) -> None:
    """Press the first button of that label, once there is one.

    Buttons of the toolbar that Streamlit lays over a picture are named after the picture.
    """
    not_in_toolbar = page.locator(':not([kind="elementToolbar"])')
    page.get_by_role("button", name=label).and_(not_in_toolbar).first.click()
    settle(page)


def start_button(page: Page) -> Locator:
    """The button on Train that starts the training."""
    return page.get_by_test_id("stBaseButton-primary").filter(has_text="Start")


def choose(page: Page, option: str) -> None:
    """Choose one of a few options."""
    pick(page, option)
    settle(page)


def pick(page: Page, option: str, *, exact: bool = False) -> None:
    """Choose one of a few options without waiting. Its input is hidden behind its label."""
    radio = page.get_by_role("radio", name=option, exact=exact).first
    radio.evaluate("radio => radio.click()")


def follow(page: Page, title: str) -> None:
    """Go to another page by the navigation at the top of a wide window."""
    page.get_by_test_id("stTopNavLink").filter(has_text=title).click()
    page.get_by_test_id("stAppViewContainer").wait_for()
    settle(page)


def upload(page: Page, *files: Path, index: int = 0) -> None:
    """Give files to the page's uploader, the first or the one of that index."""
    chooser = page.get_by_test_id("stFileUploaderDropzoneInput").nth(index)
    with page.expect_response(lambda response: response.request.method == "PUT"):
        chooser.set_input_files([str(file) for file in files])
    settle(page)


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def axe_violations(page: Page, *, dark: bool = True) -> list[str]:
    """Violations that axe finds on a page; none if npm has not installed axe.

    Left out is the role of Streamlit's own frame of an uploader, which axe calls minor.

    Args:
        page: a settled page in light colours.
        dark: whether to check the contrast in dark colours too.
    """
    if not AXE.is_file():
        return []
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text())
    violations = page.evaluate(_RUN_AXE, None)
    if dark:
        page.emulate_media(color_scheme="dark")
        settle(page)
        violations += page.evaluate(_RUN_AXE, ["color-contrast"])
        page.emulate_media(color_scheme="light")
    return violations


def screenshot(page: Page, path: Path) -> None:
    """Save the whole page as PNG."""
    window = page.viewport_size
    unfold(page)
    page.screenshot(path=path)
    page.set_viewport_size(window)


def unfold(page: Page) -> None:
    """Make the window as high as the page, which scrolls inside it otherwise."""
    if page.get_by_test_id("stApp").count():
        height = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
        width = page.viewport_size["width"]
        page.set_viewport_size({"width": width, "height": max(height, 900)})
        settle(page)  # charts are drawn again
