"""A training goes on from a model: with more pictures of its classes, or with new ones."""

import shutil

import numpy as np
import pytest

from core import runs
from core.backbones import serving
from core.errors import BadConfig, RunDamaged
from core.export import build
from core.export.formats import named
from core.jobs.events import Kept, Note
from core.model import storage
from core.model.classifier import on_one_thread
from core.model.dense import DenseHead
from core.training import engines, head, warm_start
from core.training.config import parse
from core.training.network import Network
from tests.core.training.clouds import clusters
from tests.core.trainings import ImportedDataset, import_dataset, tiny_config, train


@pytest.fixture(scope="module")
def four_shapes(tmp_path_factory):
    """The classes of `shapes_dataset` and one more, whose name comes first. Not to be changed."""
    return import_dataset(tmp_path_factory.mktemp("more"), classes=4, per_class=14)


@pytest.fixture
def start(trained_run):
    """`start("best")`: the model of a run of that preset, in a new folder."""

    def copy(preset="best"):
        trained = trained_run(preset)
        folder = trained.run.path.parents[1] / "a model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(trained.run.model_folder, folder)
        return folder, trained.settings

    return copy


def continue_from(imported, preset, folder, settings, **values):
    """A training that goes on from the model in a folder."""
    configured = warm_start.configure(tiny_config(preset, **values), folder)
    return train(imported, configured, runs.new_path(settings), settings, start=folder)


def trunk(folder):
    """The trained weights of a model's backbone."""
    return {n: a for n, a in storage.load(folder)[1].items() if n.startswith("trunk.")}


def export_failures(trained):
    """What the run says of work that failed: exports that do not answer as the report does."""
    notes = [event.sentence for event in trained.events if isinstance(event, Note)]
    return [note for note in notes if "could not" in note]


def test_a_new_head_keeps_the_fine_tuned_backbone(start, four_shapes):
    folder, settings = start()
    trained = continue_from(four_shapes, "quick", folder, settings)
    weights, before = trunk(trained.run.model_folder), trunk(folder)
    assert weights.keys() == before.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(weights[name], array)
    saved = storage.load(trained.run.model_folder)[0]
    assert saved.cut == storage.load(folder)[0].cut
    assert (trained.run.model_folder / storage.SERVING).read_bytes() == (
        folder / storage.SERVING
    ).read_bytes()
    assert export_failures(trained) == []


def test_no_picture_that_the_model_was_trained_on_is_in_the_test_set(start, four_shapes):
    folder, settings = start("quick")
    before = storage.load_learned(folder)
    trained = continue_from(four_shapes, "quick", folder, settings)
    dataset = trained.run.dataset()
    assert len(before & {e.sha256 for e in dataset.examples}) > 20, "the classes are the same"
    assert not before & {e.sha256 for e in dataset.of("test")}
    assert trained.run.report().leaked == 0
    learned = {e.sha256 for e in (*dataset.of("train"), *dataset.of("validation"))}
    assert storage.load_learned(trained.run.model_folder) == learned | before


def test_a_predefined_test_set_that_the_model_was_trained_on_is_reported_as_leaked(
    start, four_shapes
):
    folder, settings = start("quick")
    before = storage.load_learned(folder)
    examples = tuple(
        e.model_copy(update={"split": "test" if number % 3 == 0 else "train"})
        for number, e in enumerate(four_shapes.dataset.examples)
    )
    dataset = four_shapes.dataset.model_copy(update={"examples": examples, "predefined": True})
    trained = continue_from(
        ImportedDataset(dataset, four_shapes.pictures), "quick", folder, settings
    )
    leaked = sum(e.sha256 in before for e in trained.run.dataset().of("test"))
    assert trained.run.report().leaked == leaked > 0
    assert trained.run.report().headline.startswith(f"Not a fair test: {leaked} of ")


def test_layers_trained_in_either_training_are_in_the_weights(start, four_shapes):
    folder, settings = start("best")
    phase = {"learning_rate": 3e-3, "epochs": 30, "patience": 30}
    last = {"stages": 1}
    trained = continue_from(
        four_shapes, "best", folder, settings, fine_tune_phase=phase, unfreeze=last
    )
    (kept_event,) = [e for e in trained.events if isinstance(e, Kept) and e.phase == "fine-tune"]
    assert kept_event.epoch, "nothing was trained, so this shows nothing"
    weights, before = trunk(trained.run.model_folder), trunk(folder)
    lower, upper = sorted(before)
    assert weights.keys() == before.keys()
    np.testing.assert_array_equal(weights[lower], before[lower])
    assert not np.array_equal(weights[upper], before[upper])
    assert storage.load(trained.run.model_folder)[0].cut == storage.load(folder)[0].cut == "stem"
    assert export_failures(trained) == []
    assert (trained.run.model_folder / storage.LITERT).is_file()


@pytest.mark.slow
def test_deeper_layers_than_before_can_be_trained(start, four_shapes):
    folder, settings = start("quick")
    phase = {"learning_rate": 3e-3, "epochs": 30, "patience": 30}
    briefly = {"unfreeze": {"stages": 1}, "fine_tune_phase": phase | {"epochs": 4}}
    first = continue_from(four_shapes, "best", folder, settings, **briefly)
    folder = first.run.model_folder
    assert storage.load(folder)[0].cut == "block 1", "nothing was trained, so this shows nothing"
    trained = continue_from(four_shapes, "best", folder, settings, fine_tune_phase=phase)
    assert storage.load(trained.run.model_folder)[0].cut == "stem"
    assert set(trunk(trained.run.model_folder)) > set(trunk(folder))
    assert export_failures(trained) == []
    exported = build.export(
        trained.run, named(["keras"]), trained.pictures, settings, lambda _: None
    )
    assert exported.of(storage.KERAS).passed


def test_a_fine_tuning_without_a_gain_keeps_the_network_of_the_model(
    start, shapes_dataset, monkeypatch
):
    from core.training import finetune

    folder, settings = start()
    nothing = Kept(phase="fine-tune", epoch=0, validation_loss=0, validation_accuracy=0)
    monkeypatch.setattr(finetune.Tuner, "fit", lambda _, head, *_more: (head, nothing))
    trained = continue_from(shapes_dataset, "best", folder, settings)
    weights = trunk(trained.run.model_folder)
    for name, array in trunk(folder).items():
        np.testing.assert_array_equal(weights[name], array)
    assert export_failures(trained) == []


def test_known_classes_keep_their_indices_and_new_ones_follow(start, four_shapes):
    folder, settings = start("quick")
    assert four_shapes.dataset.classes == ("circle", "cross", "square", "triangle")
    trained = continue_from(four_shapes, "quick", folder, settings)
    classes = ("circle", "square", "triangle", "cross")
    assert trained.run.dataset().classes == trained.run.report().classes == classes
    for example in trained.run.dataset().examples:
        assert example.name.split("/")[-2] == classes[example.label]
    assert trained.run.report().accuracy.value > 0.5
    (sentence,) = [
        e.sentence for e in trained.events if isinstance(e, Note) and "Continues" in e.sentence
    ]
    assert sentence == "Continues from a model that knows 3 of these classes. New: cross."


def test_classes_without_pictures_are_named_as_forgotten(start, tmp_path):
    folder, _ = start("quick")
    fewer = import_dataset(tmp_path, classes=2, per_class=4).dataset
    sentence = warm_start.describe(fewer, storage.load(folder)[0])
    assert sentence.endswith("No longer known: triangle, as there are no pictures of them.")
    assert warm_start.arrange_classes(fewer, ("triangle", "square", "circle")).classes == (
        "square",
        "circle",
    )


def test_a_frozen_model_shares_its_features_with_its_backbone(start, tiny):
    folder, settings = start("quick")
    published_network, network = Network(tiny, settings), Network(tiny, settings, folder)
    assert engines.litert(published_network, 1).name == engines.litert(network, 1).name
    assert network.cut(None) is None


def test_a_fine_tuned_network_has_its_own_features(start, tiny):
    folder, settings = start()
    published_network, network = Network(tiny, settings), Network(tiny, settings, folder)
    assert network.digest == serving.files.sha256(folder / storage.SERVING)
    views = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    published_engine, trained_engine = (
        engines.litert(published_network, 1),
        engines.litert(network, 1),
    )
    assert published_engine.name != trained_engine.name
    assert not np.allclose(published_engine.run(views)[0], trained_engine.run(views)[0], atol=1e-3)
    expected = [on_one_thread(folder / storage.SERVING).run(view).embedding for view in views]
    np.testing.assert_allclose(trained_engine.run(views)[0], expected, atol=1e-5)
    cut_files = [path.name for path in folder.iterdir() if path.name.endswith("block1_relu.tflite")]
    assert cut_files == [f"{network.digest[:12]}-cut-block1_relu.tflite"], (
        "others would meet it elsewhere"
    )


def test_the_network_is_built_with_the_weights_of_the_model(start, tiny):
    from core.training import stages

    folder, settings = start()
    built = Network(tiny, settings, folder).trunk()
    view = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    expected = on_one_thread(folder / storage.SERVING).run(view).embedding
    np.testing.assert_allclose(stages.embedding(built, view), expected, atol=1e-4)


def test_known_classes_start_from_their_weights_and_new_ones_from_the_mean(start, tiny):
    folder, settings = start("quick")
    saved, arrays = storage.load(folder)
    raw = DenseHead.from_arrays(arrays).with_temperature(1 / (saved.temperature or 1))
    width = saved.width
    new_head = Network(tiny, settings, folder).head(("cross", "triangle", "circle"), (), width)
    kernel, bias = new_head.layers[0]
    np.testing.assert_allclose(kernel[:, 1], raw.layers[0][0][:, 2], rtol=1e-6)
    np.testing.assert_allclose(kernel[:, 2], raw.layers[0][0][:, 0], rtol=1e-6)
    np.testing.assert_allclose(kernel[:, 0], raw.layers[0][0].mean(axis=1), rtol=1e-5)
    assert bias[0] == pytest.approx(raw.layers[0][1].mean(), abs=1e-6)
    features = np.random.default_rng(0).random((5, width)).astype(np.float32)
    np.testing.assert_allclose(
        new_head.logits(features)[:, 0], raw.logits(features).mean(axis=1), rtol=1e-4, atol=1e-5
    )
    assert Network(tiny, settings, folder).head(saved.classes, (8,), width) is None
    assert Network(tiny, settings).head(saved.classes, (), width) is None


def test_hidden_layers_start_from_those_of_the_model():
    train, validation = clusters(60), clusters(30, seed=1)
    config = parse({"head": {"hidden": [9]}, "head_phase": {"epochs": 0}})
    longer = config.head_phase.model_copy(update={"epochs": 10, "learning_rate": 0.01})
    config_with_epochs = config.model_copy(update={"head_phase": longer})
    start_head = head.fit(train, validation, 3, config_with_epochs, lambda _: None, 0.01)
    continued = head.fit(train, validation, 3, config, lambda _: None, 0.01, start_head)
    features = validation.features
    np.testing.assert_allclose(continued.logits(features), start_head.logits(features), atol=1e-3)


def test_another_model_than_that_of_the_settings_is_refused(start, shapes_dataset):
    folder, _ = start()
    configured = warm_start.configure(tiny_config("quick"), folder)
    assert configured.start == warm_start.digest(folder)
    warm_start.check(configured, folder)
    for config, start_folder in (
        (configured, None),
        (tiny_config("quick"), folder),
        (configured, folder / "gone"),
    ):
        with pytest.raises(BadConfig, match="Import its bundle again"):
            warm_start.check(config, start_folder)


def test_settings_that_the_model_fixes_come_from_it(start):
    folder, _ = start()
    configured = warm_start.configure(tiny_config("quick", crop=0.6, head={"hidden": [7]}), folder)
    saved = storage.load(folder)[0]
    assert (configured.crop, configured.head.hidden, configured.backbone) == (
        saved.crop,
        (),
        "tiny",
    )


def test_a_model_without_its_serving_model_is_refused(start, tiny):
    folder, settings = start()
    (folder / storage.SERVING).unlink()
    with pytest.raises(RunDamaged, match="Import its bundle again"):
        Network(tiny, settings, folder).serving_model()
