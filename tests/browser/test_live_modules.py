"""JavaScript that must compute the same as Python, compared on the same numbers."""

import base64
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext
from safetensors.numpy import save

from core import images
from core.live.parts import compress, reference_picture
from core.model import heatmap
from core.model.dense import DenseHead
from core.model.ood import OodDetector
from tests.browser import chromium
from tests.browser.server import ROOT, Server
from ui.text import share

SOURCES = ROOT / "ui" / "live_camera"
IMPORT = """async ({ source, act, given }) => {
    const blob = new Blob([source], { type: "text/javascript" });
    const module = await import(URL.createObjectURL(blob));
    return await (0, eval)(act)(module, given);
}"""

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(visitors: Callable[[int, str], BrowserContext], server: Server) -> Run:
    """`run("pixels.js", "(module, given) => …", given)`: what a module makes of something."""
    page = visitors(chromium.WIDE, "light").new_page()
    page.goto(f"{server.url}/_stcore/health")

    def call(name: str, function: str, argument: object = None) -> Any:
        source = Path(SOURCES / name).read_text()
        return page.evaluate(IMPORT, {"source": source, "act": function, "given": argument})

    return call


def test_a_closed_connection_sends_nothing_more_and_leaves_the_channel_to_the_next(
    run: Run,
) -> None:
    sent, errors, versions, released = run(
        "connection.js",
        """async ({ Connection }) => {
            const channel = globalThis[Symbol.for("tusker.live")] = { send: null, receive: null };
            const receive = (header) => {
                const text = new TextEncoder().encode(JSON.stringify(header));
                const bytes = new Uint8Array(4 + text.length);
                new DataView(bytes.buffer).setUint32(0, text.length, true);
                bytes.set(text, 4);
                channel.receive(bytes);
            };
            const sent = [], versions = [];
            const first = new Connection();
            const closed = ["a", "b"].map((id) => first.request({ id }).catch((e) => e.message));
            first.close();
            channel.send = (request) => sent.push(request);
            const errors = await Promise.all(closed);
            const released = channel.receive === null;
            const second = new Connection(), third = new Connection();
            third.onMessage = ({ version }) => versions.push(version);
            second.close();
            const response = third.request({ id: "c" });
            while (!sent.length) await new Promise((resolve) => setTimeout(resolve, 1));
            receive({ number: sent[0].number, version: 7 });
            await response;
            receive({ number: -1, version: 8 });
            return [sent.map(({ id }) => id), errors, versions, released];
        }""",
    )
    assert sent == ["c"]
    assert errors == ["The view was closed."] * 2
    assert versions == [7, 8], "responses tell of changes as well"
    assert released


@pytest.mark.parametrize("shape", [(480, 640), (700, 333), (224, 224), (120, 160)])
def test_a_frame_is_cropped_and_resized_as_a_file_is(run: Run, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    picture = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    rgba = np.dstack([picture, np.full(shape, 255, np.uint8)])
    result = run(
        "pixels.js",
        """(pixels, { data, width, height }) => {
            const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
            return Array.from(pixels.fit({ data: bytes, width, height }, 96, 0.875));
        }""",
        {
            "data": base64.b64encode(rgba.tobytes()).decode(),
            "height": shape[0],
            "width": shape[1],
        },
    )
    # Pillow takes upright pictures column by column first, which rounds the other way.
    off = 0 if shape[0] < 1.5 * shape[1] else 1
    np.testing.assert_allclose(result, images.crop_and_resize(picture, 96, 0.875).ravel(), atol=off)


def test_the_reference_picture_is_the_same(run: Run) -> None:
    picture = run("pixels.js", "pixels => Array.from(pixels.referencePicture(224))")
    np.testing.assert_array_equal(picture, reference_picture(224).ravel())


@pytest.mark.parametrize("widths", [(40, 5), (40, 12, 5), (40, 12, 9, 5)])
def test_a_head_predicts_and_explains_as_in_python(run: Run, widths: tuple[int, ...]) -> None:
    random = np.random.default_rng(2)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    head = DenseHead(tuple((normal(a, b), normal(b)) for a, b in itertools.pairwise(widths)))
    directions = np.linalg.qr(normal(40, 6))[0].T.astype(np.float32) * 0.7
    ood_detector = OodDetector(np.abs(normal(4, 40)) / 8, np.ascontiguousarray(directions), 0.8)
    map_ = np.abs(normal(3, 3, 40))
    embedding = map_.mean(axis=(0, 1))
    tensors = head.arrays() | {f"ood.{n}": a for n, a in ood_detector.arrays().items()}
    result = run(
        "head.js",
        """({ Head, readTensors }, { tensors, embedding, map }) => {
            const bytes = Uint8Array.from(atob(tensors), c => c.charCodeAt(0));
            const head = new Head(readTensors(bytes.buffer));
            const values = Float32Array.from(embedding);
            return {
                probabilities: Array.from(head.probabilities(values)),
                oodScore: head.oodScore(values),
                heat: Array.from(head.heat(Float32Array.from(map), values, 3)),
            };
        }""",
        {
            "tensors": base64.b64encode(save(tensors)).decode(),
            "embedding": embedding.tolist(),
            "map": map_.ravel().tolist(),
        },
    )
    rows = embedding[None]
    np.testing.assert_allclose(result["probabilities"], head.probabilities(rows)[0], atol=1e-5)
    assert result["oodScore"] == pytest.approx(ood_detector.ood_score(rows)[0], abs=1e-4)
    expected = heatmap.class_maps(map_, head, [3], map_.mean((0, 1)))[0].ravel()
    np.testing.assert_allclose(result["heat"], expected, rtol=1e-3, atol=1e-4)


def test_compressed_parts_are_expanded_again(run: Run) -> None:
    content = np.random.default_rng(3).bytes(1_003)
    result = run(
        "parts.js",
        """async (parts, compressed) => {
            const bytes = Uint8Array.from(atob(compressed), c => c.charCodeAt(0));
            return Array.from(new Uint8Array(await parts.expand(bytes)));
        }""",
        base64.b64encode(compress(content)).decode(),
    )
    assert bytes(result)[:1_003] == content


def test_shares_are_written_as_elsewhere(run: Run) -> None:
    values = [0, 0.0004, 0.004, 0.00996, 0.25, 0.9904, 0.994, 0.9996, 1]
    written = run("prediction_panel.js", "(panel, values) => values.map(panel.percent)", values)
    assert written == [share(value) for value in values]


def test_smoothing_does_not_depend_on_the_frame_rate(run: Run) -> None:
    slow, fast = run(
        "smoothing.js",
        """({ Smoothing }) => [100, 10].map(step => {
            const smoothing = new Smoothing();
            smoothing.update([0], 0);
            for (let now = step; now <= 300; now += step) smoothing.update([1], now);
            return smoothing.update([1], 300)[0];
        })""",
    )
    assert slow == pytest.approx(fast, abs=1e-6)
    assert 0.6 < slow < 0.7
