"""A camera that sees things move, and a hand on the capture buttons."""

import base64
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator

from core.intake import samples
from tests.conftest import PREFIX
from tests.shapes import encoded

SIZE = (640, 480)
MEASURE_LAG = """view => {
    const { viewfinder } = view.view, grab = viewfinder.grabJpeg.bind(viewfinder);
    let captured = null;
    viewfinder.grabJpeg = (...how) => {
        captured = performance.now();
        delete view.dataset.lag;
        return grab(...how);
    };
    view.addEventListener("prediction", () => {
        if (captured === null || view.dataset.busy !== "false") return;
        view.dataset.lag = Math.round(performance.now() - captured);
        captured = null;
    });
}"""
CANVAS = """pictures => {
    window.scene = 0;
    navigator.mediaDevices.getUserMedia = async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
        const context = canvas.getContext("2d");
        const images = await Promise.all(pictures.map(async source => {
            const image = Object.assign(new Image(), { src: source });
            await image.decode();
            return image;
        }));
        setInterval(() => {
            const wave = Math.sin(performance.now() / 500);
            context.resetTransform();
            context.clearRect(0, 0, 640, 480);
            context.setTransform(1 + wave / 5, wave / 8, -wave / 8, 1 + wave / 5, 40 * wave, 0);
            context.drawImage(images[window.scene], 0, 0);
            window.drawn = window.scene;
        }, 200);
        return canvas.captureStream(5);
    };
}"""

SHOW = """(view, index) => {
    const video = view.querySelector("video");
    window.scene = index;
    window.shown = 0;
    const count = window.count = () => {
        if (window.count !== count) return;
        if (window.drawn === index) window.shown += 1;
        video.requestVideoFrameCallback(count);
    };
    video.requestVideoFrameCallback(count);
}"""


def camera(pictures: Sequence[Image.Image]) -> str:
    """A script that replaces the browser's camera with one that sees what `show` chooses."""
    sources = []
    for picture in pictures:
        content = encoded(picture.convert("RGB").resize(SIZE))
        sources.append(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}")
    return f"({CANVAS})({json.dumps(sources)})"


def show(view: Locator, index: int) -> None:
    """Hold one of the pictures before the camera, until its frames arrive."""
    view.evaluate(SHOW, index)
    view.page.wait_for_function("() => window.shown >= 3")


def hold(view: Locator, index: int, pictures: int = 3) -> None:
    """Hold the capture button of a class until it has so many pictures."""
    element = view.locator(".class").nth(index)
    button = element.locator(".capture")
    button.evaluate('button => button.scrollIntoView({ block: "center" })')  # not below the header
    box = button.bounding_box()
    assert box is not None
    mouse = view.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    element.locator(".strip li").nth(pictures - 1).wait_for()
    mouse.up()


def measure_lag(view: Locator) -> None:
    """Have `data-lag` of a view say how many milliseconds a prediction follows the last capture."""
    view.evaluate(MEASURE_LAG)


def photographs() -> list[Image.Image]:
    """Two photographs of different things."""
    folder = os.environ.get(f"{PREFIX}PHOTOS")
    if folder:
        names = ("n01443537_goldfish.jpg", "n02279972_monarch.jpg")
        return [Image.open(Path(folder) / name) for name in names]
    return [Image.open(io.BytesIO(sample.content)) for sample in samples.photographs().values()][:2]
