"""Numbers are made small, and stay what they were as far as an answer can tell."""

import numpy as np
import pytest

from core.live.packing import expand, round_fraction, squeeze


def test_rounding_is_to_the_nearest_and_frees_the_lowest_byte() -> None:
    values = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    found = round_fraction(values)
    assert found.shape == values.shape
    assert not (found.view(np.uint32) & 0xFF).any()
    # Cutting the byte off would be wrong by up to twice that.
    assert (np.abs(found - values) <= np.abs(values) * 2.0**-16).all()


def test_what_is_short_already_stays() -> None:
    values = np.array([0.0, -0.0, 1.0, -2.5, 255.0], np.float32)
    np.testing.assert_array_equal(round_fraction(values).view(np.uint32), values.view(np.uint32))


@pytest.mark.parametrize("length", [0, 1, 4, 1_003])
def test_a_file_comes_back_with_its_last_word_filled(length: int) -> None:
    content = np.random.default_rng(1).bytes(length)
    found = expand(squeeze(content))
    assert found[:length] == content
    assert found[length:] == bytes(-length % 4)


def test_the_same_content_has_the_same_squeezed_form() -> None:
    assert squeeze(b"12345678") == squeeze(b"12345678")


def test_weights_take_two_thirds_of_their_room() -> None:
    weights = np.random.default_rng(2).normal(size=100_000).astype(np.float32)
    assert len(squeeze(round_fraction(weights).tobytes())) < 0.67 * weights.nbytes
