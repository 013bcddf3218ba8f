"""How fast this machine is with these pictures, found out on a few of them in about a second.

What is found for a backbone is kept beside the pictures, in `pace/`: decoding takes what they
make it take. What a view takes is remembered for all of them.
"""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import backbones, images, intake
from core.backbones import Backbone, serving
from core.dataset import Example
from core.errors import TuskerError
from core.estimating import measurements
from core.model.classifier import ServingModel, on_one_thread
from core.settings import Settings
from core.system import files, threads
from core.training.config import Augmentation
from core.training.views import render

logger = logging.getLogger(__name__)

SAMPLE = 24
"""Pictures that are looked at, at most."""
DECODE_SECONDS, RENDER_SECONDS, VIEW_SECONDS = 0.3, 0.2, 0.5
"""What each measurement may take; a round that has begun is finished."""
VARIED = Augmentation(views=5)
FOLDER, FILE = "pace", "pace.json"
REFERENCE = 0.0096
"""Seconds of one core that a view of the default backbone took where the constants are from."""

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Item = TypeVar("Item")


class Pace(BaseModel):
    """Seconds that one core takes, and how much of the cores there is to be had.

    Attributes:
        backbone: name of the backbone.
        decode: to decode a picture and cut out its plain view.
        render: to render one random view of it.
        view: for a view to pass through the backbone.
        standard: for a view to pass through the default backbone.
        cores: that a training may use.
        crowding: how much longer work on all cores takes than it would if nobody else used them.
        scaled: `view` was not measured but taken from the table and the speed of this machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str
    decode: Seconds
    render: Seconds
    view: Seconds
    standard: Seconds
    cores: int = Field(ge=1)
    crowding: float = Field(ge=1, allow_inf_nan=False)
    scaled: bool = False

    @property
    def slowness(self) -> float:
        """Time of one core beside the one that constants were taken on; 2 is half as fast."""
        return self.standard / REFERENCE

    @property
    def alone(self) -> Self:
        """The same if nobody else used the cores."""
        return self.model_copy(update={"crowding": 1.0})

    @property
    def crowding_of_one(self) -> float:
        """How much longer work on a single core takes, out of the share that is to be had."""
        return max(1.0, self.crowding / self.cores)


def take(
    examples: Sequence[Example], pictures: Path, backbone: Backbone, settings: Settings
) -> Pace:
    """Measure on a few pictures, keeping all cores busy as a training does.

    Args:
        examples: at least one; their paths are relative to `pictures`.
        backbone: where its serving model is not on this machine, its speed is that of the table,
            by how fast the default backbone turns out to be here.

    Raises:
        BadImage: a picture can no longer be read.
    """
    some = [examples[at] for at in np.unique(np.linspace(0, len(examples) - 1, SAMPLE).astype(int))]
    decoded: list[np.ndarray] = []
    edge = math.ceil(backbone.size / backbone.crop)
    views: list[np.ndarray] = []

    def decode(example: Example) -> None:
        decoded.append(images.decode(pictures / example.path, shorter_edge=edge))
        views.append(images.fit(decoded[-1], backbone.size, backbone.crop))

    def vary(picture: np.ndarray) -> None:
        render(picture, backbone.size, backbone.crop, VARIED, key="")

    with _Crew() as crew:
        decoding = crew.seconds_each(decode, some, DECODE_SECONDS)
        rendering = crew.seconds_each(vary, decoded, RENDER_SECONDS) / (VARIED.views - 1)
        default = backbones.get(backbones.DEFAULT)
        smaller = [images.fit(view, default.size) for view in views]
        standard = _passing(crew, default, smaller, settings)
        assert standard is not None, "the default backbone comes with Tusker"
        view = standard if backbone == default else _passing(crew, backbone, views, settings)
    return Pace(
        backbone=backbone.name,
        decode=decoding,
        render=rendering,
        view=_usual(backbone, standard) if view is None else view,
        standard=standard,
        cores=crew.size,
        crowding=crew.crowding,
        scaled=view is None,
    )


def measure(folder: Path, backbone: Backbone, settings: Settings) -> None:
    """Measure with the pictures of an intake and keep what was found.

    An estimate is no reason for an intake to fail: where it cannot be had, there is none.
    """
    try:
        dataset = intake.load(folder).dataset
        if dataset.examples:
            write(take(dataset.examples, intake.pictures(folder), backbone, settings), folder)
    except (TuskerError, OSError):
        logger.warning("the pace could not be measured", exc_info=True)


def write(pace: Pace, folder: Path) -> None:
    """Keep a pace in the folder of an intake."""
    path = place(folder, pace.backbone) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, pace.model_dump_json())


def read(folder: Path, backbone: Backbone, settings: Settings) -> Pace | None:
    """What is known of the pace with the pictures of an intake; None if it must be measured.

    Decoding differs little from backbone to backbone: measured for one it is known for all. What
    a view takes is known for every dataset once it was measured for any.
    """
    there = serving.locate(backbone, settings) is not None
    kept = _kept(folder, backbone)
    if kept is not None and not (kept.scaled and there):
        return kept
    found = by_the_table(folder, backbone)
    view = measurements.recall(settings, view_key(backbone, settings)) if there else None
    if found is not None and view is not None:
        return found.model_copy(update={"view": view, "scaled": False})
    return None if there else found


def by_the_table(folder: Path, backbone: Backbone) -> Pace | None:
    """The pace by that of the default backbone; None if that was not measured either."""
    default = backbones.get(backbones.DEFAULT)
    kept = _kept(folder, default)
    if kept is None:
        return None
    return kept.model_copy(
        update={
            "backbone": backbone.name,
            "render": kept.render * (backbone.size / default.size) ** 2,
            "view": _usual(backbone, kept.view),
            "scaled": backbone != default,
        }
    )


def place(folder: Path, backbone: str) -> Path:
    """Where the pace with a backbone is kept, and where the job that measures it works.

    The folder's name is one of its own, because queues tell jobs apart by that.
    """
    return folder / FOLDER / f"{folder.name}-{backbone}"


def _kept(folder: Path, backbone: Backbone) -> Pace | None:
    try:
        return Pace.model_validate_json((place(folder, backbone.name) / FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def _passing(
    crew: _Crew, backbone: Backbone, views: Sequence[np.ndarray], settings: Settings
) -> float | None:
    """What a view takes a backbone, an interpreter a core; None if it is not on this machine."""
    path = serving.locate(backbone, settings)
    if path is None:
        return None
    idle: queue.SimpleQueue[ServingModel] = queue.SimpleQueue()
    for _ in range(crew.size):
        idle.put(_warm(path))

    def look(number: int) -> None:
        model = idle.get()
        model.run(views[number % len(views)])
        idle.put(model)

    seconds = crew.seconds_each(look, range(max(SAMPLE, 2 * crew.size)), VIEW_SECONDS)
    measurements.remember(settings, view_key(backbone, settings), seconds)
    return seconds


def view_key(backbone: Backbone, settings: Settings) -> measurements.Key:
    """Seconds of a core that a view takes through the serving model."""
    return measurements.key_of("seconds of a core a view", backbone, settings)


def _warm(path: Path) -> ServingModel:
    """The first call of an interpreter sets it up."""
    model = on_one_thread(path)
    model.run(np.zeros((model.size, model.size, 3), np.uint8))
    return model


def _usual(backbone: Backbone, standard: float) -> float:
    """What a view should take, by what one takes the default backbone."""
    usual = backbones.get(backbones.DEFAULT).milliseconds
    assert usual is not None
    return standard * (backbone.milliseconds or usual) / usual


class _Crew:
    """A thread a core, timed by what the processor did: other work on the machine counts apart."""

    def __init__(self) -> None:
        self.size = threads.cores()
        self._pool = ThreadPoolExecutor(self.size, thread_name_prefix="pace")
        self._worked = self._waited = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    @property
    def crowding(self) -> float:
        """How much longer it took, so far, than if the cores had been free."""
        return max(1.0, self._waited * self.size / max(self._worked, 1e-9))

    def seconds_each(
        self, work: Callable[[Item], None], items: Sequence[Item], most: float
    ) -> float:
        """Seconds of a core an item, from as many items as `most` seconds allow."""
        began, before = time.perf_counter(), time.process_time()

        def one(item: Item) -> bool:
            if time.perf_counter() - began > most:
                return False
            work(item)
            return True

        done = max(1, sum(self._pool.map(one, items)))
        worked = time.process_time() - before
        self._worked += worked
        self._waited += time.perf_counter() - began
        return max(worked / done, 1e-9)
