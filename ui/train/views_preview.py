"""The augmented views of one of the visitor's pictures, as the training will see them."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from core.errors import TuskerError
from core.training import views
from core.training.config import parse

EDGE = 112
"""Edge of a view in pixels."""


def show(values: dict[str, Any], sample: Callable[[], np.ndarray] | None) -> None:
    """The picture and its views; nothing if there is one view only, or no picture.

    Args:
        values: of all settings; if they do not fit together, nothing is shown.
        sample: decodes the picture, (h, w, 3) uint8 RGB.
    """
    drawn = values["augmentation"]["views"]
    if sample is None or drawn < 2:
        return
    with contextlib.suppress(TuskerError):
        config = parse(values)
        pictures = views.render(sample(), EDGE, config.crop, config.augmentation, "preview")
        st.caption("One of your pictures, as it will be varied:")
        names = ["The picture", *(f"View {number}" for number in range(2, drawn + 1))]
        st.image(pictures, width=EDGE, alt=names)
