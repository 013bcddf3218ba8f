"""The pictures inside the report: those it got wrong, some it got right, labels in doubt."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from core.checks.labels import LabelIssue
from core.evaluation.report import Prediction
from core.export.card import Facts
from core.model import heatmap
from core.runs.run import Run

WRONG, RIGHT, DOUBTED = 120, 24, 24
"""Most pictures of each kind."""
BYTES = 5_000_000
"""Most characters of all pictures together: with Plotly, 5 MB, a letter can still carry it."""
STRENGTH = 0.65
QUALITY = 80


@dataclass(frozen=True)
class Snapshot:
    """A test picture with what was said of it.

    Attributes:
        picture: as a `data:` address.
        for_said, for_was: where it saw what speaks for its answer and for the label, likewise;
            empty where there are no heat maps.
    """

    said: Prediction
    picture: str
    for_said: str = ""
    for_was: str = ""


@dataclass(frozen=True)
class Doubt:
    """A training picture whose label may be wrong."""

    suspect: LabelIssue
    picture: str


@dataclass(frozen=True)
class Chosen:
    """Those that are inside, and how many there are in all."""

    wrong: tuple[Snapshot, ...]
    all_wrong: int
    right: tuple[Snapshot, ...]
    all_right: int
    doubted: tuple[Doubt, ...]
    all_doubted: int


@dataclass
class _Room:
    """How much may still be taken in."""

    left: int
    full: bool = field(default=False, init=False)

    def takes(self, *addresses: str) -> bool:
        size = sum(map(len, addresses))
        self.full = self.full or size > self.left
        self.left -= 0 if self.full else size
        return not self.full


def choose(run: Run, found: Facts) -> Chosen:
    """Take in what there is room for; mistakes it was surest of come first, and go out last."""
    predictions = found.report.predictions
    wrong = [i for i, said in enumerate(predictions) if said.label != said.predicted]
    right = [i for i, said in enumerate(predictions) if said.label == said.predicted]
    wrong.sort(key=lambda place: -predictions[place].probability)
    room = _Room(BYTES)
    some_right = _some_of_each(right, predictions)
    return Chosen(
        right=_snapshots(run, found, some_right, room),
        all_right=len(right),
        doubted=_doubts(run, found.label_issues[:DOUBTED], room),
        all_doubted=len(found.label_issues),
        wrong=_snapshots(run, found, wrong[:WRONG], room, explained=True),
        all_wrong=len(wrong),
    )


def _some_of_each(places: list[int], predictions: tuple[Prediction, ...]) -> list[int]:
    """Some pictures by lot, in turn of every class."""
    shuffled = [places[i] for i in np.random.default_rng(0).permutation(len(places))]
    turn: dict[int, int] = {}
    ranked = []
    for place in shuffled:
        label = predictions[place].label
        turn[label] = turn.get(label, -1) + 1
        ranked.append((turn[label], label, place))
    return [place for _, _, place in sorted(ranked)[:RIGHT]]


def _snapshots(
    run: Run, found: Facts, places: Iterable[int], room: _Room, *, explained: bool = False
) -> tuple[Snapshot, ...]:
    maps = run.heatmaps() if explained else None
    taken: list[Snapshot] = []
    for place in places:
        said = found.report.predictions[place]
        content = _content(run.thumbnail(place))
        if content is None:
            continue
        covers = ["", ""]
        if maps is not None and place < len(maps):
            covers = [_covered(content, heat, found.config.crop) for heat in maps[place]]
        one = Snapshot(said, _address(content), *covers)
        if not room.takes(one.picture, *covers):
            break
        taken.append(one)
    return tuple(taken)


def _doubts(run: Run, label_issues: tuple[LabelIssue, ...], room: _Room) -> tuple[Doubt, ...]:
    found = ((one, _content(run.label_issue_thumbnail(i))) for i, one in enumerate(label_issues))
    doubts = (Doubt(one, _address(content)) for one, content in found if content is not None)
    return tuple(doubt for doubt in doubts if room.takes(doubt.picture))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _covered(content: bytes, heat: np.ndarray, crop: float) -> str:
    """The picture, a JPEG of our own, under a heat map."""
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    laid = heatmap.overlay(picture, np.asarray(heat), crop=crop, strength=STRENGTH)
    packed = io.BytesIO()
    Image.fromarray(laid).save(packed, "JPEG", quality=QUALITY)
    return _address(packed.getvalue())


def _address(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
