"""Read `model.json` of a bundle, and refuse a model that could not have been taught here."""

from __future__ import annotations

import math
import unicodedata

from pydantic import ValidationError

from core import backbones
from core.archive.directory import NAME_BYTES
from core.errors import BadBundle, LimitExceeded
from core.model.storage import MODEL, ModelFile
from core.settings import MEGABYTE, Settings

BYTES = MEGABYTE
"""Largest `model.json`."""
LAYERS, UNITS = 3, 4096
"""Most hidden layers of a head, and units of each, as a training may have them."""
DROPOUT = 0.9
SMALLEST_CROP = 0.5


def read(content: bytes, settings: Settings) -> ModelFile:
    """What the model is.

    Raises:
        BadBundle: it is not what Tusker writes.
        LimitExceeded: it has more classes than this host allows.
    """
    try:
        model = ModelFile.model_validate_json(content)
    except ValidationError as error:
        raise BadBundle(
            f"{MODEL} of this bundle is not what Tusker writes: {complaint(error)}."
        ) from error
    check(model, settings)
    return model


def complaint(error: ValidationError) -> str:
    """The first thing that is wrong, short and without what was found."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))[:60]
    return f"{where}: {first['msg'][:120]}" if where else first["msg"][:120]


def check(model: ModelFile, settings: Settings) -> None:
    """Refuse what no training makes. Raises as `read`."""
    if not backbones.known(model.backbone):
        raise _wrong(f"a backbone called {model.backbone[:60]!r}, which is not known here")
    _check_classes(model.classes, settings)
    row = backbones.get(model.backbone)
    if model.size != row.size:
        raise _wrong(f"pictures of {model.size} pixels; {row.title} takes {row.size}")
    if not SMALLEST_CROP <= model.crop <= 1:
        raise _wrong(f"a crop of {model.crop:g}; it may be {SMALLEST_CROP} to 1")
    if len(model.hidden) > LAYERS or any(not 1 <= units <= UNITS for units in model.hidden):
        raise _wrong(f"hidden layers other than at most {LAYERS} of 1 to {UNITS} units")
    if not 0 <= model.dropout <= DROPOUT:
        raise _wrong(f"a dropout of {model.dropout:g}; it may be 0 to {DROPOUT}")
    if model.temperature is not None and not 0 < model.temperature < math.inf:
        raise _wrong(f"a temperature of {model.temperature:g}; it must be over 0")
    stages = [stage.name for stage in row.stages[:-1]]
    if model.cut is not None and model.cut not in stages:
        raise _wrong(f"a cut at {model.cut[:60]!r}, which is no stage of {row.title}")


def _check_classes(classes: tuple[str, ...], settings: Settings) -> None:
    if len(classes) < 2:
        raise _wrong(f"{len(classes)} classes; at least two are needed")
    if len(classes) > settings.classes:
        raise LimitExceeded(
            f"A model may have up to {settings.classes} classes; this one has {len(classes):,}. "
            f"The host can raise {settings.variable('classes')}."
        )
    for name in classes:
        if not name.strip() or len(name.encode()) > NAME_BYTES:
            raise _wrong("a class whose name is empty or too long")
        if any(unicodedata.category(character) == "Cc" for character in name):
            raise _wrong("a class whose name has control characters")
    if len({unicodedata.normalize("NFC", name) for name in classes}) < len(classes):
        raise _wrong("two classes of the same name")


def _wrong(found: str) -> BadBundle:
    return BadBundle(f"{MODEL} of this bundle says what no model of Tusker has: {found}.")
