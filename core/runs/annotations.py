"""What the owner of a run adds to it once it is there: name, tags, threshold, corrections."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.system import files

ANNOTATIONS = "annotations.json"
LOCK = "annotations.lock"
LOCK_SECONDS = 5
NAME_LENGTH, TAG_LENGTH, TAGS = 80, 24, 12


class Correction(BaseModel):
    """What is wrong with a picture that was trained on.

    Attributes:
        sha256: of the picture.
        name: `Example.name`.
        label: name of the class that it belongs to; None where it is to be left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    name: str
    label: str | None


class Annotations(BaseModel):
    """They are no part of what was measured, so the manifest does not list them.

    Attributes:
        name: in place of that of the upload; empty for none.
        tags: to find it by.
        threshold: probability below which the answer is "not sure"; 0 answers always.
        aim: share of the validation pictures that the threshold was chosen to answer.
        corrections: of pictures for the next training, at most one a picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("", max_length=NAME_LENGTH)
    tags: tuple[str, ...] = Field((), max_length=TAGS)
    threshold: float = Field(0.0, ge=0, le=1)
    aim: float = Field(1.0, ge=0, le=1)
    corrections: tuple[Correction, ...] = ()

    def named(self, name: str) -> Annotations:
        """With another name: on one line, cut where it is too long."""
        return self.model_copy(update={"name": " ".join(name.split())[:NAME_LENGTH]})

    def tagged(self, tags: tuple[str, ...]) -> Annotations:
        """With other tags: each on one line, once, in the order given."""
        tidy = (" ".join(tag.split())[:TAG_LENGTH] for tag in tags)
        return self.model_copy(update={"tags": tuple(dict.fromkeys(filter(None, tidy)))[:TAGS]})

    def corrected(self, correction: Correction) -> Annotations:
        """With this correction in place of an earlier one of its picture."""
        others = self.without(correction.sha256).corrections
        return self.model_copy(update={"corrections": (*others, correction)})

    def without(self, sha256: str) -> Annotations:
        """Without the correction of a picture."""
        kept = tuple(one for one in self.corrections if one.sha256 != sha256)
        return self.model_copy(update={"corrections": kept})


def read(folder: Path) -> Annotations:
    """Those of a run folder; none where nothing was written, or nothing that can be read."""
    try:
        return Annotations.model_validate_json((folder / ANNOTATIONS).read_bytes())
    except (OSError, ValidationError):
        return Annotations()


def write(folder: Path, annotations: Annotations) -> None:
    """Replace them, at once."""
    files.write_text(folder / ANNOTATIONS, annotations.model_dump_json(indent=1))


def lock(folder: Path) -> FileLock:
    """Held while they are read, changed and written: two tabs may do so at once."""
    return FileLock(folder / LOCK, timeout=LOCK_SECONDS)
