"""Check a bundle from outside completely, before any byte of it is stored.

Only `model.json`, `weights.safetensors`, `novelty.safetensors`, `looks.json`, `learned.json` and
`split.json` of the zip are read. Nothing in them can be executed: a description that is checked
against the table of backbones, float32 arrays whose names and shapes follow from it, a few bounded
numbers, and hashes of pictures. The network is built here, and the files that are stored are
written from the checked values.
"""

import itertools
import math
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, deserialize

from core import backbones
from core.archive.entry import NAME_BYTES
from core.backbones import variables
from core.bundles.members import SPLIT, Member, find
from core.errors import BadBundle, LimitExceeded
from core.model import storage
from core.model.appearance import Appearance
from core.model.ood import DIRECTIONS, OodDetector
from core.model.storage import APPEARANCE, LEARNED, MODEL, OOD, WEIGHTS, ModelFile
from core.settings import MEGABYTE, Settings
from core.system import untrusted_json

MODEL_BYTES, APPEARANCE_BYTES = MEGABYTE, 4096
"""Largest `model.json` and `looks.json`; Tusker writes about 600 bytes of the latter."""
LEARNED_BYTES = 64 * MEGABYTE
"""Largest `learned.json` and `split.json`."""
SHA256 = re.compile("[0-9a-f]{64}")
HEADER_BYTES = 256 * 1024
"""Largest header of a safetensors file; the largest that Tusker writes has 30 KB."""
LARGEST = 1e9
"""Largest weight: no trained network comes near it, and products stay finite."""
LENGTH_BYTES = 8
"""A safetensors file begins with the length of its header."""

Shapes = dict[str, tuple[int, ...]]
Described = TypeVar("Described", ModelFile, Appearance)


@dataclass(frozen=True)
class Bundle:
    """The model of a bundle that passed the checks."""

    model: ModelFile
    arrays: dict[str, np.ndarray]
    ood_detector: OodDetector | None
    appearance: Appearance | None
    learned: frozenset[str]

    def write(self, folder: Path) -> None:
        """Write the files of the model into a folder, which is created."""
        folder.mkdir(parents=True, exist_ok=True)
        storage.save(folder, self.model, self.arrays)
        if self.ood_detector is not None:
            storage.save_ood_detector(folder, self.ood_detector)
        if self.appearance is not None:
            storage.save_appearance(folder, self.appearance)
        if self.learned:
            storage.save_learned(folder, self.learned)


def read(file: IO[bytes], settings: Settings) -> Bundle:
    """Read and check a bundle; nothing is stored.

    Whatever sizes the zip claims, memory stays within about twice the weights of a model that fits
    its description.

    Args:
        file: seekable; stays open.

    Raises:
        BadArchive: not a zip, or an unsafe or damaged one.
        BadBundle: not a bundle, or one that Tusker cannot have written.
        LimitExceeded: more than this host allows.
    """
    members = find(file, settings)
    model = _read_model(members[MODEL], settings)
    return Bundle(
        model,
        _read_weights(members[WEIGHTS], model),
        _read_ood_detector(members[OOD], model) if OOD in members else None,
        _parsed(members[APPEARANCE], Appearance, APPEARANCE_BYTES)
        if APPEARANCE in members
        else None,
        _read_learned(members),
    )


def _read_model(member: Member, settings: Settings) -> ModelFile:
    model = _parsed(member, ModelFile, MODEL_BYTES)
    if not backbones.known(model.backbone):
        raise _impossible(f"a backbone called {model.backbone[:60]!r}, which is not known here")
    _check_classes(model.classes, settings)
    row = backbones.get(model.backbone)
    if model.size != row.size:
        raise _impossible(f"pictures of {model.size} pixels; {row.title} takes {row.size}")
    stages = [stage.name for stage in row.stages[:-1]]
    if model.cut is not None and model.cut not in stages:
        raise _impossible(f"a cut at {model.cut[:60]!r}, which is no stage of {row.title}")
    return model


def _check_classes(classes: tuple[str, ...], settings: Settings) -> None:
    if len(classes) < 2:
        raise _impossible(f"{len(classes)} classes; at least two are needed")
    if len(classes) > settings.classes:
        raise LimitExceeded(
            f"A model may have up to {settings.classes} classes; this one has {len(classes):,}. "
            f"The host can raise {settings.variable('classes')}."
        )
    for name in classes:
        if not name.strip() or len(name.encode()) > NAME_BYTES:
            raise _impossible("a class whose name is empty or too long")
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name):
            raise _impossible("a class whose name has line breaks or control characters")
    if len({unicodedata.normalize("NFC", name) for name in classes}) < len(classes):
        raise _impossible("two classes of the same name")


def _read_weights(member: Member, model: ModelFile) -> dict[str, np.ndarray]:
    """The weights, with the names and shapes that follow from the model's description."""
    head = _head_shapes(model)
    row = backbones.get(model.backbone)
    stages = [stage.name for stage in row.stages]
    above: Shapes = {}
    if model.cut is not None:
        above = variables.of(row).above(stages.index(model.cut))
    arrays = _read_arrays(member, sum(map(math.prod, (head | above).values())))
    changed = [_layer(name) for name in above if name in arrays]
    if above and not changed:
        raise BadBundle(f"{MODEL} of this bundle says that layers were trained; none is in it.")
    # A training that changes a layer changes all from there up, each with all its weights.
    trained = {name: shape for name, shape in above.items() if _layer(name) >= min(changed)}
    _check_shapes(member.name, arrays, head | trained)
    return arrays


def _layer(name: str) -> int:
    """Index of the layer of a weight among those of its network."""
    return int(name.split(".")[1])


def _read_ood_detector(member: Member, model: ModelFile) -> OodDetector:
    width, classes = backbones.get(model.backbone).embedding, len(model.classes)
    arrays = _read_arrays(member, (classes + DIRECTIONS) * width + 1)
    rows = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    expected = {
        "means": (min(rows.get("means", 0), classes), width),
        "directions": (min(rows.get("directions", 0), DIRECTIONS), width),
        "threshold": (1,),
    }
    _check_shapes(member.name, arrays, expected)
    try:
        return OodDetector.from_arrays(arrays)
    except ValueError as error:
        raise _invalid(member.name, str(error)[:120]) from error


def _read_learned(members: dict[str, Member]) -> frozenset[str]:
    """SHA-256 of the pictures that the model learned from; earlier bundles have only a split."""
    hashes: set[str] = set()
    for name in (LEARNED, SPLIT):
        if name not in members:
            continue
        try:
            rows = untrusted_json.parse(members[name].read(LEARNED_BYTES))
            if name == SPLIT:
                rows = [row["sha256"] for row in rows if row["part"] != "test"]
            if not all(SHA256.fullmatch(row) for row in rows):
                raise ValueError("a hash is not a SHA-256")
        except (ValueError, TypeError, LookupError) as error:
            raise _invalid(name, str(error)[:120]) from error
        hashes.update(rows)
    return frozenset(hashes)


def _read_arrays(member: Member, values: int) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file: float32, up to `LARGEST`, without bytes beside them.

    Args:
        values: the largest number of values in all arrays.
    """
    content = member.read(LENGTH_BYTES + HEADER_BYTES + 4 * values)
    header = int.from_bytes(content[:LENGTH_BYTES], "little")
    if header > HEADER_BYTES:
        raise _invalid(member.name, f"a header of {header:,} bytes is more than it may have")
    try:
        tensors = deserialize(content)
    except SafetensorError as error:
        reason = str(error).removeprefix("Error while deserializing: ")
        raise _invalid(member.name, reason[:120]) from error
    arrays = {}
    for name, tensor in tensors:
        if tensor["dtype"] != "F32":
            raise _invalid(member.name, f"{name[:60]!r} is not float32")
        try:
            arrays[name] = np.frombuffer(tensor["data"], "<f4").reshape(tensor["shape"])
        except ValueError as error:  # more dimensions or elements than NumPy has, all of them empty
            raise _invalid(member.name, f"the shape of {name[:60]!r} is impossible") from error
        if not (np.abs(arrays[name]) <= LARGEST).all():
            raise _invalid(member.name, "some numbers are not finite or too large")
    return arrays


def _check_shapes(file: str, arrays: dict[str, np.ndarray], expected: Shapes) -> None:
    for name in arrays:
        if name not in expected:
            raise _invalid(file, f"it holds {name[:60]!r}, which this model does not have")
    for name, shape in expected.items():
        if name not in arrays:
            raise _invalid(file, f"{name} is missing")
        if arrays[name].shape != shape:
            raise _invalid(file, f"{name} has the shape {arrays[name].shape}, not {shape}")


def _head_shapes(model: ModelFile) -> Shapes:
    """Shapes of the arrays of a model's head, by name."""
    widths = [model.width, *model.hidden, len(model.classes)]
    shapes: Shapes = {}
    for number, (inputs, units) in enumerate(itertools.pairwise(widths)):
        shapes[f"head.{number}.kernel"] = (inputs, units)
        shapes[f"head.{number}.bias"] = (units,)
    return shapes


def _parsed(member: Member, kind: type[Described], most: int) -> Described:
    """A file of at most `most` bytes of JSON."""
    try:
        return kind.model_validate_json(member.read(most))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:60]
        reason = f"{where}: {first['msg'][:120]}" if where else first["msg"][:120]
        raise _invalid(member.name, reason) from error


def _invalid(name: str, reason: str) -> BadBundle:
    return BadBundle(f"{name} of this bundle is not what Tusker writes: {reason}.")


def _impossible(problem: str) -> BadBundle:
    return BadBundle(
        f"{MODEL} of this bundle describes a model that Tusker cannot train: {problem}."
    )
