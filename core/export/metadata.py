"""What a file says of itself, where its format has a place for that."""

from __future__ import annotations

from dataclasses import dataclass

from core.model.storage import MODEL, ModelFile

LABELS = "labels.txt"


@dataclass(frozen=True)
class Description:
    """A sentence for people, and entries for programs by name.

    Attributes:
        sentence: what goes in and what comes out.
        entries: `labels.txt` and `model.json`, as they lie beside the file.
    """

    sentence: str
    entries: dict[str, str]

    @classmethod
    def of(cls, saved: ModelFile) -> Description:
        """The description of a trained model."""
        edge = saved.size
        return cls(
            f"Takes RGB pictures of {edge}×{edge} pixels, 0 to 255; gives the probability of each "
            f"of {len(saved.classes)} classes, which {LABELS} names in their order.",
            {LABELS: labels(saved), MODEL: saved.model_dump_json()},
        )


def labels(saved: ModelFile) -> str:
    """`labels.txt`: a name a line, in the order of the outputs."""
    return "".join(f"{name}\n" for name in saved.classes)
