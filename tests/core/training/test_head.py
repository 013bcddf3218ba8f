"""Phase 1: a head is fitted to pooled features."""

import itertools

import numpy as np
import pytest

from core.evaluation.calibration import softmax
from core.jobs.events import Epoch, Kept
from core.training import head
from core.training.config import parse
from core.training.head import Batch
from tests.core.training.clouds import clusters

STRENGTH = 0.1


def configure(**values):
    phase = {"epochs": values.pop("epochs", 20), "patience": values.pop("patience", 5)}
    phase |= {"learning_rate": values.pop("learning_rate", 1e-3)}
    return parse({"head_phase": phase} | values)


def fit(train, validation, config, classes=3):
    events = []
    return head.fit(train, validation, classes, config, events.append, STRENGTH), events


def accuracy(fitted, batch):
    return (fitted.logits(batch.features).argmax(1) == batch.labels).mean()


def log_loss(fitted, batch):
    right = fitted.probabilities(batch.features)[np.arange(len(batch.labels)), batch.labels]
    return -np.log(right).mean()


def flipped(batch):
    """The same features under wrong labels: what is learned makes these worse."""
    return Batch(batch.features, (batch.labels + 1) % 3)


@pytest.mark.parametrize("dropout", [0, 0.4])
@pytest.mark.parametrize("widths", [(5, 3), (5, 7, 3), (5, 6, 4, 3)], ids=str)
def test_gradients_equal_numerical_ones(widths, dropout):
    random = np.random.default_rng(3)
    parameters = []
    for inputs, units in itertools.pairwise(widths):
        parameters += [0.5 * random.normal(size=(inputs, units)), random.normal(size=units)]
    features = random.normal(size=(9, 5))
    labels = random.integers(0, 3, 9)
    targets = head.targets(labels, 3, smoothing=0.2).astype(np.float64)
    weights = np.array([0.5, 1.0, 3.0])[labels]

    def ask():
        mask = np.random.default_rng(11)  # the same inputs are dropped each time
        return head._gradients(parameters, features, targets, weights, dropout, mask)

    gradients = ask()[2]
    step = 1e-5
    for parameter, gradient in zip(parameters, gradients, strict=True):
        assert gradient.shape == parameter.shape
        for index in np.ndindex(parameter.shape):
            value = parameter[index]
            parameter[index] = value + step
            above = ask()[0]
            parameter[index] = value - step
            below = ask()[0]
            parameter[index] = value
            assert gradient[index] == pytest.approx((above - below) / (2 * step), abs=2e-6)


def test_the_loss_is_the_weighted_smoothed_cross_entropy():
    logits = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    targets = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    parameters = [np.eye(3), np.zeros(3)]
    weights = np.array([2.0, 0.5])
    loss, hits, _ = head._gradients(
        parameters, logits, targets, weights, 0, np.random.default_rng()
    )
    losses = -(targets * np.log(softmax(logits))).sum(1)
    assert loss == pytest.approx((losses * weights).mean())
    assert hits == 1


def test_smoothing_takes_from_the_true_class_and_gives_to_all():
    np.testing.assert_allclose(head.targets(np.array([1]), 4, 0.2), [[0.05, 0.85, 0.05, 0.05]])
    np.testing.assert_array_equal(head.targets(np.array([2, 0]), 3, 0), [[0, 0, 1], [1, 0, 0]])


HIDDEN = {"hidden": [8]}


def test_a_linear_head_is_the_solvers_result_and_its_iterations_are_the_curve(monkeypatch):
    train, validation = clusters(60, spread=1.6), clusters(30, spread=1.6, seed=1)
    fitted, events = fit(train, validation, configure())
    *iterations, kept = events
    assert {event.unit for event in iterations} == {"iteration"}
    assert [event.epoch for event in iterations] == list(range(len(iterations)))
    assert iterations[0].loss == pytest.approx(np.log(3), rel=1e-4), "zero weights guess"
    assert iterations[-1].loss < 0.8 * iterations[0].loss
    assert kept.epoch == iterations[-1].epoch
    assert log_loss(fitted, validation) == pytest.approx(kept.validation_loss, rel=1e-4)
    assert accuracy(fitted, validation) == pytest.approx(kept.validation_accuracy)
    monkeypatch.setattr(head, "RECORD_ALL", 1)
    monkeypatch.setattr(head, "RECORD_EVERY", 3)
    thinned = [event.epoch for event in fit(train, validation, configure())[1][:-1]]
    assert thinned == [n for n in range(kept.epoch + 1) if n < 2 or n % 3 == 0 or n == kept.epoch]


def test_a_linear_head_ignores_the_settings_of_gradient_steps():
    train, validation = clusters(60, spread=1.6), clusters(30, spread=1.6, seed=1)
    plain, with_options = (
        fit(train, validation, configure(**how))[0]
        for how in ({}, {"epochs": 3, "learning_rate": 0.1, "label_smoothing": 0.3})
    )
    np.testing.assert_array_equal(plain.layers[0][0], with_options.layers[0][0])


def test_an_epoch_of_gradient_steps_reports_its_losses():
    config = configure(head=HIDDEN, epochs=4, patience=4, learning_rate=0.01)
    _, events = fit(clusters(60), clusters(30, seed=1), config)
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert [(e.phase, e.unit, e.epoch, e.epochs) for e in epochs] == [
        ("head", "epoch", i, 4) for i in (1, 2, 3, 4)
    ]
    assert epochs[-1].validation_loss < epochs[0].validation_loss
    assert all(0 <= e.accuracy <= 1 and 0 <= e.validation_accuracy <= 1 for e in epochs)
    assert epochs[-1].seconds_left == 0
    assert isinstance(events[-1], Kept)


@pytest.mark.parametrize("patience", [1, 3])
def test_gradient_steps_from_a_given_head_stop_when_nothing_improves(patience):
    train, validation = clusters(60), clusters(30, seed=1)
    start, _ = fit(train, validation, configure(head=HIDDEN, epochs=60, learning_rate=0.01))
    config = configure(head=HIDDEN, epochs=50, patience=patience)
    events = []
    fitted = head.fit(train, flipped(validation), 3, config, events.append, STRENGTH, start)
    assert len(events) == patience + 1
    assert events[-1].epoch == 0
    features = validation.features
    np.testing.assert_allclose(
        fitted.probabilities(features), start.probabilities(features), atol=1e-5
    )


def test_the_best_epoch_is_restored_and_patience_counts_from_it():
    train, validation = clusters(24, spread=1.6), clusters(30, spread=1.6, seed=1)
    config = configure(head=HIDDEN, epochs=200, patience=6, learning_rate=0.02)
    fitted, events = fit(train, validation, config)
    *epochs, kept = events
    losses = [epoch.validation_loss for epoch in epochs]
    assert 0 < kept.epoch < len(epochs)
    assert kept.epoch == 1 + int(np.argmin(losses))
    assert len(epochs) == kept.epoch + 6 < 200
    assert log_loss(fitted, validation) == pytest.approx(kept.validation_loss, rel=1e-4)
    assert accuracy(fitted, validation) == pytest.approx(kept.validation_accuracy)


@pytest.mark.parametrize("start", [{"hidden": [8]}, {"convex_start": False}])
def test_random_start_weights_are_never_returned(start):
    config = configure(head=start, patience=2, learning_rate=0.1)
    _, events = fit(clusters(60), flipped(clusters(30, seed=1)), config)
    assert events[-1].epoch == 1
    assert len(events) == 4


def test_gradient_steps_that_diverge_return_the_start(monkeypatch):
    def explode(weights, gradients):
        for weight in weights:
            weight *= np.nan

    monkeypatch.setattr(head, "optimizer", lambda _: explode)
    fitted, events = fit(clusters(60), clusters(30, seed=1), configure(head=HIDDEN, patience=2))
    assert events[-1].epoch == 0
    assert np.isfinite(fitted.probabilities(clusters(9).features)).all()


def test_a_hidden_head_learns_classes_that_are_not_linearly_separable():
    def crossed(seed):
        points = np.random.default_rng(seed).uniform(-1, 1, (300, 2)).astype(np.float32)
        return Batch(points, (points.prod(1) > 0).astype(int))

    train, validation, test = map(crossed, range(3))
    options = {"epochs": 80, "patience": 20, "learning_rate": 0.02}
    bent, _ = fit(train, validation, configure(head={"hidden": [16], "dropout": 0}, **options), 2)
    straight, _ = fit(train, validation, configure(**options), 2)
    assert [len(bias) for _, bias in bent.layers] == [16, 2]
    assert accuracy(bent, test) > 0.93
    assert accuracy(straight, test) < 0.7


def test_class_weights_make_a_rare_class_count():
    def rare(seed):
        cloud = clusters(200, 2, 4, spread=1.5, seed=seed)
        keep = (cloud.labels == 0) | (np.arange(200) < 16)
        return Batch(cloud.features[keep], cloud.labels[keep])

    def recall(**how):
        fitted, _ = fit(rare(0), rare(1), configure(**how), 2)
        balanced = clusters(200, 2, 4, spread=1.5, seed=2)
        return (fitted.logits(balanced.features).argmax(1) == 1)[balanced.labels == 1].mean()

    for start in ({"convex_start": True}, {"convex_start": False}):
        with_them = recall(class_weights=True, head=start, learning_rate=0.01)
        without = recall(class_weights=False, head=start, learning_rate=0.01)
        assert with_them > without + 0.15


def test_smoothed_labels_lower_the_probabilities():
    train, validation = clusters(60, spread=0.3), clusters(30, spread=0.3, seed=1)
    surest = [
        fit(
            train,
            validation,
            configure(head=HIDDEN, label_smoothing=s, epochs=60, learning_rate=0.02),
        )[0]
        .probabilities(validation.features)
        .max(1)
        .mean()
        for s in (0, 0.4)
    ]
    assert surest[1] < surest[0] - 0.05


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_the_same_seed_gives_the_same_head_and_another_other_random_weights(hidden):
    def arrays(seed):
        config = configure(seed=seed, head={"hidden": hidden})
        return fit(clusters(60, views=2), clusters(30, seed=1), config)[0].arrays()

    first, repeated, different = arrays(4), arrays(4), arrays(5)
    assert all(np.array_equal(first[name], repeated[name]) for name in first)
    if hidden:  # the optimum of a linear head does not depend on the seed
        assert not all(np.array_equal(first[name], different[name]) for name in first)


@pytest.mark.parametrize("units", [1e-3, 1e3])
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_features_in_other_units_give_the_same_probabilities(hidden, units):
    units, offset = np.float32(units), np.arange(12, dtype=np.float32)

    def measured(batch):
        return Batch(batch.features * units + offset * units, batch.labels)

    train, validation = clusters(60), clusters(30, seed=1)
    config = configure(head={"hidden": hidden})
    plain, _ = fit(train, validation, config)
    rescaled, _ = fit(measured(train), measured(validation), config)
    np.testing.assert_allclose(
        rescaled.probabilities(measured(validation).features),
        plain.probabilities(validation.features),
        atol=2e-3,
    )


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_a_feature_that_was_constant_in_training_does_not_dominate(hidden):
    def widened(batch, value):
        column = np.full((len(batch.labels), 1), value, np.float32)
        return Batch(np.hstack([batch.features, column]), batch.labels)

    train, test = clusters(60), clusters(30, spread=0.5, seed=1)
    config = configure(head={"hidden": hidden}, epochs=60, learning_rate=0.01)
    fitted, _ = fit(widened(train, 0), widened(test, 0), config)
    assert accuracy(fitted, widened(test, 0)) > 0.9
    assert accuracy(fitted, widened(test, 0.5)) > 0.9
