"""Check a bundle from outside completely, before any byte of it is stored.

Only `model.json`, `weights.safetensors`, `novelty.safetensors` and `looks.json` of the zip are
read. Nothing in them can be executed: a description that is checked against the table of backbones,
float32 arrays whose names and shapes follow from it, and a few bounded numbers. The network is
built here.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from core import backbones
from core.archive.directory import NAME_BYTES
from core.backbones import variables
from core.bundles.members import Member, find
from core.bundles.tensors import HEADER_BYTES, ITEM, LENGTH, Shapes, Tensors
from core.errors import BadArchive, BadBundle, LimitExceeded
from core.model import storage
from core.model.appearance import Appearance
from core.model.ood import DIRECTIONS, OodDetector
from core.model.storage import APPEARANCE, MODEL, OOD, WEIGHTS, ModelFile
from core.settings import MEGABYTE, Settings
from core.system import files

MODEL_BYTES, APPEARANCE_BYTES = MEGABYTE, 4096
"""Largest `model.json` and `looks.json`; Tusker writes about 600 bytes of the latter."""
HIDDEN_LAYERS, UNITS, DROPOUT, SMALLEST_CROP = 3, 4096, 0.9, 0.5
"""Limits of a trained head and crop, as the settings of a training have them."""


@dataclass(frozen=True)
class Bundle:
    """A bundle that passed the checks.

    Attributes:
        model: content of `model.json`.
        digests: SHA-256 of the other files, in hex, by name.
    """

    model: ModelFile
    digests: dict[str, str]


def read(file: IO[bytes], settings: Settings) -> Bundle:
    """Check a bundle; nothing is stored.

    Memory stays within a few megabytes whatever sizes the zip claims.

    Args:
        file: seekable; stays open.

    Raises:
        BadArchive: not a zip, or an unsafe or damaged one.
        BadBundle: not a bundle, or one that Tusker cannot have written.
        LimitExceeded: more than this host allows.
    """
    return _check(find(file, settings), settings)


def extract(file: IO[bytes], folder: Path, settings: Settings) -> Bundle:
    """Check a bundle, then write the files of its model into a folder.

    Raises as `read`; then nothing was written.
    """
    members = find(file, settings)
    bundle = _check(members, settings)
    folder.mkdir(parents=True, exist_ok=True)
    for name, digest in bundle.digests.items():
        with files.replacing(folder / name) as temporary, temporary.open("wb") as out:
            written = hashlib.sha256()
            for chunk in members[name].chunks():
                written.update(chunk)
                out.write(chunk)
            if written.hexdigest() != digest:
                raise BadArchive(f"{name} changed while it was read. Try again.")
    storage.write_description(folder, bundle.model)
    return bundle


def _check(members: dict[str, Member], settings: Settings) -> Bundle:
    model = _check_model(members[MODEL], settings)
    digests = {WEIGHTS: _check_weights(members[WEIGHTS], model)}
    if OOD in members:
        digests[OOD] = _check_ood_detector(members[OOD], model)
    if APPEARANCE in members:
        digests[APPEARANCE] = _check_appearance(members[APPEARANCE])
    return Bundle(model, digests)


def _check_model(member: Member, settings: Settings) -> ModelFile:
    _check_size(member, MODEL_BYTES)
    try:
        model = ModelFile.model_validate_json(b"".join(member.chunks()))
    except ValidationError as error:
        raise _invalid(MODEL, _first_error(error)) from error
    if not backbones.known(model.backbone):
        raise _impossible(f"a backbone called {model.backbone[:60]!r}, which is not known here")
    _check_classes(model.classes, settings)
    row = backbones.get(model.backbone)
    if model.size != row.size:
        raise _impossible(f"pictures of {model.size} pixels; {row.title} takes {row.size}")
    if not SMALLEST_CROP <= model.crop <= 1:
        raise _impossible(f"a crop of {model.crop:g}; it may be {SMALLEST_CROP} to 1")
    if len(model.hidden) > HIDDEN_LAYERS or any(not 1 <= units <= UNITS for units in model.hidden):
        raise _impossible(f"hidden layers other than at most {HIDDEN_LAYERS} of 1 to {UNITS} units")
    if not 0 <= model.dropout <= DROPOUT:
        raise _impossible(f"a dropout of {model.dropout:g}; it may be 0 to {DROPOUT}")
    if model.temperature is not None and not 0 < model.temperature < math.inf:
        raise _impossible(f"a temperature of {model.temperature:g}; it must be over 0")
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
        if any(unicodedata.category(character) == "Cc" for character in name):
            raise _impossible("a class whose name has control characters")
    if len({unicodedata.normalize("NFC", name) for name in classes}) < len(classes):
        raise _impossible("two classes of the same name")


def _check_weights(member: Member, model: ModelFile) -> str:
    """SHA-256 of the weights, whose names and shapes are those of such a model."""
    head = head_shapes(model)
    row = backbones.get(model.backbone)
    stages = [stage.name for stage in row.stages]
    cut = model.cut
    above: Shapes = {} if cut is None else variables.of(row).above(stages.index(cut))
    size = sum(ITEM * math.prod(shape) for shape in (head | above).values())
    _check_size(member, LENGTH + HEADER_BYTES + size)
    tensors = Tensors(member)
    trained = [name for name in tensors.shapes if name.startswith(variables.PREFIX)]
    if cut is not None and not trained:
        raise BadBundle(f"{MODEL} of this bundle says that layers were trained; none is in it.")
    tensors.require(head | _trained(above, trained))
    return tensors.digest()


def _trained(above: Shapes, names: Iterable[str]) -> Shapes:
    """Weights that a training changes if it changes these: all from the lowest layer up."""
    present = set(names)
    below = set(itertools.takewhile(lambda name: name not in present, above))
    # A layer is trained with all its weights.
    layers = {_layer(name) for name in above if name not in below}
    return {name: shape for name, shape in above.items() if _layer(name) in layers}


def _layer(name: str) -> str:
    return name.split(".")[1]


def _check_ood_detector(member: Member, model: ModelFile) -> str:
    width = backbones.get(model.backbone).embedding
    rows = len(model.classes) + DIRECTIONS
    _check_size(member, LENGTH + HEADER_BYTES + ITEM * (rows * width + 1))
    tensors = Tensors(member)
    counts = {name: (shape or (0,))[0] for name, shape in tensors.shapes.items()}
    tensors.require(
        {
            "means": (min(counts.get("means", 0), len(model.classes)), width),
            "directions": (min(counts.get("directions", 0), DIRECTIONS), width),
            "threshold": (1,),
        }
    )
    try:
        OodDetector.from_arrays(tensors.arrays())
    except ValueError as error:
        raise _invalid(OOD, str(error)[:120]) from error
    return tensors.digest()


def _check_appearance(member: Member) -> str:
    _check_size(member, APPEARANCE_BYTES)
    content = b"".join(member.chunks())
    try:
        Appearance.model_validate_json(content)
    except ValidationError as error:
        raise _invalid(APPEARANCE, _first_error(error)) from error
    return hashlib.sha256(content).hexdigest()


def head_shapes(model: ModelFile) -> Shapes:
    """Shapes of the arrays of a model's head, by name."""
    widths = [backbones.get(model.backbone).embedding, *model.hidden, len(model.classes)]
    shapes: Shapes = {}
    for number, (inputs, units) in enumerate(itertools.pairwise(widths)):
        shapes[f"head.{number}.kernel"] = (inputs, units)
        shapes[f"head.{number}.bias"] = (units,)
    return shapes


def _check_size(member: Member, most: int) -> None:
    if member.size > most:
        raise BadBundle(
            f"{member.name} of this bundle says it has {member.size:,} bytes; such a model has "
            f"at most {most:,}."
        )


def _first_error(error: ValidationError) -> str:
    """The first error, short and without the input."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))[:60]
    return f"{where}: {first['msg'][:120]}" if where else first["msg"][:120]


def _invalid(name: str, reason: str) -> BadBundle:
    return BadBundle(f"{name} of this bundle is not what Tusker writes: {reason}.")


def _impossible(found: str) -> BadBundle:
    return BadBundle(f"{MODEL} of this bundle describes a model that Tusker cannot train: {found}.")
