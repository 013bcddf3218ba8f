"""What the owner adds to a run or an imported model: name, tags, threshold, corrections."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from filelock import FileLock
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from core.errors import RunDamaged
from core.jobs import JobFolder
from core.model import storage
from core.model.classifier import Classifier, Open, on_two_threads
from core.model.decision import Decision
from core.runs.filenames import ANNOTATIONS, ANNOTATIONS_LOCK, MANIFEST, READ_FOR_LISTS
from core.runs.manifest import Manifest
from core.settings import Settings
from core.system import files

LOCK_SECONDS = 5
NAME_LENGTH, TAG_LENGTH, TAGS = 80, 24, 12


class Correction(BaseModel, frozen=True, extra="forbid"):
    """The correct class of a training picture; a `label` of None leaves the picture out."""

    sha256: str
    name: str
    label: str | None


class Origin(BaseModel, frozen=True, extra="forbid"):
    """The run whose training another run repeated, its title at the time, and the corrections.

    The id of the run is also the permission to see it.
    """

    run: str
    name: str
    corrections: tuple[Correction, ...]


class Annotations(
    BaseModel, frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True
):
    """The owner's additions; they are not results, so the manifest does not list them.

    Attributes:
        name: replaces the name of the upload; empty for none.
        threshold: probability below which the answer is "not sure"; 0 answers always.
        target_coverage: share of the validation pictures that the threshold was chosen to answer.
        level: of prediction sets; 0 for none, None for the default.
        corrections: applied by the next training, at most one per picture.
    """

    name: str = Field("", max_length=NAME_LENGTH)
    tags: tuple[str, ...] = Field((), max_length=TAGS)
    threshold: float = Field(0.0, ge=0, le=1)
    target_coverage: float = Field(1.0, ge=0, le=1, alias="aim")
    level: float | None = Field(None, ge=0, lt=1)
    corrections: tuple[Correction, ...] = ()

    def named(self, name: str) -> Annotations:
        """A copy with another name, on one line and cut to the allowed length."""
        return self.model_copy(update={"name": " ".join(name.split())[:NAME_LENGTH]})

    def tagged(self, tags: tuple[str, ...]) -> Annotations:
        """A copy with other tags: each on one line, without duplicates."""
        tidy = (" ".join(tag.split())[:TAG_LENGTH] for tag in tags)
        return self.model_copy(update={"tags": tuple(dict.fromkeys(filter(None, tidy)))[:TAGS]})

    def corrected(self, correction: Correction) -> Annotations:
        """A copy with this correction, which replaces an earlier one of the same picture."""
        others = self.without(correction.sha256).corrections
        return self.model_copy(update={"corrections": (*others, correction)})

    def without(self, sha256: str) -> Annotations:
        """A copy without the correction of a picture."""
        remaining = tuple(fix for fix in self.corrections if fix.sha256 != sha256)
        return self.model_copy(update={"corrections": remaining})


Value = TypeVar("Value")
_REQUIRED: Any = object()


class JsonFile(Generic[Value]):
    """A JSON file of a run folder, as an attribute: `run.origin()` reads it, `.write` replaces it.

    Args:
        kind: type of the content.
        missing: value if the file is missing or damaged; without it, that is an error.
        checked: whether the file of a complete run must be the one that the manifest lists.
    """

    path: Path
    _run: AnnotatedFolder

    def __init__(
        self, name: str, kind: Any, missing: Value = _REQUIRED, *, checked: bool = False
    ) -> None:
        self._name, self._missing, self._checked = name, missing, checked
        self._adapter: TypeAdapter[Value] = TypeAdapter(kind)

    def __get__(self, run: AnnotatedFolder | None, _: type) -> Self:
        if run is None:
            return self
        file = copy(self)
        file.path, file._run = run.path / self._name, run
        return file

    def __call__(self) -> Value:
        """Read the file.

        Raises:
            RunDamaged: the file cannot be read and there is no value for that, or it is not the
                file that the manifest lists.
        """
        if self._checked:
            self._run.check_files(self._name)
        try:
            return self._adapter.validate_json(self.path.read_bytes())
        except (OSError, ValidationError) as error:
            if self._missing is not _REQUIRED:
                return self._missing
            raise RunDamaged(
                f"{self._name} of this run cannot be read: the run is unfinished, or the file is "
                "damaged or from another version of Tusker."
            ) from error

    def write(self, value: Value) -> None:
        """Replace the file atomically."""
        files.write_bytes(self.path, self._adapter.dump_json(value, indent=1))


class AnnotatedFolder:
    """The folder of a run or an imported model, with its job and its owner's additions."""

    annotations = JsonFile[Annotations](ANNOTATIONS, Annotations, Annotations())
    """The owner's additions; the defaults if the file is missing or damaged."""
    manifest = JsonFile[Manifest](MANIFEST, Manifest)
    """The files of which a complete folder consists; written last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = JobFolder(path)

    @property
    def id(self) -> str:
        """Name of the folder, which is also the permission to see and use it."""
        return self.path.name

    @property
    def complete(self) -> bool:
        """Whether the manifest is written; exports or a serving model may still be missing."""
        return self.manifest.path.is_file()

    @property
    def model_folder(self) -> Path:
        """Folder of `model.json` and the weights."""
        return self.path

    @property
    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Time and size of its files; changes whenever a file changes that lists are read from."""
        return tuple(files.modified(self.path / name) for name in READ_FOR_LISTS)

    @property
    def version(self) -> tuple[object, ...]:
        """Changes whenever its answers do: with the files of the model and its owner's decision."""
        chosen = self.annotations()
        stamps = (files.modified(self.model_folder / name) for name in storage.ANSWERING)
        return (*stamps, chosen.name, chosen.threshold, chosen.level)

    def check_files(self, *names: str) -> None:
        """Compare files with the manifest, if the folder is complete.

        Raises:
            RunDamaged: a file is missing or differs, or the manifest cannot be read.
        """
        if self.complete:
            self.manifest().check(self.path, names)

    def check_listed(self, paths: Iterable[Path]) -> Manifest:
        """Compare files, and all those of folders, with the manifest, as far as it lists them.

        Returns:
            The manifest. It does not yet list the files of a job that is running.

        Raises:
            RunDamaged: a file is missing or differs, or the manifest cannot be read.
        """
        listed = self.manifest()
        names = tuple(f"{path.relative_to(self.path).as_posix()}/" for path in paths)
        listed.check(self.path, (name for name in listed.files if f"{name}/".startswith(names)))
        return listed

    def annotate(self, change: Callable[[Annotations], Annotations]) -> None:
        """Change the annotations. Safe to call from several tabs; no effect on a deleted folder."""
        if not self.path.is_dir():  # the lock would create it, and a run could not be restored
            return
        with FileLock(self.path / ANNOTATIONS_LOCK, timeout=LOCK_SECONDS):
            self.annotations.write(change(self.annotations()))

    def classifier(self, settings: Settings, open_model: Open = on_two_threads) -> Classifier:
        """The model, ready to predict.

        Raises:
            RunDamaged: the model's files cannot be read, or differ from the manifest.
            UnknownModel: its backbone has not been prepared on this machine.
        """
        annotations = self.annotations()
        listed = self.check_listed(self.model_folder / name for name in storage.ANSWERING)
        return storage.classifier(
            self.model_folder,
            annotations.name or listed.name,
            settings,
            open_model,
            self.decision(),
        )

    def decision(self) -> Decision:
        """The threshold and the level of prediction sets that the owner has chosen.

        Raises:
            RunDamaged: the description of the model cannot be read.
        """
        annotations, model = self.annotations(), storage.load_description(self.model_folder)
        return Decision.of(model.set_levels, annotations.threshold, annotations.level)
