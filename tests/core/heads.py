"""Heads of random weights."""

import itertools

import numpy as np

from core.model.dense import DenseHead


def random_head(*widths: int, spread: float = 1.0, dtype: str = "float32") -> DenseHead:
    """A head of layers from each width to the next."""
    random = np.random.default_rng(len(widths))
    return DenseHead(
        tuple(
            (
                random.normal(0, spread, shape).astype(dtype),
                random.normal(size=shape[1]).astype(dtype),
            )
            for shape in itertools.pairwise(widths)
        )
    )
