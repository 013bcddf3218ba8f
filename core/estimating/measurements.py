"""What was measured on this machine, kept so that nobody has to wait for it twice.

`TUSKER_HOME/measurements.json` holds a few numbers by what they say, of which backbone, and on
what: another processor, another serving model or another version of an engine is asked anew.
"""

from __future__ import annotations

import contextlib
import logging
import math
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median_low
from typing import Annotated, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.backbones import Backbone, serving
from core.settings import Settings
from core.system import files, threads

logger = logging.getLogger(__name__)

FILE, LOCK = "measurements.json", "measurements.lock"
KEPT = 5
"""Values of a key that are kept; one that was taken on a busy machine is outvoted."""
MOST = 1_000
"""Keys that are kept, the latest; each upgrade of an engine leaves old ones behind."""
LOCK_SECONDS = 5.0
ENGINES = ("ai-edge-litert", "tensorflow-cpu", "tensorflow")

Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Key:
    """What a number says.

    Attributes:
        what: in words, with its unit: `seconds a view, litert`.
        backbone: name of the backbone; empty where it does not depend on one.
        model: SHA-256 of its serving model; empty where that does not matter.
    """

    what: str
    backbone: str = ""
    model: str = ""


class _Entry(BaseModel):
    """One key on one machine, with what was last measured, the latest last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    backbone: str
    model: str
    machine: str
    values: tuple[Finite, ...] = Field(min_length=1)
    at: float

    def answers(self, key: Key) -> bool:
        """Whether it is of this key and this machine."""
        return (self.what, self.backbone, self.model, self.machine) == (
            *(key.what, key.backbone, key.model),
            machine(),
        )


class _Store(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    entries: tuple[_Entry, ...] = ()


def key_of(what: str, backbone: Backbone, settings: Settings) -> Key:
    """The key of a number that depends on a backbone and on its serving model as it now is."""
    return Key(what, backbone.name, serving.digest(backbone, settings) or "")


def recall(settings: Settings, key: Key) -> float | None:
    """The median of what was last measured; None if nothing was on this machine as it now is."""
    found = next((entry for entry in _read(settings).entries if entry.answers(key)), None)
    return median_low(found.values) if found else None


def remember(settings: Settings, key: Key, value: float) -> None:
    """Keep a value beside the last few of the same key.

    A value that is not finite is dropped, and a disk that cannot be written to is put up with:
    what is not remembered is measured again.
    """
    if not math.isfinite(value):
        return
    try:
        with _alone(settings):
            store = _read(settings)
            known = next((entry for entry in store.entries if entry.answers(key)), None)
            values = (*(known.values if known else ()), value)[-KEPT:]
            entry = _Entry(
                what=key.what,
                backbone=key.backbone,
                model=key.model,
                machine=machine(),
                values=values,
                at=time.time(),
            )
            others = [other for other in store.entries if other is not known]
            kept = sorted([*others, entry], key=lambda one: one.at)[-MOST:]
            text = _Store(entries=tuple(kept)).model_dump_json(indent=1)
            files.write_text(settings.home / FILE, text)
    except (OSError, Timeout) as error:
        logger.warning("a measurement could not be kept: %s", error)


@lru_cache(maxsize=1)
def machine() -> str:
    """The processor, the cores that this process may use, and the versions of the engines."""
    return " · ".join([_processor(), f"{threads.cores()} cores", *_versions()])


def _read(settings: Settings) -> _Store:
    """The file; a missing or damaged one is an empty one."""
    try:
        return _Store.model_validate_json((settings.home / FILE).read_bytes())
    except (OSError, ValidationError):
        return _Store()


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.home.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.home / LOCK).acquire(timeout=LOCK_SECONDS):
        yield


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _versions() -> Iterator[str]:
    for package in ENGINES:
        with contextlib.suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"
