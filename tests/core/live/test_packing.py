"""Weights are compressed and stay what they were as far as a prediction can tell."""

import gzip

import numpy as np
import pytest

from core.live.parts import round_fraction, squeeze


def expand(squeezed: bytes) -> bytes:
    """What `expand` of `ui/live_camera/parts.js` does."""
    planes = np.frombuffer(gzip.decompress(squeezed), np.uint8).reshape(4, -1)
    return planes.T.tobytes()


def test_rounding_is_to_the_nearest_and_frees_the_lowest_byte() -> None:
    values = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    rounded = round_fraction(values)
    assert rounded.shape == values.shape
    assert not (rounded.view(np.uint32) & 0xFF).any()
    # Cutting the byte off would be wrong by up to twice that.
    assert (np.abs(rounded - values) <= np.abs(values) * 2.0**-16).all()


def test_numbers_that_are_short_already_stay_as_they_are() -> None:
    values = np.array([0.0, -0.0, 1.0, -2.5, 255.0], np.float32)
    np.testing.assert_array_equal(round_fraction(values).view(np.uint32), values.view(np.uint32))


@pytest.mark.parametrize("length", [0, 1, 4, 1_003])
def test_a_file_comes_back_with_its_last_word_filled(length: int) -> None:
    content = np.random.default_rng(1).bytes(length)
    assert expand(squeeze(content)) == content + bytes(-length % 4)


def test_byte_planes_save_a_sixth_and_the_same_content_has_the_same_hash() -> None:
    weights = round_fraction(np.random.default_rng(2).normal(size=100_000).astype(np.float32))
    content = weights.tobytes()
    assert len(squeeze(content)) < 5 / 6 * len(gzip.compress(content))
    assert squeeze(content) == squeeze(content)
