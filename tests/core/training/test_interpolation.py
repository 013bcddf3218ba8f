"""Weights between a network before and after fine-tuning are chosen by their loss on validation."""

import numpy as np
import pytest

from core.training import interpolation
from core.training.checkpoint import Score

START = [np.zeros(3, np.float32), np.array([[1.0]], np.float32)]
END = [np.array([4, 8, 12], np.float32), np.array([[3.0]], np.float32)]


def loss_at(best):
    """A score that is best for one value of the first weight; it keeps what it was asked."""
    weights_scored = []

    def score(weights):
        weights_scored.append([array.copy() for array in weights])
        loss = abs(float(weights[0][0]) - best)
        return Score(loss=loss, accuracy=0.5, tempered=loss)

    return score, weights_scored


def choose(best):
    score, weights_scored = loss_at(best)
    return interpolation.choose(START, END, score(START), score), weights_scored


@pytest.mark.parametrize(("best", "share"), [(0, 0), (1, 0.25), (2.1, 0.5), (3, 0.75), (9, 1)])
def test_the_share_with_the_least_loss_is_chosen(best, share):
    chosen, _ = choose(best)
    assert chosen.share == share
    for array, before, after in zip(chosen.weights, START, END, strict=True):
        np.testing.assert_allclose(array, before + share * (after - before))
        assert array.dtype == np.float32
    assert chosen.score.tempered == pytest.approx(abs(4 * share - best))


def test_a_share_of_0_or_1_gives_the_exact_weights():
    odd = [np.array([0.1, 1e-9], np.float32)], [np.array([1e9, 0.3], np.float32)]
    for winner, weights in ((0, odd[0]), (1, odd[1])):
        chosen = interpolation.choose(
            *odd,
            Score(1, 0.5, 1),
            lambda candidate, w=winner: Score(1, 0.5, 0.5 if w and candidate[0][0] == 1e9 else 2),
        )
        np.testing.assert_array_equal(chosen.weights[0], weights[0])


def test_weights_that_are_no_better_than_the_start_are_discarded():
    same = Score(loss=0.3, accuracy=0.9, tempered=0.2)
    chosen = interpolation.choose(START, END, same, lambda _: same)
    assert (chosen.share, chosen.score) == (0, same)
    assert chosen.weights is START
    broken = Score(loss=float("nan"), accuracy=0, tempered=float("nan"))
    assert interpolation.choose(START, END, same, lambda _: broken).share == 0


def test_accuracy_and_untempered_loss_do_not_decide():
    sharper = Score(loss=0.1, accuracy=1.0, tempered=0.4)
    start = Score(loss=0.9, accuracy=0.1, tempered=0.3)
    assert interpolation.choose(START, END, start, lambda _: sharper).share == 0
