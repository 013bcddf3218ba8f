"""What a visitor chose for an upload: remedies and groups, in a small file beside the pictures."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from core.checks import Finding, Remedy
from core.system import files

FILE = "choices.json"


class Applied(BaseModel, frozen=True):
    """A remedy that was applied.

    Attributes:
        code: of its finding; empty for a change that the visitor made by themselves.
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
        group: what the pictures are grouped by, as in `dataset.grouping`; empty for nothing.
    """

    applied: tuple[Applied, ...] = ()
    declined: tuple[str, ...] = ()
    group: str = ""

    @property
    def remedies(self) -> list[Remedy]:
        """All remedies in order."""
        return [each.remedy for each in self.applied]

    def applying(self, *findings: Finding) -> "Choices":
        """These choices, and the remedies of some findings."""
        more = tuple(
            Applied(remedy=each.remedy, code=each.code, reason=each.sentence)
            for each in findings
            if each.remedy is not None
        )
        return self.model_copy(update={"applied": self.applied + more})

    def without(self, place: int) -> "Choices":
        """These choices without a remedy, which is then declined."""
        kept = self.applied[:place] + self.applied[place + 1 :]
        declined = (*self.declined, self.applied[place].code)
        return self.model_copy(update={"applied": kept, "declined": declined})

    def write(self, folder: Path) -> None:
        """Keep them in the folder of an upload."""
        files.write_text(folder / FILE, self.model_dump_json())


def read(folder: Path) -> Choices:
    """The choices that were made for an upload; none if there is no file, or a damaged one."""
    try:
        return Choices.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return Choices()
