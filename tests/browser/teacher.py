"""Teach in the browser: two things that move before a camera, and a hand on the buttons."""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

from tests.browser import chromium
from tests.shapes import encoded

SCENE = 180
"""Frames of each thing: at 30 a second, six seconds."""
DISTANCES = """(view, means) => {
    const image = view.view.stage.grab();
    if (!image) return null;
    const sums = [0, 0, 0];
    for (let i = 0; i < image.data.length; i += 400)
        for (let c = 0; c < 3; c += 1) sums[c] += image.data[i + c] * 400 / image.data.length;
    return means.map(mean => mean.reduce((s, m, c) => s + (m - sums[c]) ** 2, 0));
}"""

CANVAS = """pictures => {
    window.scene = 0;
    navigator.mediaDevices.getUserMedia = async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
        const brush = canvas.getContext("2d");
        const seen = await Promise.all(pictures.map(async source => {
            const image = Object.assign(new Image(), { src: source });
            await image.decode();
            return image;
        }));
        setInterval(() => {
            const wave = Math.sin(performance.now() / 500);
            brush.resetTransform();
            brush.clearRect(0, 0, 640, 480);
            brush.setTransform(1 + wave / 5, wave / 8, -wave / 8, 1 + wave / 5, 40 * wave, 0);
            brush.drawImage(seen[window.scene], 0, 0);
        }, 30);
        return canvas.captureStream(30);
    };
}"""


def moved(picture: Image.Image, count: int = SCENE) -> list[Image.Image]:
    """The picture turned, shifted and nearer or further, a little more each time."""
    whole = picture.convert("RGB").resize((640, 480))
    found = []
    for number in range(count):
        turn = 12 * np.sin(2 * np.pi * number / count)
        edge = 0.75 + 0.2 * np.sin(4 * np.pi * number / count)
        width, height = 640 * edge, 480 * edge
        left = (640 - width) * (0.5 + 0.5 * np.sin(6 * np.pi * number / count))
        top = (480 - height) * (0.5 + 0.5 * np.cos(2 * np.pi * number / count))
        view = whole.rotate(turn, Image.Resampling.BILINEAR)
        found.append(view.resize((640, 480), box=(left, top, left + width, top + height)))
    return found


def film(pictures: Sequence[Image.Image], folder: Path) -> Path:
    """A film of things that move, one after the other, over and over."""
    return chromium.film([frame for one in pictures for frame in moved(one)], folder, 1)


def mean(picture: Image.Image) -> list[float]:
    """Its colour on average, as the camera shows it."""
    frames = moved(picture, 12)
    return np.mean([np.asarray(frame) for frame in frames], axis=(0, 1, 2)).tolist()


def camera(pictures: Sequence[Image.Image]) -> str:
    """A script that puts a camera in place of Chromium's, which shows what `show` says."""
    sources = []
    for picture in pictures:
        content = encoded(picture.convert("RGB").resize((640, 480)))
        sources.append(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}")
    return f"({CANVAS})({json.dumps(sources)})"


def show(view: Locator, place: int) -> None:
    """Hold one of its things before such a camera."""
    view.page.evaluate("place => { window.scene = place; }", place)
    view.page.wait_for_timeout(300)


def await_scene(view: Locator, means: Sequence[Sequence[float]], place: int) -> None:
    """Until the film has just come to one of its things."""
    page = view.page
    seen = None
    while True:
        found = view.evaluate(DISTANCES, means)
        now = None if found is None else int(np.argmin(found))
        if now == place and seen not in (None, place):
            return
        seen = now if now is not None else seen
        page.wait_for_timeout(40)


def hold(page: Page, name: str, seconds: float) -> None:
    """Hold the button of a class."""
    button = page.get_by_role("button", name=f"Hold to show {name}")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(1000 * seconds)
    page.mouse.up()


def photographs() -> list[Image.Image]:
    """Two photographs of different things."""
    from core.intake import samples
    from tests.conftest import PREFIX

    folder = os.environ.get(f"{PREFIX}PHOTOS")
    if folder:
        names = ("n01443537_goldfish.jpg", "n02279972_monarch.jpg")
        return [Image.open(Path(folder) / name) for name in names]
    import io

    return [Image.open(io.BytesIO(content)) for content in samples.photographs().values()][:2]
