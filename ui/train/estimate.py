"""The forecast on the Train page: how long a training takes, and how much memory and disk."""

from dataclasses import dataclass

import streamlit as st

from core import backbones
from core.backbones import serving
from core.bundles import ImportedModel
from core.dataset import Dataset
from core.errors import TuskerError
from core.estimating import budget, estimate, resources, unit_costs
from core.settings import Settings
from core.system import capacity
from core.training import config as training_config
from core.training.config import TrainingConfig
from ui import state, text

BUDGET = "budget"
"""Key of the widget for the minutes that the preset Best may take."""


@dataclass(frozen=True)
class Forecast:
    """Estimates of the trainings on a dataset on this machine."""

    dataset: Dataset
    settings: Settings
    start: ImportedModel | None = None

    def preset(self, name: str) -> TrainingConfig:
        """A preset with the chosen backbone, or with that of the model to start from."""
        if self.start is None:
            backbone = st.session_state.get(state.BACKBONE, backbones.DEFAULT)
            return training_config.preset(name, backbone=backbone)
        config = training_config.preset(name, backbone=self.start.model().backbone)
        return config.model_copy(update={"alternatives": ()})

    def captions(self) -> list[str]:
        """What each preset does, and about how long it takes with the chosen backbone."""
        captions = []
        for preset in training_config.PRESETS:
            config = self.preset(preset)
            description = _describe(config)
            if preset == "best":
                minutes = st.session_state.get(BUDGET, budget.MINUTES)
                config = budget.within(config, self.dataset, self.settings, minutes)
            expected = estimate.estimate(self.dataset, config, self.settings)
            captions.append(f"**≈ {expected.time}** · {description}")
        return captions

    def show(self, config: TrainingConfig) -> bool:
        """Show what a training will take. Returns whether it may be started."""
        try:
            fitting = resources.check(self.dataset, config, self.settings)
            backbone = backbones.get(config.backbone)
            if self.start is None and serving.locate(backbone, self.settings) is None:
                serving.check_memory(backbone)
        except TuskerError as refusal:
            st.error(text.plain(str(refusal), 600), icon=":material/memory:")
            return False
        expected = estimate.estimate(self.dataset, config, self.settings)
        basis = self._basis(config)
        st.caption(f":material/timer: {text.plain(expected.sentence, 600)} {basis}")
        free = capacity.free_memory()
        if fitting.batch_size < config.batch_size:
            st.info(
                f"The batch will be {fitting.batch_size} instead of {config.batch_size}, to fit "
                f"into {text.size(free)} of free memory.",
                icon=":material/memory:",
            )
        try:
            warning = estimate.check_time(expected, self.settings)
        except TuskerError as refusal:
            st.error(text.plain(str(refusal), 600), icon=":material/timer_off:")
            return False
        if warning:
            st.warning(text.plain(warning, 600), icon=":material/timer_off:")
        return True

    def _basis(self, config: TrainingConfig) -> str:
        used = [backbones.get(name) for name in (config.backbone, *config.alternatives)]
        if missing := [row.title for row in used if serving.locate(row, self.settings) is None]:
            return f"Preparing {text.listed(missing)} comes first, once."
        if all(unit_costs.read(row, self.settings).recorded for row in used):
            return "The time is based on earlier trainings on this machine."
        return "The time is a rough guess until this machine has trained with this backbone."


def _describe(config: TrainingConfig) -> str:
    """What a preset does, beyond the one before it."""
    if config.fine_tunes:
        return "Also fine-tunes the upper layers, if that is likely to help."
    if not config.alternatives:
        return "Trains only the final layer. Good to begin with."
    networks = len(config.alternatives) + 1
    return f"Takes the {'better of two' if networks == 2 else f'best of {networks}'} networks."
