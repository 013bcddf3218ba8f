"""Phase 2: what is above the cut is trained on kept activations, and nothing else is."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from core.backbones import build, get
from core.jobs.events import Epoch, Step
from core.model.dense import DenseHead
from core.settings import Settings
from core.training import backbone_cut, finetune, stages
from core.training.config import parse
from core.training.convex import DEFAULT_STRENGTH, logistic_regression
from core.training.finetune import Tuner
from core.training.outcome import SHARES
from tests.core.training.clouds import BLOCK1, STEM, cuts

TINY = get("tiny")
HOME = Settings()  # the tiny backbone has no weights to fetch


def configure(**values):
    phase = {"epochs": values.pop("epochs", 3), "patience": 20}
    phase |= {"learning_rate": values.pop("learning_rate", 5e-3)} | values.pop("phase", {})
    unfreeze = values.pop("unfreeze", {"stages": 1})
    return parse({"backbone": "tiny", "fine_tune_phase": phase, "unfreeze": unfreeze} | values)


def activations(features):
    """Those of the plain view, float32."""
    n = len(features.embeddings)
    return features.cuts(np.arange(n), np.zeros(n, np.int64)).astype(np.float32)


def random_head(hidden=()):
    random = np.random.default_rng(1)
    widths = [TINY.embedding, *hidden, 3]
    layers = []
    for inputs, units in itertools.pairwise(widths):
        kernel = random.normal(0, 0.3, (inputs, units)).astype(np.float32)
        layers.append((kernel, np.zeros(units, np.float32)))
    return DenseHead(tuple(layers))


def fitted_head():
    """The head that phase 1 would make of these cuts."""
    train, labels = cuts()
    above = build.top_model(TINY, BLOCK1, build.trunk(TINY))
    maps = np.asarray(above(activations(train), training=False))
    return logistic_regression(maps.mean((1, 2)), labels, np.ones(3), DEFAULT_STRENGTH)


def weights(trunk):
    """Copies, by layer and variable."""
    return {
        (layer.name, variable.name): variable.numpy()
        for layer in trunk.layers
        for variable in layer.weights
    }


def fine_tune(config, stage=BLOCK1, head=None, train=None, validation=None):
    """Fine-tune a fresh trunk: its weights before and after, the head, what was said."""
    train, validation = train or cuts(0, 24, stage), validation or cuts(1, 12, stage)
    tuner = Tuner(build.trunk(TINY, settings=HOME), config, classes=3, pictures=len(train[1]))
    assert backbone_cut.cut_stage(config) == stage
    before, events = weights(tuner.trunk), []
    head, kept = tuner.fit(head or random_head(), *train, *validation, events.append)
    return Outcome(tuner, before, weights(tuner.trunk), head, kept, events)


class Outcome:
    def __init__(self, tuner, before, after, head, kept, events):
        self.tuner, self.above, self.head, self.kept = tuner, tuner.above, head, kept
        self.before, self.after, self.events = before, after, events

    @property
    def epochs(self):
        """Those that trained."""
        return [event for event in self.events if isinstance(event, Epoch) and event.epoch]

    @property
    def changed(self):
        """Names of the layers that are not as they were."""
        pairs = self.before.items()
        return {name for (name, part), before in pairs if (self.after[name, part] != before).any()}


@pytest.fixture(scope="module")
def plain():
    """One stage, trained with the defaults of `configure`."""
    return fine_tune(configure())


@pytest.fixture(scope="module")
def both():
    """Two stages."""
    return fine_tune(configure(unfreeze={"stages": 2}), STEM)


def test_only_convolutions_above_the_cut_are_trained(plain, both):
    assert plain.kept.epoch > 0
    assert plain.changed == {"block2_conv"}
    assert both.changed == {"block1_conv", "block2_conv"}


def test_the_last_layers_alone_can_be_trained():
    # The last four of block 1 and 2: a ReLU, then the convolution, normalisation and ReLU.
    outcome = fine_tune(configure(unfreeze={"layers": 4}), STEM)
    assert outcome.kept.epoch > 0
    assert outcome.changed == {"block2_conv"}
    assert fine_tune(configure(unfreeze={"layers": 6}), STEM).changed == {
        "block1_conv",
        "block2_conv",
    }
    assert fine_tune(configure(unfreeze={"layers": 2})).changed == set()


def test_the_head_is_trained_together_with_the_layers_and_fits_them(plain):
    outcome, (validation, labels) = plain, cuts(1, 12)
    assert not np.array_equal(outcome.head.layers[0][0], random_head().layers[0][0])
    maps = np.asarray(outcome.above(activations(validation), training=False))
    probabilities = outcome.head.probabilities(maps.mean((1, 2)))
    right = probabilities[np.arange(12), labels]
    assert -np.log(right).mean() == pytest.approx(outcome.kept.validation_loss, rel=1e-3)
    assert (probabilities.argmax(1) == labels).mean() == outcome.kept.validation_accuracy


def test_the_loss_falls():
    outcome = fine_tune(configure(epochs=8))
    first, *_, last = outcome.epochs
    assert last.loss < 0.5 * first.loss
    assert outcome.kept.validation_accuracy > 0.9


def test_each_epoch_reports_its_steps_and_its_figures():
    events = fine_tune(configure(epochs=2, batch_size=10)).events
    assert [type(event) for event in events] == [Epoch, *[Step, Step, Step, Epoch] * 2]
    steps = [(event.what, event.done, event.total) for event in events if isinstance(event, Step)]
    assert steps[:3] == [("Fine-tuning, epoch 1", done, 24) for done in (10, 20, 24)]
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert [(e.phase, e.epoch, e.epochs) for e in epochs] == [
        ("fine-tune", i, 2) for i in (0, 1, 2)
    ]


def test_epoch_0_is_the_head_alone():
    start, (validation, labels) = random_head(), cuts(1, 12)
    outcome = fine_tune(configure(epochs=1), head=start)
    first = next(event for event in outcome.events if isinstance(event, Epoch))
    above = build.top_model(TINY, BLOCK1, build.trunk(TINY))
    probabilities = start.probabilities(np.asarray(above(activations(validation))).mean((1, 2)))
    assert first.epoch == 0 and first.loss is None
    assert first.validation_accuracy == (probabilities.argmax(1) == labels).mean()
    assert outcome.kept.start_accuracy == first.validation_accuracy
    loss = -np.log(probabilities[np.arange(12), labels]).mean()
    assert first.validation_loss == pytest.approx(loss, rel=1e-3)


def test_a_learning_rate_that_only_does_harm_leaves_the_head_alone():
    config = configure(learning_rate=1)
    start = fitted_head()
    outcome = fine_tune(config, head=start)
    assert max(epoch.validation_loss for epoch in outcome.epochs) > 1, "it did no harm"
    assert outcome.kept.epoch == 0
    assert outcome.kept.validation_accuracy == 1
    assert outcome.changed == set()
    for array, before in zip(outcome.head.layers[0], start.layers[0], strict=True):
        np.testing.assert_array_equal(array, before)


def test_the_best_epoch_is_restored_and_patience_counts_from_it(monkeypatch):
    score, weights_seen, share_losses = Tuner._score, [], [2, 2.1, 2.2, 2.3]

    def scripted(tuner, *rest):
        weights_seen.append(tuner.network.get_weights())
        loss = [5, 6, 3, 2, 4, 3, 2, *share_losses][len(weights_seen) - 1]
        return dataclasses.replace(score(tuner, *rest), loss=loss, tempered=loss)

    monkeypatch.setattr(Tuner, "_score", scripted)
    outcome = fine_tune(configure(epochs=7, phase={"patience": 3}))
    assert (outcome.kept.epoch, outcome.kept.validation_loss) == (3, 2)
    assert len(outcome.epochs) == 6
    kernel, bias = outcome.head.layers[0]
    np.testing.assert_array_equal(kernel, weights_seen[3][-2])
    np.testing.assert_array_equal(bias, weights_seen[3][-1])
    np.testing.assert_array_equal(outcome.after["block2_conv", "kernel"], weights_seen[3][0])
    assert not np.array_equal(weights_seen[3][0], weights_seen[6][0])


@pytest.mark.parametrize(
    ("losses", "share"),
    [
        ([2, 1, 3, 3], 0.75),
        ([3, math.nan, 1, 1], 0.5),
        pytest.param([3, 3, 3, 1], 0.25, marks=pytest.mark.slow),
    ],
)
def test_weights_between_the_head_alone_and_the_best_epoch_are_kept_if_they_are_better(
    monkeypatch, losses, share
):
    score, script, weights_seen = Tuner._score, iter([5, 4, 2, *losses]), []

    def scripted(tuner, *rest):
        weights_seen.append(tuner.network.get_weights())
        loss = next(script)
        return dataclasses.replace(score(tuner, *rest), loss=-loss, tempered=loss)

    monkeypatch.setattr(Tuner, "_score", scripted)
    outcome = fine_tune(configure(epochs=2))
    assert (outcome.kept.epoch, outcome.kept.share, outcome.kept.validation_loss) == (2, share, -1)
    final = [outcome.after["block2_conv", "kernel"], *outcome.head.layers[0]]
    trained_run = [0, -2, -1]  # kernel of the convolution, kernel and bias of the head
    for array, index in zip(final, trained_run, strict=True):
        start, end = weights_seen[0][index], weights_seen[2][index]
        assert not np.array_equal(start, end)
        np.testing.assert_allclose(array, start + share * (end - start), atol=1e-6)


def test_a_head_with_hidden_layers_keeps_its_shape():
    outcome = fine_tune(configure(head={"hidden": [7], "dropout": 0.3}), head=random_head((7,)))
    assert [kernel.shape for kernel, _ in outcome.head.layers] == [(32, 7), (7, 3)]
    assert outcome.kept.epoch > 0


def test_the_rate_warms_up_and_falls_to_zero():
    steps, peak = 100, 0.02
    rate = stages.optimizer(configure(learning_rate=peak).fine_tune_phase, steps)._learning_rate
    at = [float(rate(step)) for step in range(steps + 1)]
    assert at[0] == 0
    assert np.argmax(at) == 10
    assert max(at) == pytest.approx(peak)
    assert (np.diff(at[:11]) > 0).all()
    assert (np.diff(at[10:]) < 0).all()
    assert at[-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "knob",
    [
        {"label_smoothing": 0.3},
        *(pytest.param(k, marks=pytest.mark.slow) for k in ({"seed": 1}, {"batch_size": 6})),
    ],
)
def test_each_setting_makes_a_difference(plain, knob):
    usual = plain.after["block2_conv", "kernel"]
    assert not np.array_equal(fine_tune(configure(**knob)).after["block2_conv", "kernel"], usual)


def test_class_weights_are_those_of_the_first_phase(monkeypatch):
    weigh, weights_used = finetune.class_weights, []

    def recording(labels, classes):
        weights_used.append(weigh(labels, classes))
        return weights_used[-1]

    monkeypatch.setattr(finetune, "class_weights", recording)
    rare = np.array([0] * 16 + [1] * 6 + [2] * 2)
    train = cuts()[0], rare
    weighted, plain = (
        fine_tune(configure(class_weights=on, epochs=1), train=train).events[-1].loss
        for on in (True, False)
    )
    np.testing.assert_allclose(weights_used, [[0.5, 4 / 3, 4]])
    assert weighted != pytest.approx(plain, rel=0.02)


class RecordingFeatures:
    """Features that remember which activations were asked for."""

    def __init__(self, features):
        self.embeddings, self._features, self.asked = features.embeddings, features, []

    def cuts(self, pictures, views):
        self.asked.append(list(zip(pictures.tolist(), views.tolist(), strict=True)))
        return self._features.cuts(pictures, views)


def test_an_epoch_shows_each_picture_once_each_time_in_another_view():
    features, labels = cuts(views=3)
    recording = RecordingFeatures(features)
    fine_tune(configure(epochs=7, batch_size=10), train=(recording, labels))
    steps = [recording.asked[at : at + 3] for at in range(0, len(recording.asked), 3)]
    epochs = [[pair for batch in batches for pair in batch] for batches in steps]
    assert len(epochs) == 7
    assert len({tuple(epoch) for epoch in epochs}) == 7, "the order is always the same"
    for epoch in epochs:
        assert sorted(picture for picture, _ in epoch) == list(range(24))
        assert len({view for _, view in epoch}) > 1, "all pictures in the same view"
    shown = [dict(epoch) for epoch in epochs]
    for picture in range(24):
        views = [epoch[picture] for epoch in shown]
        assert set(views[:3]) == {0, 1, 2}
        assert views[3:6] == views[:3]


def test_validation_uses_plain_views_only():
    features, labels = cuts(1, 12, views=2)
    recording = RecordingFeatures(features)
    outcome = fine_tune(configure(epochs=1, batch_size=5), validation=(recording, labels))
    times = 2 + (len(SHARES) if outcome.kept.epoch else 0)
    assert [pair for batch in recording.asked for pair in batch] == times * [
        (i, 0) for i in range(12)
    ]


def test_retrained_layers_have_their_kernels_before_and_after(both):
    outcome = both
    lower, upper = outcome.tuner.retrained()
    for layer, layer_change in (("block1_conv", lower), ("block2_conv", upper)):
        np.testing.assert_array_equal(layer_change.kernel, outcome.before[layer, "kernel"])
        np.testing.assert_array_equal(layer_change.new_kernel, outcome.after[layer, "kernel"])
        assert (layer_change.depthwise, layer_change.bias, layer_change.new_bias) == (
            False,
            None,
            None,
        )
        assert not np.array_equal(layer_change.kernel, layer_change.new_kernel)
