"""A head on features from several depths, from the pictures to every exported file."""

import shutil

import numpy as np
import pytest

from core import images
from core.bundles import imported
from core.export import build
from core.export.formats import named
from core.jobs.events import Note
from core.model import storage
from core.model.dense import DenseHead
from core.settings import Settings
from tests.core import trainings
from tests.core.trainings import tiny_config, train


@pytest.fixture(scope="module")
def deep(tiny_home, shapes_dataset, tmp_path_factory):
    """A run with features from several depths, with the formats that take no TensorFlow."""
    folder = tmp_path_factory.mktemp("deep")
    shutil.copytree(tiny_home, folder / "home")
    config = tiny_config("quick", features="depths")
    settings = Settings(home=folder / "home")
    done = train(shapes_dataset, config, folder / "run", settings)
    exported(done, ["litert", "onnx"])
    return done


def exported(done, names=()):
    """Make formats, all of them for no name; `named` has them in their order."""
    forms = named(names)
    build.export(done.run, forms, done.pictures, done.settings, done.events.append)
    manifest = done.run.manifest()
    done.run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)
    return done.run.verification().results


@pytest.mark.parametrize("names", [["litert", "onnx"], pytest.param([], marks=pytest.mark.slow)])
def test_every_format_of_longer_features_is_verified(deep, names):
    results = exported(deep, names) if not names else deep.run.verification().results
    assert [result.file for result in results] == [form.file for form in named(names)]
    assert all(result.passed for result in results), results


def test_the_report_has_the_answers_of_the_model_on_disk(deep):
    classifier = deep.run.classifier(deep.settings)
    examples = deep.run.dataset().of("test")
    answers = [classifier.answer(classifier.load(deep.pictures / e.path)) for e in examples]
    probabilities = np.stack([answer.probabilities for answer in answers])
    np.testing.assert_allclose(probabilities, deep.run.probabilities(), atol=1e-5)
    assert answers[0].embedding.shape == (32 + 16 + 24,)
    heat = deep.run.heatmaps()
    assert heat is not None
    assert heat.shape == (len(examples), 2, 4, 4)


def test_the_program_trains_on_the_same_features(deep):
    program = (deep.run.model_folder / "train.py").read_text(encoding="utf-8")
    assert 'DEPTHS = ["stem_relu", "block1_relu"]' in program
    compile(program, "train.py", "exec")


def test_a_bundle_of_it_answers_the_same_elsewhere(deep, tmp_path):
    path = tmp_path / "bundle.zip"
    path.write_bytes(trainings.bundle_bytes(deep.run, deep.settings))
    model = imported.open_bundle(path, deep.settings)
    view = images.decode_and_crop(
        deep.pictures / deep.run.dataset().of("test")[0].path,
        32,
        deep.run.config().crop,
        limits=Settings(),
    )
    expected = deep.run.classifier(deep.settings).answer(view)
    found = model.classifier(deep.settings).answer(view)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)
    assert found.ood_score == pytest.approx(expected.ood_score)


def test_quick_compares_and_says_what_it_took(tiny, settings, shapes_dataset, tmp_path):
    done = train(shapes_dataset, tiny_config("quick", features="best"), tmp_path / "run", settings)
    choice = done.run.feature_choice()
    assert choice is not None
    saved, arrays = storage.load(done.run.model_folder)
    assert bool(saved.depths) == choice.chosen
    assert DenseHead.from_arrays(arrays).inputs == saved.width
    assert choice.sentence in [event.sentence for event in done.events if isinstance(event, Note)]
    assert done.run.complete


def test_the_last_features_alone_are_used_without_a_comparison(
    tiny, settings, shapes_dataset, tmp_path
):
    config = tiny_config("quick", features="last")
    done = train(shapes_dataset, config, tmp_path / "run", settings)
    assert done.run.feature_choice() is None
    assert storage.load_description(done.run.model_folder).depths == ()
