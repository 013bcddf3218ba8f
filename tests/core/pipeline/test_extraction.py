"""A training looks at what was not looked at before, with the engine that is done first."""

import numpy as np
import pytest

from core.estimating import measurements
from core.jobs.events import Note, Step
from core.pipeline import choice
from core.pipeline.extraction import PROBES
from core.training.engines import LitertEngine
from core.training.keras_engine import KerasEngine
from tests.core.trainings import asked_for, train

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
    # Measuring engines would count as well.
    monkeypatch.setattr(choice, "_seconds", lambda *_: 1e-6)
    return counts


@pytest.fixture
def trained_again(tiny, settings, some_shapes, tmp_path):
    """`trained_again(preset, …)`: a training on the same pictures, with the same features."""
    runs = []

    def again(preset="quick", **values):
        path = tmp_path / str(len(runs))
        asked = asked_for(preset, **values)
        runs.append(train(some_shapes, asked, path, settings, features=tmp_path / "features"))
        return runs[-1]

    return again


def known(done):
    """What was said about views that were known."""
    sentences = [event.sentence for event in done.said if isinstance(event, Note)]
    return [sentence for sentence in sentences if "known from before" in sentence]


@pytest.mark.parametrize(
    "values", [OTHER, {"seed": 1}, {"head": {"hidden": [8]}}, {"validation": 0.3}], ids=str
)
def test_with_other_settings_no_picture_goes_through_the_frozen_layers_again(
    trained_again, passed, values
):
    assert known(trained_again()) == []
    assert passed.litert == 42
    done = trained_again(**values)
    assert passed.litert == 42
    assert known(done) == ["42 of 42 views were known from before; 0 went through the backbone."]
    steps = [event for event in done.said if isinstance(event, Step)]
    assert {event.what for event in steps if event.what.startswith("Looking")} == {
        f"Looking at {split} pictures" for split in ("training", "validation", "test")
    }


def test_a_model_that_sees_less_of_a_picture_looks_again(trained_again, passed):
    trained_again()
    done = trained_again(crop=0.8)
    assert passed.litert == 2 * 42
    assert done.run.classifier(done.settings).crop == 0.8


def test_fine_tuning_with_other_settings_passes_nothing_either(trained_again, passed):
    trained_again("balanced", augmentation={"views": 2})
    assert passed.litert == 2 * 30 + 6
    other = {"fine_tune_phase": {"epochs": 2}, "label_smoothing": 0} | OTHER
    trained_again("balanced", augmentation={"views": 2}, **other)
    assert passed.litert == 2 * 30 + 6


def test_more_views_pay_for_the_new_ones(trained_again, passed):
    for views in (2, 3):
        trained_again("balanced", augmentation={"views": views})
        assert passed.litert == views * 30 + 6


def test_presets_share_what_they_can(trained_again, passed):
    trained_again("balanced")
    first = passed.litert
    assert known(trained_again("quick")) == [
        "36 of 42 views were known from before; 6 went through the backbone."
    ]
    assert passed.litert == first + 6


def test_what_was_known_changes_no_report(trained_again, tiny, settings, some_shapes, tmp_path):
    for preset, far in (("quick", 0), ("balanced", 1e-5)):  # TensorFlow adds up as threads go
        trained_again(preset, seed=1)
        cached = trained_again(preset).run
        fresh = train(some_shapes, asked_for(preset), tmp_path / preset, settings).run
        np.testing.assert_allclose(cached.probabilities(), fresh.probabilities(), atol=far, rtol=0)
        if preset == "quick":
            assert cached.report() == fresh.report()


@pytest.mark.parametrize("preset", ["quick", "balanced"])
def test_training_views_go_through_the_faster_engine_and_what_is_scored_through_what_serves(
    trained_again, passed, monkeypatch, preset
):
    monkeypatch.setattr(choice, "WORTH", 0.0)
    monkeypatch.setattr(choice, "_has_bfloat16", lambda: False)
    slowness = {"LitertEngine": 1000.0, "KerasEngine": 0.001}
    monkeypatch.setattr(choice, "_seconds", lambda engine, _: slowness[type(engine).__name__])
    monkeypatch.setattr(choice, "_deviation", lambda *_: 0.0)
    done = trained_again(preset)
    assert done.run.report().accuracy.value > 0.6
    assert passed.litert == (12 if preset == "quick" else 6)
    assert passed.tensorflow == 30 * done.run.config().augmentation.views + PROBES
    before = passed.tensorflow
    trained_again(preset, **OTHER)
    assert passed.litert == (12 if preset == "quick" else 6)
    assert passed.tensorflow == before


def test_an_engine_whose_start_is_slow_is_kept_where_it_has_seen_everything(
    trained_again, passed, monkeypatch, tiny, settings
):
    monkeypatch.setattr(choice, "WORTH", 0.0)
    monkeypatch.setattr(choice, "_has_bfloat16", lambda: False)
    slowness = {"LitertEngine": 1.0, "KerasEngine": 0.5}
    monkeypatch.setattr(choice, "_seconds", lambda engine, _: slowness[type(engine).__name__])
    monkeypatch.setattr(choice, "_deviation", lambda *_: 0.0)
    trained_again()
    before = passed.litert, passed.tensorflow
    for _ in range(measurements.KEPT):  # 25 s to start, where LiteRT takes 30 s for all views
        key = measurements.key_of("seconds to start, tensorflow", tiny, settings)
        measurements.remember(settings, key, 25.0)
    trained_again(**OTHER)
    assert (passed.litert, passed.tensorflow) == before
