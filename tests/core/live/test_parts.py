"""The parts of a model predict together as the model does."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from core.backbones import Backbone
from core.errors import BadImage
from core.live import runtime
from core.live.parts import (
    Part,
    compress,
    head,
    labels,
    reference_picture,
    round_fraction,
    trunk,
)
from core.model.classifier import Classifier, ServingModel
from core.model.dense import DenseHead
from core.model.ood import OodDetector
from core.predict import lookup
from core.settings import Settings
from tests.core.trainings import TrainedRun
from tests.shapes import draw, encoded

AGREES = 1e-3


def expand(compressed: bytes) -> bytes:
    """What `expand` of `ui/live_camera/parts.js` does."""
    planes = np.frombuffer(gzip.decompress(compressed), np.uint8).reshape(4, -1)
    return planes.T.tobytes()


def _run_parts(parts: dict[str, Part], picture: np.ndarray, folder: Path) -> np.ndarray:
    """Probabilities by the parts alone."""
    file = folder / "trunk.tflite"
    file.write_bytes(expand(parts["trunk"].content))
    embedding = ServingModel(file, threads=1).run(picture).embedding
    return DenseHead.from_arrays(_head(parts)).probabilities(embedding[None])[0]


def _head(parts: dict[str, Part]) -> dict[str, np.ndarray]:
    content = expand(parts["head"].content)
    # safetensors takes no byte after its last array.
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    return load(content[: end + max(entry["data_offsets"][1] for entry in header.values())])


def _labels(parts: dict[str, Part]) -> list[str]:
    return json.loads(expand(parts["labels"].content).rstrip(b"\0"))


def _pack(model: Classifier) -> dict[str, Part]:
    return {"labels": labels(model), "head": head(model), "trunk": trunk(model.file)}


def test_the_parts_of_a_backbone_predict_as_it_does(
    tiny: Backbone, settings: Settings, tmp_path: Path
) -> None:
    model = Classifier.of_backbone(tiny, settings)
    parts = _pack(model)
    picture = np.asarray(draw(0, size=model.size))
    expected = model.answer(picture).probabilities
    np.testing.assert_allclose(_run_parts(parts, picture, tmp_path), expected, atol=AGREES)
    assert tuple(_labels(parts)) == model.labels


@pytest.mark.parametrize("preset", ["quick", "best"])
def test_the_parts_of_a_trained_model_include_its_ood_detector(
    preset: str, trained_run: Callable[[str], TrainedRun], settings: Settings, tmp_path: Path
) -> None:
    model = lookup.find(str(trained_run(preset).run.path), settings)
    parts = _pack(model)
    picture = np.asarray(draw(1, size=model.size))
    answer = model.answer(picture)
    probabilities = _run_parts(parts, picture, tmp_path)
    np.testing.assert_allclose(probabilities, answer.probabilities, atol=AGREES)
    arrays = _head(parts)
    ood_detector = {n.removeprefix("ood."): a for n, a in arrays.items() if n.startswith("ood.")}
    assert (answer.ood_score is not None) == bool(ood_detector)
    if ood_detector:
        ood_score = OodDetector.from_arrays(ood_detector).ood_score(answer.embedding[None])[0]
        assert ood_score == pytest.approx(answer.ood_score, abs=AGREES)
    expected = model.answer(reference_picture(model.size)).probabilities
    np.testing.assert_array_equal(arrays["expected"], expected)


def test_models_on_one_frozen_backbone_share_its_trunk(
    trained_run: Callable[[str], TrainedRun], tiny: Backbone, settings: Settings
) -> None:
    trained_model = lookup.find(str(trained_run("quick").run.path), settings)
    backbone_model = Classifier.of_backbone(tiny, settings)
    assert trunk(trained_model.file).sha256 == trunk(backbone_model.file).sha256
    assert _pack(trained_model)["head"].sha256 != _pack(backbone_model)["head"].sha256


def test_a_frame_is_predicted_as_a_picture_is(tiny: Backbone, settings: Settings) -> None:
    model = Classifier.of_backbone(tiny, settings)
    frame = encoded(draw(0, size=model.size))
    answer = model.answer(model.load(frame))
    prediction = model.answer(model.load_frame(frame))
    np.testing.assert_array_equal(prediction.probabilities, answer.probabilities)


def test_a_frame_of_another_size_is_refused(tiny: Backbone, settings: Settings) -> None:
    model = Classifier.of_backbone(tiny, settings)
    with pytest.raises(BadImage, match="Expected a frame of 32 by 32 pixels, found 40 by 40"):
        model.load_frame(encoded(draw(0, size=40)))


@pytest.mark.parametrize("url", ["https://cdn.example/x", "https://cdn.example/x/"])
def test_the_runtime_has_the_address_in_the_settings(url: str) -> None:
    files = runtime.files(Settings(live_runtime=url))
    assert files is not None
    address, digest = files["index.js"]
    assert address == "https://cdn.example/x/@litertjs/core@2.5.3/dist/index.js"
    assert len(digest) == 64


def test_a_host_may_keep_the_runtime_out_of_browsers() -> None:
    assert runtime.files(Settings(live_runtime=runtime.SERVER_ONLY)) is None


def test_rounding_is_to_the_nearest_and_frees_the_lowest_byte() -> None:
    values = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    rounded = round_fraction(values)
    assert rounded.shape == values.shape
    assert not (rounded.view(np.uint32) & 0xFF).any()
    # Cutting the byte off would be wrong by up to twice that.
    assert (np.abs(rounded - values) <= np.abs(values) * 2.0**-16).all()


def test_rounding_keeps_numbers_that_are_already_short() -> None:
    values = np.array([0.0, -0.0, 1.0, -2.5, 255.0], np.float32)
    np.testing.assert_array_equal(round_fraction(values).view(np.uint32), values.view(np.uint32))


@pytest.mark.parametrize("length", [0, 1, 4, 1_003])
def test_expanding_pads_a_file_to_whole_words(length: int) -> None:
    content = np.random.default_rng(1).bytes(length)
    assert expand(compress(content)) == content + bytes(-length % 4)


def test_byte_planes_save_a_sixth_and_the_same_content_has_the_same_hash() -> None:
    weights = round_fraction(np.random.default_rng(2).normal(size=100_000).astype(np.float32))
    content = weights.tobytes()
    assert len(compress(content)) < 5 / 6 * len(gzip.compress(content))
    assert compress(content) == compress(content)
