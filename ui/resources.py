"""The only `st.cache_*` wrappers. Nothing of a visitor's is in a cache that others share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core import backbones, live, runs
from core import settings as settings_module
from core.backbones import serving
from core.bundles import imported
from core.dataset import Dataset
from core.evaluation import Report, browsing, paired
from core.evaluation.browsing import Rows
from core.evaluation.paired import EvaluatedModel, NotComparable, PairedComparison
from core.evaluation.report import OodScores
from core.export import card as cards
from core.intake import samples, uploads
from core.jobs import recover
from core.live import Part
from core.model import heatmap
from core.model.classifier import Answer, Classifier, ServingModel, on_one_thread, opened
from core.predict import lookup
from core.runs import comparison
from core.runs.comparison import ComparedRun
from core.runs.run import Run
from core.settings import Settings
from core.system import log, memory, threads
from ui.charts.confusion import Share, confusion_matrix

SWEEP_SECONDS = 3600
PACKED_SECONDS = 900
"""How long a packed model stays in memory after nobody took it along."""


@st.cache_resource
def settings() -> Settings:
    """The host's settings, read once."""
    return settings_module.load()


@st.cache_resource
def start() -> None:
    """Once a server: let queues go on where they stood."""
    memory.limit_arenas()
    log.start()
    recover(settings())


@st.cache_resource(ttl=SWEEP_SECONDS, show_spinner=False)
def sweep() -> None:
    """Once an hour, when somebody comes: clear what is old or was abandoned."""
    uploads.sweep(settings())
    runs.sweep(settings())
    imported.sweep(settings())
    memory.trim()


@st.cache_resource(max_entries=3, show_spinner=False)
def _backbone(path: Path) -> ServingModel:
    return _warm(path)


def open_model(path: Path) -> ServingModel:
    """Interpreters of backbones are shared by all visitors; those of trained models are not."""
    return _backbone(path) if _shared(path) else _warm(path)


def _shared(path: Path) -> bool:
    return serving.DATA in path.parents or settings().home / "backbones" in path.parents


def _warm(path: Path) -> ServingModel:
    """The first call of an interpreter sets it up; that is not part of the time shown."""
    model = opened(path)
    model.run(np.zeros((model.size, model.size, 3), np.uint8))
    return model


def classifier(model: str) -> Classifier:
    """A model by name, for this visitor, with the name and threshold that it has now."""
    return _classifier(model, "" if backbones.known(model) else _annotations(model))


@st.cache_resource(scope="session", max_entries=2, show_spinner="Loading the model …")
def _classifier(model: str, annotations: str) -> Classifier:
    del annotations  # where they change, so does what the model is called and when it is sure
    return lookup.find(model, settings(), open_model)


def crew(model: str) -> tuple[Classifier, ...]:
    """A model by name once for each core, to answer many pictures side by side."""
    return _crew(model, "" if backbones.known(model) else _annotations(model))


@st.cache_resource(scope="session", max_entries=1, show_spinner="Loading the model …")
def _crew(model: str, annotations: str) -> tuple[Classifier, ...]:
    del annotations  # as above
    return tuple(lookup.find(model, settings(), on_one_thread) for _ in range(threads.cores()))


def live_parts(model: str) -> dict[str, Part]:
    """A model by name as a browser takes it, packed once a visit; a backbone's once a server."""
    if backbones.known(model):
        return _live_backbone(model)
    return _live_run(model, _annotations(model))


@st.cache_resource(max_entries=2, ttl=PACKED_SECONDS, show_spinner=False)
def _live_backbone(model: str) -> dict[str, Part]:
    asked = classifier(model)
    return live.pack(asked, shared_trunk(asked.file))


@st.cache_resource(scope="session", max_entries=1, ttl=PACKED_SECONDS, show_spinner=False)
def _live_run(model: str, annotations: str) -> dict[str, Part]:
    del annotations  # as above
    asked = classifier(model)
    trunk = shared_trunk(asked.file) if _shared(asked.file) else live.trunk(asked.file)
    return live.pack(asked, trunk)


@st.cache_resource(max_entries=2, ttl=PACKED_SECONDS, show_spinner=False)
def shared_trunk(file: Path) -> Part:
    """A network as a browser takes it; the same for all models that were taught on it frozen."""
    return live.trunk(file)


def _annotations(model: str) -> str:
    said = lookup.of_id(model, settings()).annotations()
    return said.model_dump_json(include={"name", "threshold"})


def report(run: Run) -> Report:
    """The report of a run, read once a visit and again when the file has changed.

    Raises:
        RunDamaged: it cannot be read, or is not the file of the manifest.
    """
    return _report(str(run.path), run.changed_at, run)


@st.cache_resource(scope="session", max_entries=3, show_spinner=False)
def _report(path: str, changed_at: tuple[int, ...], _run: Run) -> Report:
    del path, changed_at  # what the cache goes by
    return _run.report()


def dataset(run: Run) -> Dataset:
    """The dataset of a run; of a complete one it is read once a visit.

    Raises:
        RunDamaged: it cannot be read.
    """
    return _dataset(str(run.path), run.changed_at, run) if run.complete else run.dataset()


@st.cache_resource(scope="session", max_entries=1, show_spinner=False)
def _dataset(path: str, changed_at: tuple[int, ...], _run: Run) -> Dataset:
    del path, changed_at  # what the cache goes by
    return _run.dataset()


def rows(run: Run) -> Rows:
    """The test pictures of a run as arrays, made once a visit. Raises RunDamaged."""
    unlike = run.ood_scores()
    return _rows(str(run.path), run.changed_at, unlike is not None, report(run), unlike)


@st.cache_resource(scope="session", max_entries=3, show_spinner=False)
def _rows(
    path: str, changed_at: tuple[int, ...], told: bool, _report: Report, _unlike: OodScores | None
) -> Rows:
    del path, changed_at, told  # what the cache goes by
    return browsing.rows(_report, _unlike)


def matrix(run: Run, values: Share, chosen: tuple[int, int] | None) -> go.Figure:
    """The confusion matrix of a run, drawn once a visit: a hundred classes take a while.

    Raises:
        RunDamaged: the report cannot be read.
    """
    return _matrix(str(run.path), run.changed_at, values, chosen, report(run))


@st.cache_resource(scope="session", max_entries=6, show_spinner=False)
def _matrix(
    path: str,
    changed_at: tuple[int, ...],
    values: Share,
    chosen: tuple[int, int] | None,
    _report: Report,
) -> go.Figure:
    del path, changed_at  # what the cache goes by
    return confusion_matrix(_report, values=values, chosen=chosen)


def card(run: Run) -> str:
    """The model card of a run, written once a visit and again when its owner changes something.

    Raises:
        RunDamaged: the run is not complete, or one of its files cannot be read.
    """
    return _card(str(run.path), run.changed_at, run.annotations().model_dump_json(), run)


@st.cache_data(scope="session", max_entries=3, show_spinner=False)
def _card(path: str, changed_at: tuple[int, ...], annotations: str, _run: Run) -> str:
    del path, changed_at, annotations  # what the cache goes by
    return cards.card(_run)


def measured(run: Run) -> ComparedRun:
    """What a complete run is compared by, read once a visit. Raises RunDamaged."""
    return _measured(str(run.path), run.changed_at, run)


@st.cache_resource(scope="session", max_entries=comparison.MOST, show_spinner=False)
def _measured(path: str, changed_at: tuple[int, ...], _run: Run) -> ComparedRun:
    del path, changed_at  # what the cache goes by
    return comparison.load(_run)


def pairings(compared: Sequence[Run]) -> tuple[PairedComparison | NotComparable, ...]:
    """Each of several runs compared with the first, once a visit. Raises RunDamaged."""
    key = tuple((str(run.path), run.changed_at) for run in compared)
    return _pairings(key, [measured(run).answered for run in compared])


@st.cache_resource(scope="session", max_entries=2, show_spinner="Comparing …")
def _pairings(
    key: tuple[tuple[str, tuple[int, ...]], ...], _answered: list[EvaluatedModel]
) -> tuple[PairedComparison | NotComparable, ...]:
    del key  # what the cache goes by
    return paired.against(_answered[0], _answered[1:])


@st.cache_data(scope="session", max_entries=256, show_spinner=False)
def _answer(model: str, digest: str, _content: bytes) -> Answer:
    del digest  # what the cache goes by
    asked = classifier(model)
    found = asked.answer(asked.load(_content))
    # Feature maps of many pictures would fill the memory.
    return replace(found, feature_map=np.empty((0, 0, 0), np.float32))


def answer(model: str, content: bytes) -> Answer:
    """What a model says of a picture, without the feature map. Raises BadImage."""
    return _answer(model, hashlib.sha256(content).hexdigest(), content)


@st.cache_data(scope="session", max_entries=64, show_spinner=False)
def _heatmaps(model: str, digest: str, classes: tuple[int, ...], _content: bytes) -> np.ndarray:
    del digest  # what the cache goes by
    asked = classifier(model)
    maps = asked.heatmaps(asked.answer(asked.load(_content)), classes)
    # They are looked at one at a time, and the likeliest answer need not have the highest place.
    return np.stack([heatmap.packed(one) for one in maps])


def heatmaps(model: str, content: bytes, classes: Iterable[int]) -> np.ndarray:
    """Where a model sees evidence for classes in a picture: (m, h, w) uint8, each on its own scale.

    Raises:
        BadImage: it cannot be read.
        LookupError: such maps cannot be had of this model.
    """
    return _heatmaps(model, hashlib.sha256(content).hexdigest(), tuple(classes), content)


@st.cache_data(show_spinner=False)
def sample_photographs() -> dict[str, bytes]:
    """The sample pictures by name."""
    return samples.photographs()
