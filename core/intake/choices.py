"""The choices of a visitor for an upload: changes and groups, in a file beside the pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ValidationError

from core.checks import Finding, Remedy
from core.dataset import class_names
from core.errors import BadDataset
from core.system import files
from core.system.prose import count

FILE, LOCK = "choices.json", "choices.lock"
LOCK_SECONDS = 5


class Applied(BaseModel, frozen=True):
    """A remedy that was applied.

    Attributes:
        code: of its finding; empty for a change that the visitor made without one.
        reason: the sentence of its finding.
    """

    remedy: Remedy
    code: str = ""
    reason: str = ""


class Choices(BaseModel, frozen=True):
    """The choices for one upload.

    Attributes:
        applied: remedies in order, those by default included.
        declined: codes of findings whose remedy was undone, so that it is not applied again.
        group: source of the groups, as in `dataset.grouping`; empty for no groups.
        arriving: id of the upload of more pictures that is being examined; empty for none.
        arriving_class: the class of all of these pictures; empty if they keep their own.
    """

    applied: tuple[Applied, ...] = ()
    declined: tuple[str, ...] = ()
    group: str = ""
    arriving: str = ""
    arriving_class: str = ""

    @property
    def remedies(self) -> list[Remedy]:
        """All remedies in order."""
        return [applied.remedy for applied in self.applied]

    def changing(self, *remedies: Remedy) -> "Choices":
        """These choices, and changes that the visitor made without a finding."""
        changes = tuple(Applied(remedy=remedy) for remedy in remedies)
        return self.model_copy(update={"applied": self.applied + changes})

    def expecting(self, upload: str, label: str) -> "Choices":
        """These choices, and an upload of more pictures, all of this class if one is given.

        Raises:
            BadDataset: other pictures are being added.
        """
        if self.arriving:
            raise BadDataset("Other pictures are still being added. Add these when that is done.")
        return self.model_copy(update={"arriving": upload, "arriving_class": label})

    def applying(self, *findings: Finding) -> "Choices":
        """These choices, and the remedies of some findings."""
        remedies = tuple(
            Applied(remedy=finding.remedy, code=finding.code, reason=finding.sentence)
            for finding in findings
            if finding.remedy is not None
        )
        return self.model_copy(update={"applied": self.applied + remedies})

    def without(self, applied: Applied) -> "Choices":
        """These choices without a remedy, which becomes declined; unchanged if it is not applied.

        If the remedy renamed a class, later remedies for the new name are removed as well.
        """
        if applied not in self.applied:
            return self
        index = len(self.applied) - 1 - self.applied[::-1].index(applied)
        remaining = list(self.applied[:index])
        names = _new_names(applied.remedy)
        for later in self.applied[index + 1 :]:
            if later.remedy.kind != "move" and names.intersection(later.remedy.classes):
                names |= _new_names(later.remedy)
            else:
                remaining.append(later)
        declined = (*self.declined, applied.code)
        return self.model_copy(update={"applied": tuple(remaining), "declined": declined})


def read(folder: Path) -> Choices:
    """The choices that were made for an upload; none if there is no file, or a damaged one."""
    try:
        return Choices.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return Choices()


def change(folder: Path, update: Callable[[Choices], Choices]) -> Choices:
    """Change the choices for an upload under a lock.

    Args:
        folder: of the upload.
        update: returns the new choices; what it raises leaves the old ones.

    Raises:
        BadDataset: the upload was deleted.
        filelock.Timeout: somebody else has been changing them for some seconds.
    """
    if not folder.is_dir():  # the lock would create it
        raise BadDataset("These pictures are no longer here. Upload them again.")
    with FileLock(folder / LOCK, timeout=LOCK_SECONDS):
        before = read(folder)
        after = update(before)
        if after != before:
            files.write_text(folder / FILE, after.model_dump_json())
    return after


def edited(classes: Sequence[str], changes: Mapping[int, Mapping[str, object]]) -> list[Remedy]:
    """The remedies for the changes in an edited table of classes.

    Args:
        classes: the rows before.
        changes: row → the cells that were changed: `Class`, a new name, and `Include`.

    Raises:
        BadDataset: a class cannot have that name.
    """
    remedies = []
    for row, cells in changes.items():
        old = classes[row]
        if cells.get("Include") is False:
            remedies.append(Remedy(kind="leave_out", label=f"Leave out {old}", classes=(old,)))
        elif "Class" in cells and (new := checked_name(str(cells["Class"] or ""), classes)) != old:
            if new in classes:
                merged = Remedy(kind="merge", label=f"Merge {old} into {new}", classes=(new, old))
                remedies.append(merged)
            else:
                renamed = f"Rename {old} to {new}"
                remedies.append(Remedy(kind="rename", label=renamed, classes=(old,), names=(new,)))
    return remedies


def moved(pictures: Sequence[str], name: str, classes: Sequence[str]) -> Remedy:
    """The remedy that moves pictures to a class; without a name it leaves them out.

    Raises:
        BadDataset: a class cannot have that name.
    """
    number, names = count(len(pictures)), tuple(pictures)
    if not name:
        return Remedy(kind="leave_out", label=f"Leave out {number}", files=names)
    name = checked_name(name, classes)
    return Remedy(kind="move", label=f"Move {number} to {name}", files=names, classes=(name,))


def checked_name(name: str, classes: Sequence[str]) -> str:
    """A name that a visitor typed for a class, or chose among the existing classes.

    Raises:
        BadDataset: a class cannot have that name.
    """
    return name if name in classes else class_names.checked(name)


def _new_names(remedy: Remedy) -> set[str]:
    return set(remedy.names) if remedy.kind == "rename" else set()
