"""What JavaScript does as Python does, held against it on the same numbers, in Chromium."""

import base64
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page
from safetensors.numpy import save

from core import images
from core.live import packing
from core.live.parts import proof
from core.model import heatmap
from core.model.dense import DenseHead
from core.model.ood import OodDetector
from tests.browser.server import ROOT
from ui.text import share

SOURCES = ROOT / "ui" / "live_camera"
IMPORT = """async ({ source, act, given }) => {
    const blob = new Blob([source], { type: "text/javascript" });
    const module = await import(URL.createObjectURL(blob));
    return await (0, eval)(act)(module, given);
}"""

Run = Callable[..., Any]


@pytest.fixture
def run(open_page: Callable[..., Page]) -> Run:
    """`run("pixels.js", "(module, given) => …", given)`: what a module makes of something."""
    page = open_page("_stcore/health", bare=True)

    def ask(name: str, act: str, given: object = None) -> Any:
        source = Path(SOURCES / name).read_text()
        return page.evaluate(IMPORT, {"source": source, "act": act, "given": given})

    return ask


def test_a_view_that_was_closed_asks_nothing_more_and_leaves_the_line_to_the_next(
    run: Run,
) -> None:
    sent, refusals, told, free = run(
        "asking.js",
        """async ({ Asking }) => {
            const line = (globalThis[Symbol.for("tusker.live.line")] =
                { send: null, hear: null, ready: null });
            const says = (header) => {
                const text = new TextEncoder().encode(JSON.stringify(header));
                const bytes = new Uint8Array(4 + text.length);
                new DataView(bytes.buffer).setUint32(0, text.length, true);
                bytes.set(text, 4);
                line.hear(bytes);
            };
            const tick = () => new Promise((resolve) => setTimeout(resolve, 10));
            const sent = [], told = [];
            const first = new Asking();
            const asked = ["a", "b"].map((act) => first.ask({ act }).catch((e) => e.message));
            await tick();
            first.close();
            line.ready?.();
            line.send = (question) => sent.push(question);
            const refusals = await Promise.all(asked);
            const early = line.hear === null && line.ready === null;
            const gone = new Asking(), next = new Asking();
            next.heard = ({ version }) => told.push(version);
            gone.close();
            const answer = next.ask({ act: "c" });
            await tick();
            says({ number: sent[0].number, version: 7 });
            await answer;
            says({ number: -1, version: 8 });
            return [sent.map(({ act }) => act), refusals, told, early];
        }""",
    )
    assert sent == ["c"]
    assert refusals == ["The view was closed."] * 2
    assert told == [7, 8], "answers tell of changes as well"
    assert free


@pytest.mark.parametrize("shape", [(480, 640), (700, 333), (224, 224), (120, 160)])
def test_a_frame_is_cut_and_resized_as_a_file_is(run: Run, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    picture = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    rgba = np.dstack([picture, np.full(shape, 255, np.uint8)])
    found = run(
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
    np.testing.assert_allclose(found, images.fit(picture, 96, 0.875).ravel(), atol=off)


def test_the_picture_of_the_proof_is_the_same(run: Run) -> None:
    found = run("pixels.js", "pixels => Array.from(pixels.proof(224))")
    np.testing.assert_array_equal(found, proof(224).ravel())


@pytest.mark.parametrize("widths", [(40, 5), (40, 12, 5), (40, 12, 9, 5)])
def test_a_head_answers_and_explains_alike(run: Run, widths: tuple[int, ...]) -> None:
    random = np.random.default_rng(2)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    head = DenseHead(tuple((normal(a, b), normal(b)) for a, b in itertools.pairwise(widths)))
    directions = np.linalg.qr(normal(40, 6))[0].T.astype(np.float32) * 0.7
    ood_detector = OodDetector(np.abs(normal(4, 40)) / 8, np.ascontiguousarray(directions), 0.8)
    map_ = np.abs(normal(3, 3, 40))
    embedding = map_.mean(axis=(0, 1))
    tensors = head.arrays() | {f"novelty.{n}": a for n, a in ood_detector.arrays().items()}
    found = run(
        "head.js",
        """({ Head, readTensors }, { tensors, embedding, map }) => {
            const bytes = Uint8Array.from(atob(tensors), c => c.charCodeAt(0));
            const head = new Head(readTensors(bytes.buffer));
            const values = Float32Array.from(embedding);
            return {
                probabilities: Array.from(head.probabilities(values)),
                strangeness: head.strangeness(values),
                heat: Array.from(head.heat(Float32Array.from(map), 3)),
            };
        }""",
        {
            "tensors": base64.b64encode(save(tensors)).decode(),
            "embedding": embedding.tolist(),
            "map": map_.ravel().tolist(),
        },
    )
    rows = embedding[None]
    np.testing.assert_allclose(found["probabilities"], head.probabilities(rows)[0], atol=1e-5)
    assert found["strangeness"] == pytest.approx(ood_detector.ood_score(rows)[0], abs=1e-4)
    expected = heatmap.activation(map_, head, [3])[0].ravel()
    np.testing.assert_allclose(found["heat"], expected, rtol=1e-3, atol=1e-4)


def test_what_is_squeezed_is_unpacked_again(run: Run) -> None:
    content = np.random.default_rng(3).bytes(1_003)
    found = run(
        "parts.js",
        """async (parts, squeezed) => {
            const bytes = Uint8Array.from(atob(squeezed), c => c.charCodeAt(0));
            return Array.from(new Uint8Array(await parts.expand(bytes)));
        }""",
        base64.b64encode(packing.squeeze(content)).decode(),
    )
    assert bytes(found)[:1_003] == content


@pytest.mark.parametrize("value", [0, 0.0004, 0.004, 0.25, 0.994, 0.9996, 1])
def test_shares_are_written_as_elsewhere(run: Run, value: float) -> None:
    assert run("answer.js", "(answer, value) => answer.percent(value)", value) == share(value)


def test_answers_are_held_steady_whatever_the_frame_rate(run: Run) -> None:
    slow, fast = run(
        "steady.js",
        """({ Steady }) => [100, 10].map(step => {
            const steady = new Steady();
            steady.follow([0], 0);
            for (let now = step; now <= 300; now += step) steady.follow([1], now);
            return steady.follow([1], 300)[0];
        })""",
    )
    assert slow == pytest.approx(fast, abs=1e-6)
    assert 0.6 < slow < 0.7
