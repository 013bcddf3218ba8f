"""Each view runs through the frozen layers once; a later training finds its features cached."""

import itertools
from collections import Counter

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

OTHER_HEAD_PHASE = {"head_phase": {"optimizer": "sgd", "learning_rate": 0.02, "epochs": 3}}


@pytest.fixture
def view_counts(monkeypatch):
    """How many views each engine was given."""
    counts = Counter()
    for kind in (LitertEngine, KerasEngine):

        def counting(self, views, run=kind.run):
            counts[type(self)] += len(views)
            return run(self, views)

        monkeypatch.setattr(kind, "run", counting)
    return counts


@pytest.fixture
def train_to_report(tiny, settings, shapes_dataset, tmp_path, monkeypatch):
    """`trained_again(preset, …)`: a training up to its report, always with the same features."""
    numbers = itertools.count()

    def train_once(preset="quick", **values):
        with monkeypatch.context() as patch:  # not for the trainings that all tests share
            patch.setattr(post_report, "finish", lambda *_: None)
            run_config, path = tiny_config(preset, **values), tmp_path / str(next(numbers))
            return train(shapes_dataset, run_config, path, settings, features=tmp_path / "features")

    return train_once


@pytest.fixture
def train_to_fine_tuning(train_to_report, monkeypatch):
    """The same, but it ends once it has fine-tuned: no picture passes the frozen layers later."""

    def stop(*_):
        raise Cancelled("Seen enough.")

    def train_once(preset="best", **values):
        with monkeypatch.context() as patch:
            patch.setattr(serving_model, "write", stop)
            trained = train_to_report(preset, **values)
        assert not trained.run.complete
        return trained

    return train_once


def cache_notes(trained):
    """The notes about views from the cache."""
    sentences = [event.sentence for event in trained.events if isinstance(event, Note)]
    return [sentence for sentence in sentences if "from the cache" in sentence]


def test_other_settings_of_the_head_reuse_all_features(train_to_report, view_counts):
    assert cache_notes(train_to_report()) == []
    assert view_counts[LitertEngine] == 42
    for values in (OTHER_HEAD_PHASE, {"seed": 1}, {"head": {"hidden": [8]}}, {"validation": 0.3}):
        trained = train_to_report(**values)
        assert view_counts[LitertEngine] == 42, values
        assert cache_notes(trained) == ["42 of 42 views came from the cache; 0 were extracted."]
        steps = {event.what for event in trained.events if isinstance(event, Step)}
        assert {step for step in steps if step.startswith("Extracting")} == {
            f"Extracting features of {part} pictures" for part in ("training", "validation", "test")
        }


def test_another_crop_extracts_again(train_to_report, view_counts):
    train_to_report()
    trained = train_to_report(crop=0.8)
    assert view_counts[LitertEngine] == 2 * 42
    assert trained.run.classifier(trained.settings).crop == 0.8


def test_fine_tuning_extracts_only_new_views(train_to_fine_tuning, view_counts):
    train_to_fine_tuning(augmentation={"views": 2})
    assert view_counts[LitertEngine] == 2 * 30 + 6
    changes = {"fine_tune_phase": {"learning_rate": 3e-3, "epochs": 6}, "label_smoothing": 0.2}
    train_to_fine_tuning(augmentation={"views": 2}, **changes | OTHER_HEAD_PHASE)
    assert view_counts[LitertEngine] == 2 * 30 + 6
    train_to_fine_tuning(augmentation={"views": 3})
    assert view_counts[LitertEngine] == 3 * 30 + 6


def test_presets_share_features(train_to_report, train_to_fine_tuning, view_counts):
    train_to_fine_tuning()
    first = view_counts[LitertEngine]
    assert cache_notes(train_to_report("quick")) == [
        "36 of 42 views came from the cache; 6 were extracted."
    ]
    assert view_counts[LitertEngine] == first + 6


def test_cached_features_give_the_same_report(train_to_report, train_to_fine_tuning, trainings):
    for preset, far in (("quick", 0), ("best", 1e-5)):  # TensorFlow adds up as threads go
        (train_to_report if preset == "quick" else train_to_fine_tuning)(preset, seed=1)
        cache_notes = train_to_report(preset).run
        fresh = trainings(preset).run
        np.testing.assert_allclose(
            cache_notes.probabilities(), fresh.probabilities(), atol=far, rtol=0
        )
        if preset == "quick":
            assert cache_notes.report() == fresh.report()


@pytest.mark.parametrize("preset", ["quick", pytest.param("best", marks=pytest.mark.slow)])
def test_on_a_gpu_training_views_go_through_tensorflow_and_scored_ones_through_litert(
    train_to_report, train_to_fine_tuning, view_counts, monkeypatch, preset
):
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    trained = train_to_report(preset)
    assert trained.run.report().accuracy.value > 0.6
    assert view_counts[LitertEngine] == (12 if preset == "quick" else 6)
    assert view_counts[KerasEngine] == 30 * trained.run.config().augmentation.views
    before = view_counts[LitertEngine], view_counts[KerasEngine]
    (train_to_report if preset == "quick" else train_to_fine_tuning)(preset, **OTHER_HEAD_PHASE)
    assert (view_counts[LitertEngine], view_counts[KerasEngine]) == before


def test_the_durations_of_views_and_steps_are_recorded(
    tiny, settings, shapes_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(extraction, "MINIMUM_VIEWS", 42)
    train(shapes_dataset, tiny_config("quick"), tmp_path / "quick", settings)
    first = unit_costs.read(tiny, settings)
    guess = unit_costs.guess(tiny)
    assert first.recorded and first.view != guess.view
    assert first.step == guess.step
    train(shapes_dataset, tiny_config("best"), tmp_path / "best", settings)
    second = unit_costs.read(tiny, settings)
    assert second.view == first.view, "36 views are too few"
    assert second.step != guess.step
