"""How long a training will take, and how much memory and disk: said before it begins."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import streamlit as st

from core import backbones
from core.backbones import Backbone, serving
from core.bundles import ImportedModel
from core.errors import TuskerError
from core.estimating import estimate, known, resources
from core.estimating import throughput as pace
from core.estimating.estimate import Estimate
from core.estimating.throughput import Pace
from core.intake import Intake
from core.intake.uploads import Upload
from core.jobs import JobFolder, enqueue, scheduling
from core.jobs.folder import Order
from core.settings import Settings
from core.training import config as room
from core.training.config import TrainingConfig
from ui import state, text

SAYS = {
    "quick": "Only a new head on top of what it knows.",
    "balanced": "The head, then the last stage of the backbone.",
    "thorough": "More views of each picture, two stages.",
}


@dataclass(frozen=True)
class Forecast:
    """What trainings on some pictures will take on this machine."""

    upload: Upload
    found: Intake
    settings: Settings
    start: ImportedModel | None = None

    def captions(self) -> list[str]:
        """What each preset does, and about how long it takes with the chosen backbone."""
        backbone = st.session_state.get(state.BACKBONE, backbones.DEFAULT)
        if self.start is not None:
            backbone = self.start.model().backbone
        said = []
        for name, does in SAYS.items():
            with contextlib.suppress(TuskerError):  # a backbone with fewer stages
                foreseen, _ = self._of(room.preset(name, backbone=backbone))
                if foreseen is not None:
                    does = f"**≈ {text.plain(estimate.duration(foreseen.scored.value))}** · {does}"
            said.append(does)
        return said

    def show(self, config: TrainingConfig) -> bool:
        """What the chosen settings will take. Returns whether they may be started."""
        try:
            fitting = estimate.check(self.found.dataset, config, self.settings)
        except TuskerError as refusal:
            st.error(text.plain(str(refusal), 600), icon=":material/memory:")
            return False
        backbone = backbones.get(config.backbone)
        foreseen, alone = self._of(config)
        if foreseen is None or alone is None:
            if self._measuring(backbone):
                _watch(self._job(backbone), self.settings)
            return True
        st.caption(f":material/timer: {text.plain(foreseen.sentence, 600)} {self._why(backbone)}")
        self._warn(config, fitting, foreseen)
        try:
            estimate.check_time(alone, self.settings)
        except TuskerError as refusal:
            st.error(text.plain(str(refusal), 600), icon=":material/timer_off:")
            return False
        if late := estimate.overtime(foreseen, self.settings):
            st.warning(text.plain(late, 600), icon=":material/timer_off:")
        return True

    def _warn(self, config: TrainingConfig, fitting: TrainingConfig, foreseen: Estimate) -> None:
        available = resources.free_memory()
        if fitting.batch_size < config.batch_size:
            st.info(
                f"The batch will be {fitting.batch_size} instead of {config.batch_size}, so that "
                f"it fits the {resources.said(available)} of memory that are free.",
                icon=":material/memory:",
            )
        if foreseen.export_memory.value > available:
            st.info(
                f"The files to download need about {resources.said(foreseen.export_memory.value)} "
                f"of memory, and {resources.said(available)} are free. They may have to be left "
                "out; the report and Predict do not need them.",
                icon=":material/memory:",
            )

    def _of(self, config: TrainingConfig) -> tuple[Estimate, Estimate] | tuple[None, None]:
        """On the machine as crowded as it was, and if it were free; None before it is measured."""
        found = self._pace(backbones.get(config.backbone))
        if found is None:
            return None, None
        dataset = self.found.dataset
        before = None if self.start is None else self.start.path
        seen = known.views(dataset, config, self.upload.pictures, self.settings, before)
        crowded, alone = (
            estimate.estimate(dataset, config, pace, self.settings, known=seen)
            for pace in (found, found.alone)
        )
        return crowded, alone

    def _pace(self, backbone: Backbone) -> Pace | None:
        """The measured pace, or, where measuring it has failed, one by the table."""
        found = pace.read(self.upload.path, backbone, self.settings)
        tried = self._job(backbone)
        if found is None and tried.exists and scheduling.status(tried, self.settings).state.ended:
            return pace.by_the_table(self.upload.path, backbone)
        return found

    def _why(self, backbone: Backbone) -> str:
        if serving.locate(backbone, self.settings) is None:
            return "Worked out from the speed of this machine; preparing the backbone comes first."
        return "Measured on this machine with some of your pictures."

    def _measuring(self, backbone: Backbone) -> bool:
        """See to it that the pace is being measured; whether it is."""
        job = self._job(backbone)
        if job.exists and scheduling.status(job, self.settings).state.ended:
            return False
        arguments = {"upload": str(self.upload.path), "backbone": backbone.name}
        try:
            by = state.mark(self.settings)
            enqueue(job.path, Order(kind="measure", arguments=arguments), self.settings, by=by)
        except TuskerError:  # the queue is full: others wait longer for theirs
            return False
        return True

    def _job(self, backbone: Backbone) -> JobFolder:
        return JobFolder(pace.place(self.upload.path, backbone.name))


@st.fragment(run_every=0.5)
def _watch(job: JobFolder, settings: Settings) -> None:
    if scheduling.status(job, settings).state.ended:
        st.rerun()
    st.caption(":material/timer: Measuring this machine …")
