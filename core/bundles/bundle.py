"""A bundle from outside: checked whole before a byte of it is kept.

Of the zip only `model.json`, `weights.safetensors`, `novelty.safetensors` and `looks.json` are
read. Nothing in them can be run: a description that is checked against the table of backbones,
float32 arrays whose names and shapes follow from it, and a few bounded numbers. The network is
built here.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from core import backbones
from core.backbones import variables
from core.bundles import description
from core.bundles.members import Member, find
from core.bundles.tensors import HEADER_BYTES, ITEM, LENGTH, Shapes, Tensors
from core.errors import BadArchive, BadBundle
from core.model.appearance import Appearance
from core.model.ood import DIRECTIONS, OodDetector
from core.model.storage import APPEARANCE, MODEL, OOD, WEIGHTS, ModelFile
from core.settings import Settings
from core.system import files

LOOKS_BYTES = 4096
"""Largest `looks.json`; Tusker writes about 600 bytes."""


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds, once it has been found good.

    Attributes:
        model: all that is not an array.
        digests: SHA-256 of the other files, in hex, by their name.
    """

    model: ModelFile
    digests: dict[str, str]


def read(file: IO[bytes], settings: Settings) -> Bundle:
    """Check a bundle; nothing of it is kept.

    Memory stays within a few megabytes whatever the zip says of itself.

    Args:
        file: seekable; it is not closed.

    Raises:
        BadArchive: no zip, or an unsafe or damaged one.
        BadBundle: no bundle, or one of a model that cannot have been taught by Tusker.
        LimitExceeded: more than this host allows.
    """
    return _checked(find(file, settings), settings)


def keep(file: IO[bytes], folder: Path, settings: Settings) -> Bundle:
    """Check a bundle, then write the files of its model, bit by bit as they came, into a folder.

    Raises as `read`; then nothing was written.
    """
    members = find(file, settings)
    found = _checked(members, settings)
    folder.mkdir(parents=True, exist_ok=True)
    for name, digest in found.digests.items():
        with files.replacing(folder / name) as temporary, temporary.open("wb") as out:
            passed = hashlib.sha256()
            for chunk in members[name].chunks():
                passed.update(chunk)
                out.write(chunk)
            if passed.hexdigest() != digest:
                raise BadArchive(f"{name} changed while it was read. Try again.")
    files.write_text(folder / MODEL, found.model.model_dump_json(indent=1))
    return found


def _checked(members: dict[str, Member], settings: Settings) -> Bundle:
    _bound(members[MODEL], description.BYTES)
    model = description.read(b"".join(members[MODEL].chunks()), settings)
    digests = {WEIGHTS: _weights(members[WEIGHTS], model)}
    if OOD in members:
        digests[OOD] = _novelty(members[OOD], model)
    if APPEARANCE in members:
        digests[APPEARANCE] = _looks(members[APPEARANCE])
    return Bundle(model, digests)


def _weights(member: Member, model: ModelFile) -> str:
    """SHA-256 of the weights, which are those that such a model has."""
    head = head_shapes(model)
    row = backbones.get(model.backbone)
    stages = [stage.name for stage in row.stages]
    cut = model.cut
    above: Shapes = {} if cut is None else variables.of(row).above(stages.index(cut))
    _bound(member, LENGTH + HEADER_BYTES + _bytes(head | above))
    found = Tensors(member)
    trained = [name for name in found.shapes if name.startswith(variables.PREFIX)]
    if cut is not None and not trained:
        raise BadBundle(f"{MODEL} of this bundle says that layers were trained; none is in it.")
    found.require(head | _trained(above, trained))
    return found.digest()


def _trained(above: Shapes, names: Iterable[str]) -> Shapes:
    """What a training changes that reaches as far down as these: all from some layer up."""
    named = set(names)
    below = itertools.takewhile(lambda name: name not in named, above)
    untouched = set(below)
    # A layer is trained with all its weights.
    layers = {_layer(name) for name in above if name not in untouched}
    return {name: shape for name, shape in above.items() if _layer(name) in layers}


def _layer(name: str) -> str:
    return name.split(".")[1]


def _novelty(member: Member, model: ModelFile) -> str:
    width = backbones.get(model.backbone).embedding
    _bound(member, LENGTH + HEADER_BYTES + ITEM * ((len(model.classes) + DIRECTIONS) * width + 1))
    found = Tensors(member)
    rows = {name: (shape or (0,))[0] for name, shape in found.shapes.items()}
    found.require(
        {
            "means": (min(rows.get("means", 0), len(model.classes)), width),
            "directions": (min(rows.get("directions", 0), DIRECTIONS), width),
            "threshold": (1,),
        }
    )
    try:
        OodDetector.from_arrays(found.arrays())
    except ValueError as error:
        raise BadBundle(
            f"{OOD} of this bundle is not what Tusker writes: {str(error)[:120]}."
        ) from error
    return found.digest()


def _looks(member: Member) -> str:
    _bound(member, LOOKS_BYTES)
    content = b"".join(member.chunks())
    try:
        Appearance.model_validate_json(content)
    except ValidationError as error:
        raise BadBundle(
            f"{APPEARANCE} of this bundle is not what Tusker writes: "
            f"{description.complaint(error)}."
        ) from error
    return hashlib.sha256(content).hexdigest()


def head_shapes(model: ModelFile) -> Shapes:
    """Shapes of the arrays of a model's head, by their names."""
    widths = [backbones.get(model.backbone).embedding, *model.hidden, len(model.classes)]
    found: Shapes = {}
    for number, (inputs, units) in enumerate(itertools.pairwise(widths)):
        found[f"head.{number}.kernel"] = (inputs, units)
        found[f"head.{number}.bias"] = (units,)
    return found


def _bytes(shapes: Shapes) -> int:
    return sum(ITEM * math.prod(shape) for shape in shapes.values())


def _bound(member: Member, most: int) -> None:
    if member.size > most:
        raise BadBundle(
            f"{member.name} of this bundle says it has {member.size:,} bytes; such a model has "
            f"at most {most:,}."
        )
