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
def depths_run(tiny_home, shapes_dataset, tmp_path_factory):
    """A run with features from several depths, with the formats that take no TensorFlow."""
    folder = tmp_path_factory.mktemp("deep")
    shutil.copytree(tiny_home, folder / "home")
    config = tiny_config("quick", features="depths")
    settings = Settings(home=folder / "home")
    trained = train(shapes_dataset, config, folder / "run", settings)
    export(trained, ["litert", "onnx"])
    return trained


def export(trained, names=()):
    """Make formats, all of them for no name; `named` has them in their order."""
    forms = named(names)
    build.export(trained.run, forms, trained.pictures, trained.settings, trained.events.append)
    manifest = trained.run.manifest()
    trained.run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)
    return trained.run.verification().results


@pytest.mark.parametrize("names", [["litert", "onnx"], pytest.param([], marks=pytest.mark.slow)])
def test_every_format_of_longer_features_is_verified(depths_run, names):
    results = export(depths_run, names) if not names else depths_run.run.verification().results
    assert [result.file for result in results] == [form.file for form in named(names)]
    assert all(result.passed for result in results), results


def test_the_report_has_the_probabilities_of_the_saved_model(depths_run):
    classifier = depths_run.run.classifier(depths_run.settings)
    examples = depths_run.run.dataset().of("test")
    answers = [classifier.answer(classifier.load(depths_run.pictures / e.path)) for e in examples]
    probabilities = np.stack([answer.probabilities for answer in answers])
    np.testing.assert_allclose(probabilities, depths_run.run.probabilities(), atol=1e-5)
    assert answers[0].embedding.shape == (32 + 16 + 24,)
    heat = depths_run.run.heatmaps()
    assert heat is not None
    assert heat.shape == (len(examples), 2, 4, 4)


def test_the_program_trains_on_the_same_features(depths_run):
    program = (depths_run.run.model_folder / "train.py").read_text(encoding="utf-8")
    assert 'DEPTHS = ["stem_relu", "block1_relu"]' in program
    compile(program, "train.py", "exec")


def test_a_bundle_predicts_as_the_run(depths_run, tmp_path):
    path = tmp_path / "bundle.zip"
    path.write_bytes(trainings.bundle_bytes(depths_run.run, depths_run.settings))
    model = imported.open_bundle(path, depths_run.settings)
    view = images.decode_and_crop(
        depths_run.pictures / depths_run.run.dataset().of("test")[0].path,
        32,
        depths_run.run.config().crop,
        limits=Settings(),
    )
    expected = depths_run.run.classifier(depths_run.settings).answer(view)
    answer = model.classifier(depths_run.settings).answer(view)
    np.testing.assert_allclose(answer.probabilities, expected.probabilities, atol=1e-6)
    assert answer.ood_score == pytest.approx(expected.ood_score)


def test_quick_compares_features_and_reports_its_choice(tiny, settings, shapes_dataset, tmp_path):
    trained = train(
        shapes_dataset, tiny_config("quick", features="best"), tmp_path / "run", settings
    )
    choice = trained.run.feature_choice()
    assert choice is not None
    saved, arrays = storage.load(trained.run.model_folder)
    assert bool(saved.depths) == choice.chosen
    assert DenseHead.from_arrays(arrays).inputs == saved.width
    assert choice.sentence in [
        event.sentence for event in trained.events if isinstance(event, Note)
    ]
    assert trained.run.complete


def test_the_last_features_alone_are_used_without_a_comparison(
    tiny, settings, shapes_dataset, tmp_path
):
    config = tiny_config("quick", features="last")
    trained = train(shapes_dataset, config, tmp_path / "run", settings)
    assert trained.run.feature_choice() is None
    assert storage.load_description(trained.run.model_folder).depths == ()
