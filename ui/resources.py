"""Streamlit caches of models, reports and settings.

No visitor's data is in a cache that others share.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core import images, runs
from core.backbones import serving
from core.bundles import imported
from core.dataset import Dataset
from core.errors import TuskerError
from core.evaluation import Report, browsing, paired
from core.evaluation.browsing import Rows
from core.evaluation.paired import NotComparable, PairedComparison
from core.export import card
from core.intake import uploads
from core.jobs import recover
from core.live import parts
from core.live.parts import Part
from core.model import heatmap
from core.model.classifier import Answer, Classifier, ServingModel, on_two_threads
from core.predict import lookup
from core.runs import comparison
from core.runs.run import Run
from core.settings import Settings, load
from core.system import log, malloc
from ui import text
from ui.charts.confusion import Share, confusion_matrix

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
BY_PATH: dict[str | type[Any], Callable[[Any], Any]] = {type(Path()): os.fsencode}
"""Cache key of a file: its path, which is new for each upload. In bytes, since the functions that
answer take strings for names of models."""
SWEEP_SECONDS = 3600
HOME_SECONDS = 10
PACKED_SECONDS = 900
"""How long a packed model stays in memory after the last browser took it."""


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The host's settings, read once."""
    return load()


@st.cache_resource(show_spinner=False)
def start() -> None:
    """Once per server: prepare the process."""
    malloc.limit_arenas()
    log.start()
    images.BUDGET.start(settings())


@st.cache_resource(show_spinner=False)
def continue_queues() -> None:
    """Once per server, as soon as its home can be written to: start jobs that wait."""
    recover(settings())


@st.cache_resource(ttl=HOME_SECONDS, show_spinner=False)
def home_problem() -> str:
    """Why nothing can be stored, for the host to mend; empty if all is well."""
    home = settings().home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            return ""
    except OSError as error:
        if settings().mode == "public":  # visitors are told no paths
            log.event("home not writable", home=str(home), reason=str(error))
            return "Nothing can be stored on this host at the moment."
        return (
            f"Nothing can be stored: {text.plain(str(home), 200)} cannot be written to "
            f"({error.strerror}). Make that folder writable, or name another in "
            f"{Settings.variable('home')}."
        )


@st.cache_resource(ttl=SWEEP_SECONDS, show_spinner=False)
def sweep() -> None:
    """Once per hour, when somebody visits: clear what is old or was abandoned."""
    uploads.sweep(settings())
    runs.sweep(settings())
    imported.sweep(settings())
    malloc.trim()


# Keys of the caches below: a cached value is used as long as its key is the same. Streamlit hides
# what a key function raises; with a damaged or deleted run, the cached function itself has to fail.


def model_version(model: str) -> bytes:
    """Changes whenever the answers of a model do."""
    version: tuple[object, ...] = (model,)
    with contextlib.suppress(TuskerError):
        version = lookup.version(model, settings())
    return repr(version).encode()  # Streamlit would take the version of each string in a tuple


def _run_version(run: Run) -> tuple[object, ...]:
    """Changes when the report of a run, its OOD scores or its annotations are written."""
    return str(run.path), run.stamp


def _per_run(
    max_entries: int, spinner: str = ""
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Cache what is read from the files of runs, for this visitor, until they change."""
    return st.cache_resource(
        scope="session",
        max_entries=max_entries,
        show_spinner=spinner or False,
        hash_funcs={Run: _run_version},
    )


def open_model(path: Path) -> ServingModel:
    """Open a network: all visitors share those of backbones, but not those of trained models."""
    return _backbone(path) if _shared(path) else _warm(path)


def _shared(path: Path) -> bool:
    return serving.DATA in path.parents or settings().home / "backbones" in path.parents


@st.cache_resource(max_entries=3, show_spinner=False)
def _backbone(path: Path) -> ServingModel:
    return _warm(path)


def _warm(path: Path) -> ServingModel:
    """The first call of an interpreter sets it up, which is not part of the time shown."""
    model = on_two_threads(path)
    model.run(np.zeros((model.size, model.size, 3), np.uint8))
    return model


@st.cache_resource(
    scope="session",
    max_entries=2,
    show_spinner="Loading the model …",
    hash_funcs={str: model_version},
)
def classifier(model: str) -> Classifier:
    """A model by name, for this visitor, with its current name and decision."""
    return lookup.find(model, settings(), open_model)


@st.cache_resource(
    scope="session",
    max_entries=1,
    ttl=PACKED_SECONDS,
    show_spinner=False,
    hash_funcs={str: model_version},
)
def live_parts(model: str) -> dict[str, Part]:
    """A model by name as a browser takes it."""
    network = classifier(model)
    trunk = shared_trunk(network.file) if _shared(network.file) else parts.trunk(network.file)
    return {"labels": parts.labels(network), "head": parts.head(network), "trunk": trunk}


@st.cache_resource(max_entries=2, ttl=PACKED_SECONDS, show_spinner=False)
def shared_trunk(file: Path) -> Part:
    """A frozen network as a browser takes it; the same for all models trained on top of it."""
    return parts.trunk(file)


@_per_run(3)
def report(run: Run) -> Report:
    """The report of a run. Raises RunDamaged."""
    return run.report()


@_per_run(1)
def dataset(run: Run) -> Dataset:
    """The dataset of a run. Raises RunDamaged."""
    return run.dataset()


compared_run = _per_run(comparison.MOST)(comparison.load)
model_card = _per_run(3)(card.card)


@_per_run(3)
def rows(run: Run) -> Rows:
    """The test pictures of a run as arrays. Raises RunDamaged."""
    return browsing.rows(report(run), run.ood_scores())


@_per_run(6)
def matrix(run: Run, values: Share, chosen: tuple[int, int] | None) -> go.Figure:
    """The confusion matrix of a run; drawing a hundred classes takes a while. Raises RunDamaged."""
    return confusion_matrix(report(run), values=values, chosen=chosen)


@_per_run(2, "Comparing …")
def pairings(compared: tuple[Run, ...]) -> tuple[PairedComparison | NotComparable, ...]:
    """Each of several runs compared with the first. Raises RunDamaged."""
    first, *others = (compared_run(run).evaluated for run in compared)
    return paired.compare_with(first, others)


@st.cache_data(
    scope="session",
    max_entries=256,
    show_spinner=False,
    hash_funcs={**BY_PATH, str: model_version},
)
def answer(model: str, content: bytes | Path) -> Answer:
    """What a model predicts for a picture, without the feature map. Raises BadImage."""
    network = classifier(model)
    prediction = network.classify(content)
    # Feature maps of many pictures would fill the memory.
    return replace(prediction, feature_map=np.empty((0, 0, 0), np.float32))


@st.cache_data(scope="session", max_entries=64, show_spinner=False, hash_funcs=BY_PATH)
def heatmaps(model: str, content: bytes | Path, classes: tuple[int, ...]) -> np.ndarray:
    """Where a model sees evidence for classes in a picture: (m, h, w) uint8, each on its own scale.

    Raises:
        BadImage: it cannot be read.
    """
    network = classifier(model)
    maps = network.heatmaps(network.answer(network.load(content)), classes)
    # They are shown one at a time, and the likeliest answer need not have the highest value.
    return np.stack([heatmap.to_uint8(evidence) for evidence in maps])
