"""Each view runs through the frozen layers once; a later training finds its features cached."""

import numpy as np
import pytest

from core.errors import Cancelled
from core.estimating import unit_costs
from core.jobs.events import Note, Step
from core.pipeline import extraction, post_report
from core.training import engines, serving_model
from core.training.engines import LitertEngine
from core.training.keras_engine import KerasEngine
from tests.core.trainings import tiny_config, train

OTHER = {"head_phase": {"optimizer": "sgd", "learning_rate": 0.02, "epochs": 3}}


class Passed:
    """How many views the engines were given."""

    def __init__(self):
        self.litert = self.tensorflow = 0


@pytest.fixture
def passed(monkeypatch):
    counts = Passed()

    def watch(kind, name):
        run = kind.run

        def counting(self, views):
            setattr(counts, name, getattr(counts, name) + len(views))
            return run(self, views)

        monkeypatch.setattr(kind, "run", counting)

    watch(LitertEngine, "litert")
    watch(KerasEngine, "tensorflow")
    return counts


@pytest.fixture
def trained_again(tiny, settings, shapes_dataset, tmp_path, monkeypatch):
    """`trained_again(preset, …)`: a training up to its report, always with the same features."""
    runs = []

    def again(preset="quick", **values):
        path = tmp_path / str(len(runs))
        asked = tiny_config(preset, **values)
        with monkeypatch.context() as patch:  # not for the trainings that all tests share
            patch.setattr(post_report, "finish", lambda *_: None)
            runs.append(
                train(shapes_dataset, asked, path, settings, features=tmp_path / "features")
            )
        return runs[-1]

    return again


@pytest.fixture
def tuned_again(trained_again, monkeypatch):
    """The same, but it ends once it has fine-tuned: no picture passes the frozen layers later."""

    def stop(*_):
        raise Cancelled("Seen enough.")

    def again(preset="best", **values):
        with monkeypatch.context() as patch:
            patch.setattr(serving_model, "write", stop)
            done = trained_again(preset, **values)
        assert not done.run.complete
        return done

    return again


def cached(done):
    """The notes about views from the cache."""
    sentences = [event.sentence for event in done.events if isinstance(event, Note)]
    return [sentence for sentence in sentences if "from the cache" in sentence]


def test_with_other_settings_no_picture_goes_through_the_frozen_layers_again(trained_again, passed):
    assert cached(trained_again()) == []
    assert passed.litert == 42
    for values in (OTHER, {"seed": 1}, {"head": {"hidden": [8]}}, {"validation": 0.3}):
        done = trained_again(**values)
        assert passed.litert == 42, values
        assert cached(done) == ["42 of 42 views came from the cache; 0 were extracted."]
        steps = {event.what for event in done.events if isinstance(event, Step)}
        assert {step for step in steps if step.startswith("Extracting")} == {
            f"Extracting features of {part} pictures" for part in ("training", "validation", "test")
        }


def test_a_model_that_sees_less_of_a_picture_looks_again(trained_again, passed):
    trained_again()
    done = trained_again(crop=0.8)
    assert passed.litert == 2 * 42
    assert done.run.classifier(done.settings).crop == 0.8


def test_fine_tuning_passes_nothing_again_and_pays_for_new_views_alone(tuned_again, passed):
    tuned_again(augmentation={"views": 2})
    assert passed.litert == 2 * 30 + 6
    other = {"fine_tune_phase": {"learning_rate": 3e-3, "epochs": 4}, "label_smoothing": 0.2}
    tuned_again(augmentation={"views": 2}, **other | OTHER)
    assert passed.litert == 2 * 30 + 6
    tuned_again(augmentation={"views": 3})
    assert passed.litert == 3 * 30 + 6


def test_presets_share_what_they_can(trained_again, tuned_again, passed):
    tuned_again()
    first = passed.litert
    assert cached(trained_again("quick")) == [
        "36 of 42 views came from the cache; 6 were extracted."
    ]
    assert passed.litert == first + 6


def test_the_cache_changes_no_report(trained_again, tuned_again, trainings):
    for preset, far in (("quick", 0), ("best", 1e-5)):  # TensorFlow adds up as threads go
        (trained_again if preset == "quick" else tuned_again)(preset, seed=1)
        cached = trained_again(preset).run
        fresh = trainings(preset).run
        np.testing.assert_allclose(cached.probabilities(), fresh.probabilities(), atol=far, rtol=0)
        if preset == "quick":
            assert cached.report() == fresh.report()


@pytest.mark.parametrize("preset", ["quick", "best"])
def test_on_a_gpu_training_views_go_through_tensorflow_and_scored_ones_through_litert(
    trained_again, tuned_again, passed, monkeypatch, preset
):
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    done = trained_again(preset)
    assert done.run.report().accuracy.value > 0.6
    assert passed.litert == (12 if preset == "quick" else 6)
    assert passed.tensorflow == 30 * done.run.config().augmentation.views
    before = passed.litert, passed.tensorflow
    (trained_again if preset == "quick" else tuned_again)(preset, **OTHER)
    assert (passed.litert, passed.tensorflow) == before


def test_what_a_view_and_a_step_took_is_recorded(
    tiny, settings, shapes_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(extraction, "ENOUGH", 42)
    train(shapes_dataset, tiny_config("quick"), tmp_path / "quick", settings)
    first = unit_costs.read(tiny, settings)
    guess = unit_costs.built_in(tiny)
    assert first.recorded and first.view != guess.view
    assert first.step == guess.step
    train(shapes_dataset, tiny_config("best"), tmp_path / "best", settings)
    second = unit_costs.read(tiny, settings)
    assert second.view == first.view, "TensorFlow was starting meanwhile"
    assert second.step != guess.step
