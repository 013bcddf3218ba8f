"""Step 2 of training: choose a preset, or every setting, and get one configuration."""

import contextlib
from collections.abc import Callable
from functools import reduce
from operator import getitem

import numpy as np
import streamlit as st

from core import backbones
from core.errors import TuskerError
from core.estimating import budget
from core.intake import samples
from core.runs import comparison
from core.training.config import PRESETS, TrainingConfig, parse
from ui import state, widgets
from ui.train import controls
from ui.train.estimate import BUDGET, Forecast

PAIRED = 220
"""Least width of a field, in pixels: two stand beside each other where there is room."""
EDGE = 112
"""Edge of a previewed view in pixels."""

Render = Callable[[TrainingConfig, int], list[np.ndarray]]
Compare = Callable[[TrainingConfig | None], None]


def choose(
    forecast: Forecast, render: Render, compare: Compare | None, *, expanded: bool
) -> TrainingConfig | None:
    """The controls, and the configuration they make; None where they do not fit together.

    Args:
        render: renders the views of one of the pictures, with the edge in pixels, as a preview.
        compare: offers to compare backbones; None if there is no choice of them.
        expanded: whether Advanced is open at first.
    """
    chosen = widgets.choice(
        "How thoroughly?",
        PRESETS,
        format_func=str.capitalize,
        captions=forecast.captions(),
        key="preset",
        persist_state="session",
    )
    minutes = None
    if chosen == "best":
        minutes = st.number_input(
            "Time budget (minutes)",
            # No min_value: Streamlit ignores a value below it without a message.
            value=budget.MINUTES,
            step=1.0,
            format="%g",
            key=BUDGET,
            persist_state="session",
            width=220,
            help="Epochs and comparisons that are expected not to fit are left out.",
        )
    advanced = AdvancedSettings(chosen, forecast)
    config = advanced.config
    box = st.expander(
        "Advanced", expanded, icon=":material/tune:", key="advanced", on_change="rerun"
    )
    if box.open:  # a browser draws the rest of the page in half the time
        with box:
            _draw(advanced, render)
            if compare is not None:
                compare(config)
    if config is None:
        st.caption("Correct what is marked under Advanced to continue.")
        return None
    if config.preset == "custom":
        st.caption("Settings under Advanced differ from those of the preset.")
    if minutes is None:
        return config
    if minutes <= 0:
        widgets.error(f"Time budget: expected more than 0 minutes, found {minutes:g}.")
        return None
    reduced = budget.within(config, forecast.dataset, forecast.settings, minutes)
    if sentence := budget.describe(config, reduced):
        st.caption(f":material/timelapse: {sentence}")
    return reduced


class AdvancedSettings:
    """What was entered under Advanced, whether or not it is drawn.

    Attributes:
        defaults: the settings of the preset on the chosen backbone.
        keys: of the fields, by the names of their settings.
        unused: why settings have no effect, by their names.
        problems: what is wrong with fields, by the names of their settings; without a name, why
            they do not fit together.
        config: None if there is a problem.
    """

    def __init__(self, chosen: str, forecast: Forecast) -> None:
        dataset = forecast.dataset
        self.start = forecast.start.model() if forecast.start else None
        defaults = forecast.preset(chosen)
        # The mirror image of a digit is another sign.
        flip = defaults.augmentation.flip and dataset.name != samples.DIGITS
        augmentation = defaults.augmentation.model_copy(update={"flip": flip})
        self.defaults = defaults.model_copy(update={"augmentation": augmentation})
        nested = self.defaults.model_dump()
        values = dict(comparison.flat(nested))
        # A field keeps what was entered as long as its default is the same.
        self.keys = {path: f"{chosen} {path} {value}" for path, value in values.items()}
        self.keys["alternatives"] += f" {defaults.backbone}"
        entered = {path: st.session_state.get(key, values[path]) for path, key in self.keys.items()}
        self.unused = controls.without_effect(entered, dataset, self.start)
        self.problems: dict[str, str] = {}
        self.config: TrainingConfig | None = None
        for path in values.keys() - self.unused.keys():
            *groups, name = path.split(".")
            try:
                reduce(getitem, groups, nested)[name] = controls.checked(
                    path, entered[path], self.defaults.backbone
                )
            except TuskerError as refusal:
                self.problems[path] = str(refusal)
        if nested["unfreeze"]["layers"]:
            nested["unfreeze"]["stages"] = 0
        try:
            config = parse(nested)
        except TuskerError as refusal:
            self.problems[""] = str(refusal)
        if self.problems:
            return
        unchanged = config == self.defaults.model_copy(update={"seed": config.seed})
        self.config = config if unchanged else config.model_copy(update={"preset": "custom"})


def _draw(advanced: AdvancedSettings, render: Render) -> None:
    defaults = dict(comparison.flat(advanced.defaults.model_dump()))
    tabs = dict(zip(controls.TABS, st.tabs(list(controls.TABS)), strict=True))
    with tabs[controls.DATA]:
        _backbones(advanced)
    for tab, labels in controls.TABS.items():
        with tabs[tab]:
            for sentence in controls.explained(labels, advanced.unused):
                st.caption(sentence)
            with st.grid(2, min_column_width=PAIRED, vertical_alignment="bottom") as pairs:
                for path, label in labels.items():
                    with pairs.cell():
                        disabled, key = path in advanced.unused, advanced.keys[path]
                        controls.draw(path, label, defaults[path], key, disabled=disabled)
                        if problem := advanced.problems.get(path):
                            widgets.error(problem)
    if "" in advanced.problems:
        widgets.error(advanced.problems[""])
    if advanced.config is not None:
        with tabs[controls.AUGMENTATION], contextlib.suppress(TuskerError):  # unreadable
            _preview(advanced.config, render)


def _backbones(advanced: AdvancedSettings) -> None:
    """The backbone that is trained, fixed by a model to continue from, and its alternatives."""
    if advanced.start is not None:
        title = _title(advanced.start.backbone)
        st.caption(f"Backbone: {title}, that of the model that it starts from.")
        return
    st.selectbox(
        "Backbone",
        list(backbones.BACKBONES),
        # Not whether it is prepared: Streamlit drops a choice whose text changes.
        format_func=lambda name: f"{_title(name)} · {backbones.get(name).megabytes:.0f} MB",
        help="The pretrained network that the new head is put on.",
        key=state.BACKBONE,  # the same for all presets, so that a comparison can set it
        persist_state="session",
    )
    st.multiselect(
        "Also try",
        [name for name in backbones.BACKBONES if name != advanced.defaults.backbone],
        advanced.defaults.alternatives,
        format_func=_title,
        help="Compared by cross-validation before the training, which takes the best of all.",
        key=advanced.keys["alternatives"],
        persist_state="session",
    )


def _title(name: str) -> str:
    return backbones.get(name).title


def _preview(config: TrainingConfig, render: Render) -> None:
    drawn = config.augmentation.views
    if drawn > 1:
        pictures = render(config, EDGE)
        st.caption("One of your pictures, as it will be varied:")
        names = ["The picture", *(f"View {number}" for number in range(2, drawn + 1))]
        st.image(pictures, width=EDGE, alt=names)
