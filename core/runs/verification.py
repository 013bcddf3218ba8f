"""What was found when each file to take away was opened again: `verification.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Proof(BaseModel):
    """What a file answered in a process of its own, asked by the program that ships with it.

    Figures are None where it was not made, or could not be asked.

    Attributes:
        file: its name in the bundle.
        passed: whether it may be taken away.
        reason: why not; empty if it may.
        agreement: share of the pictures of which it names the class that the report names.
        difference: largest difference of a probability from the report's.
        accuracy: share of the pictures that it gets right.
        milliseconds: median time for a picture, its decoding left out.
        megabytes: of the file.
        runtime: what opened it, with its version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    passed: bool
    reason: str = ""
    agreement: float | None = None
    difference: float | None = None
    accuracy: float | None = None
    milliseconds: float | None = None
    megabytes: float | None = None
    runtime: str = ""


class Verification(BaseModel):
    """The proofs of all files.

    Attributes:
        pictures: held-out pictures that each was asked about.
        accuracy: share of them that the report has right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    pictures: int
    accuracy: float
    proofs: tuple[Proof, ...]

    def of(self, file: str) -> Proof | None:
        """The proof of a file; None if nothing was tried."""
        return next((proof for proof in self.proofs if proof.file == file), None)
