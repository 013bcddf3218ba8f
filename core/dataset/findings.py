"""Findings about a dataset, and remedies that one click applies."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel

from core.dataset.folder_names import NAMED_COPY
from core.dataset.nesting import ClassLevel


class Severity(StrEnum):
    """Severity of a finding, the most severe first."""

    BLOCKS = "blocks"
    WARNS = "warns"
    INFORMS = "informs"


class Remedy(BaseModel, frozen=True):
    """A change to a dataset that resolves a finding.

    Attributes:
        kind: `relabel` gives `files` the classes `names`, and leaves out the other pictures;
            `leave_out` removes `files` and all pictures of `classes`; `merge` merges the later of
            `classes` into the first; `read_as` takes the classes from nested folders by
            `reading`; `decode` reads the bytes of names that were decoded by the first of two
            encodings, `names`, by the second, except those of `files`; `rename` gives `classes` the
            names `names`, which may be those of others; `move` moves `files` to the class in
            `classes`; `add` adds the pictures whose id is in `files`; `unstretch` reads pictures of
            more than 8 bits as their files declare.
        label: of the button.
        files: `Example.name` of each.
        classes: names of classes.
    """

    kind: Literal[
        "relabel",
        "leave_out",
        "merge",
        "read_as",
        "decode",
        "rename",
        "move",
        "add",
        "unstretch",
    ]
    label: str
    files: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    reading: ClassLevel | None = None
    names: tuple[str, ...] = ()


class Finding(BaseModel, frozen=True):
    """A problem or a property of a dataset.

    Attributes:
        severity: `BLOCKS` prevents training.
        code: of the check, as stored in findings.json.
        sentence: for the visitor.
        files: `Example.name` of the pictures concerned; duplicates are next to each other.
        remedy: if there is one.
    """

    severity: Severity
    code: str
    sentence: str
    files: tuple[str, ...] = ()
    remedy: Remedy | None = None

    @property
    def resolved_by_default(self) -> bool:
        """Whether its remedy is applied unasked.

        The finding blocks, `Daisy`, `daisy` and `daisy - Copy` are merged, or classes get names for
        their codes. `banknote copy` may be a class.
        """
        if self.remedy is None:
            return False
        spellings = {NAMED_COPY.sub("", name).casefold() for name in self.remedy.classes}
        is_merge = self.remedy.kind == "merge" and len(spellings) == 1
        return self.severity is Severity.BLOCKS or self.remedy.kind == "rename" or is_merge


def resolved_next(
    findings: Iterable[Finding], applied: Collection[Remedy], declined: Collection[str] = ()
) -> list[tuple[Finding, Remedy]]:
    """The findings to resolve unasked, with their remedies, until there are no more.

    Merges come first: two classes with too few pictures may be one with enough.

    Args:
        applied: remedies that the findings are after.
        declined: codes of findings that the visitor does not want to be resolved.
    """
    new = [
        (finding, finding.remedy)
        for finding in findings
        if finding.remedy and finding.resolved_by_default and finding.remedy not in applied
    ]
    new = [(finding, remedy) for finding, remedy in new if finding.code not in declined]
    return [each for each in new if each[1].kind == "merge"] or new


def blocks(code: str, sentence: str, **more: Any) -> Finding:
    """A finding that prevents training."""
    return Finding(severity=Severity.BLOCKS, code=code, sentence=sentence, **more)


def warns(code: str, sentence: str, **more: Any) -> Finding:
    """A finding about what may spoil a model or its score, or lose something."""
    return Finding(severity=Severity.WARNS, code=code, sentence=sentence, **more)


def informs(code: str, sentence: str, **more: Any) -> Finding:
    """A finding that needs no action."""
    return Finding(severity=Severity.INFORMS, code=code, sentence=sentence, **more)
