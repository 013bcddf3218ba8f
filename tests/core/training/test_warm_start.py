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
def more_shapes(tmp_path_factory):
    """The classes of `shapes_dataset` and one more, whose name comes first. Not to be changed."""
    return import_dataset(tmp_path_factory.mktemp("more"), classes=4, per_class=14)


@pytest.fixture
def start(trained_run):
    """`start("best")`: the model of a run of that preset, in a new folder."""

    def copy(preset="best"):
        done = trained_run(preset)
        folder = done.run.path.parents[1] / "a model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(done.run.model_folder, folder)
        return folder, done.settings

    return copy


def go_on(taken, preset, folder, settings, **values):
    """A training that goes on from the model in a folder."""
    asked = warm_start.configure(tiny_config(preset, **values), folder)
    return train(taken, asked, runs.new_path(settings), settings, start=folder)


def trunk(folder):
    """The trained weights of a model's backbone."""
    return {n: a for n, a in storage.load(folder)[1].items() if n.startswith("trunk.")}


def problems(done):
    """What the run says of work that failed: exports that do not answer as the report does."""
    notes = [event.sentence for event in done.events if isinstance(event, Note)]
    return [note for note in notes if "could not" in note]


def test_a_head_alone_goes_on_top_of_the_network_that_was_trained(start, more_shapes):
    folder, settings = start()
    done = go_on(more_shapes, "quick", folder, settings)
    found, before = trunk(done.run.model_folder), trunk(folder)
    assert found.keys() == before.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(found[name], array)
    saved = storage.load(done.run.model_folder)[0]
    assert saved.cut == storage.load(folder)[0].cut
    assert (done.run.model_folder / storage.SERVING).read_bytes() == (
        folder / storage.SERVING
    ).read_bytes()
    assert problems(done) == []


def test_no_picture_that_the_model_learned_from_tests_it(start, more_shapes):
    folder, settings = start("quick")
    before = storage.load_learned(folder)
    done = go_on(more_shapes, "quick", folder, settings)
    dataset = done.run.dataset()
    assert len(before & {e.sha256 for e in dataset.examples}) > 20, "the classes are the same"
    assert not before & {e.sha256 for e in dataset.of("test")}
    assert done.run.report().leaked == 0
    learned = {e.sha256 for e in (*dataset.of("train"), *dataset.of("validation"))}
    assert storage.load_learned(done.run.model_folder) == learned | before


def test_a_given_test_set_that_the_model_learned_from_is_no_fair_test(start, more_shapes):
    folder, settings = start("quick")
    before = storage.load_learned(folder)
    examples = tuple(
        e.model_copy(update={"split": "test" if place % 3 == 0 else "train"})
        for place, e in enumerate(more_shapes.dataset.examples)
    )
    given = more_shapes.dataset.model_copy(update={"examples": examples, "predefined": True})
    done = go_on(ImportedDataset(given, more_shapes.pictures), "quick", folder, settings)
    known = sum(e.sha256 in before for e in done.run.dataset().of("test"))
    assert done.run.report().leaked == known > 0
    assert done.run.report().headline.startswith(f"Not a fair test: {known} of ")


def test_what_either_generation_trained_is_in_the_weights(start, more_shapes):
    folder, settings = start("best")
    phase = {"learning_rate": 3e-3, "epochs": 30, "patience": 30}
    last = {"stages": 1}
    done = go_on(more_shapes, "best", folder, settings, fine_tune_phase=phase, unfreeze=last)
    made = build.export(done.run, named(["keras"]), done.pictures, settings, lambda _: None)
    assert made.of(storage.KERAS).passed
    (kept,) = [e for e in done.events if isinstance(e, Kept) and e.phase == "fine-tune"]
    assert kept.epoch, "nothing was trained, so this shows nothing"
    found, before = trunk(done.run.model_folder), trunk(folder)
    lower, upper = sorted(before)
    assert found.keys() == before.keys()
    np.testing.assert_array_equal(found[lower], before[lower])
    assert not np.array_equal(found[upper], before[upper])
    assert storage.load(done.run.model_folder)[0].cut == storage.load(folder)[0].cut == "stem"
    assert problems(done) == []
    assert (done.run.model_folder / storage.LITERT).is_file()


def test_deeper_layers_than_before_can_be_trained_too(start, more_shapes):
    folder, settings = start("quick")
    phase = {"learning_rate": 3e-3, "epochs": 30, "patience": 30}
    briefly = {"unfreeze": {"stages": 1}, "fine_tune_phase": phase | {"epochs": 4}}
    first = go_on(more_shapes, "best", folder, settings, **briefly)
    folder = first.run.model_folder
    assert storage.load(folder)[0].cut == "block 1", "nothing was trained, so this shows nothing"
    done = go_on(more_shapes, "best", folder, settings, fine_tune_phase=phase)
    assert storage.load(done.run.model_folder)[0].cut == "stem"
    assert set(trunk(done.run.model_folder)) > set(trunk(folder))
    assert problems(done) == []


def test_where_nothing_better_was_found_the_network_is_that_of_the_model(
    start, shapes_dataset, monkeypatch
):
    from core.training import finetune

    folder, settings = start()
    nothing = Kept(phase="fine-tune", epoch=0, validation_loss=0, validation_accuracy=0)
    monkeypatch.setattr(finetune.Tuner, "fit", lambda _, head, *_more: (head, nothing))
    done = go_on(shapes_dataset, "best", folder, settings)
    found = trunk(done.run.model_folder)
    for name, array in trunk(folder).items():
        np.testing.assert_array_equal(found[name], array)
    assert problems(done) == []


def test_classes_keep_their_places_and_new_ones_come_after_them(start, more_shapes):
    folder, settings = start("quick")
    assert more_shapes.dataset.classes == ("circle", "cross", "square", "triangle")
    done = go_on(more_shapes, "quick", folder, settings)
    classes = ("circle", "square", "triangle", "cross")
    assert done.run.dataset().classes == done.run.report().classes == classes
    for example in done.run.dataset().examples:
        assert example.name.split("/")[-2] == classes[example.label]
    assert done.run.report().accuracy.value > 0.5
    (said,) = [e.sentence for e in done.events if isinstance(e, Note) and "Continues" in e.sentence]
    assert said == "Continues from a model that knows 3 of these classes. New: cross."


def test_what_has_no_pictures_any_more_is_said_to_be_forgotten(start, tmp_path):
    folder, _ = start("quick")
    fewer = import_dataset(tmp_path, classes=2, per_class=4).dataset
    said = warm_start.describe(fewer, storage.load(folder)[0])
    assert said.endswith("No longer known: triangle, as there are no pictures of them.")
    assert warm_start.arrange_classes(fewer, ("triangle", "square", "circle")).classes == (
        "square",
        "circle",
    )


def test_a_frozen_model_shares_its_features_with_its_backbone(start, tiny):
    folder, settings = start("quick")
    one, other = Network(tiny, settings), Network(tiny, settings, folder)
    assert engines.litert(one, 1).name == engines.litert(other, 1).name
    assert other.cut(None) is None


def test_features_of_a_trained_network_are_its_own(start, tiny):
    folder, settings = start()
    one, other = Network(tiny, settings), Network(tiny, settings, folder)
    assert other.digest == serving.files.sha256(folder / storage.SERVING)
    views = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    published, own = engines.litert(one, 1), engines.litert(other, 1)
    assert published.name != own.name
    assert not np.allclose(published.run(views)[0], own.run(views)[0], atol=1e-3)
    expected = [on_one_thread(folder / storage.SERVING).run(view).embedding for view in views]
    np.testing.assert_allclose(own.run(views)[0], expected, atol=1e-5)
    made = [path.name for path in folder.iterdir() if path.name.endswith("block1_relu.tflite")]
    assert made == [f"{other.digest[:12]}-block1_relu.tflite"], "others would meet it elsewhere"


def test_the_network_is_built_with_the_weights_of_the_model(start, tiny):
    from core.training import stages

    folder, settings = start()
    built = Network(tiny, settings, folder).trunk()
    view = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    expected = on_one_thread(folder / storage.SERVING).run(view).embedding
    np.testing.assert_allclose(stages.embedding(built, view), expected, atol=1e-4)


def test_known_classes_start_from_their_rows_and_new_ones_in_the_middle(start, tiny):
    folder, settings = start("quick")
    saved, arrays = storage.load(folder)
    raw = DenseHead.from_arrays(arrays).tempered(1 / (saved.temperature or 1))
    width = saved.width
    found = Network(tiny, settings, folder).head(("cross", "triangle", "circle"), (), width)
    kernel, bias = found.layers[0]
    np.testing.assert_allclose(kernel[:, 1], raw.layers[0][0][:, 2], rtol=1e-6)
    np.testing.assert_allclose(kernel[:, 2], raw.layers[0][0][:, 0], rtol=1e-6)
    np.testing.assert_allclose(kernel[:, 0], raw.layers[0][0].mean(axis=1), rtol=1e-5)
    assert bias[0] == pytest.approx(raw.layers[0][1].mean(), abs=1e-6)
    features = np.random.default_rng(0).random((5, width)).astype(np.float32)
    np.testing.assert_allclose(
        found.logits(features)[:, 0], raw.logits(features).mean(axis=1), rtol=1e-4, atol=1e-5
    )
    assert Network(tiny, settings, folder).head(saved.classes, (8,), width) is None
    assert Network(tiny, settings).head(saved.classes, (), width) is None


def test_hidden_layers_go_on_from_those_of_the_model():
    train, validation = clusters(60), clusters(30, seed=1)
    config = parse({"head": {"hidden": [9]}, "head_phase": {"epochs": 0}})
    longer = config.head_phase.model_copy(update={"epochs": 10, "learning_rate": 0.01})
    taught = config.model_copy(update={"head_phase": longer})
    begun = head.fit(train, validation, 3, taught, lambda _: None)
    found = head.fit(train, validation, 3, config, lambda _: None, begun)
    features = validation.features
    np.testing.assert_allclose(found.logits(features), begun.logits(features), atol=1e-3)


def test_a_linear_head_comes_out_the_same_wherever_it_starts():
    train, validation = clusters(80, spread=1), clusters(30, seed=1)
    config = parse({"head_phase": {"epochs": 0}})
    random = np.random.default_rng(0)
    width = train.features.shape[1]
    kernel = random.normal(size=(width, 3)).astype(np.float32)
    begun = DenseHead(((kernel, np.ones(3, np.float32)),))
    one, other = (
        head.fit(train, validation, 3, config, lambda _: None, start) for start in (None, begun)
    )
    np.testing.assert_allclose(
        one.probabilities(validation.features), other.probabilities(validation.features), atol=2e-3
    )


def test_another_model_than_the_settings_name_is_refused(start, shapes_dataset):
    folder, _ = start()
    asked = warm_start.configure(tiny_config("quick"), folder)
    assert asked.start == warm_start.digest(folder)
    warm_start.check(asked, folder)
    for config, place in ((asked, None), (tiny_config("quick"), folder), (asked, folder / "gone")):
        with pytest.raises(BadConfig, match="Import its bundle again"):
            warm_start.check(config, place)


def test_what_the_model_fixes_is_taken_from_it(start):
    folder, _ = start()
    asked = warm_start.configure(tiny_config("quick", crop=0.6, head={"hidden": [7]}), folder)
    saved = storage.load(folder)[0]
    assert (asked.crop, asked.head.hidden, asked.backbone) == (saved.crop, (), "tiny")


def test_a_model_without_its_serving_model_is_refused(start, tiny):
    folder, settings = start()
    (folder / storage.SERVING).unlink()
    with pytest.raises(RunDamaged, match="Import its bundle again"):
        Network(tiny, settings, folder).serving_model()
