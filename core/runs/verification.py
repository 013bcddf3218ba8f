"""The results of verifying exported files: `verification.json`."""

from typing import Literal

from pydantic import BaseModel, Field


class FileVerification(BaseModel, frozen=True, extra="forbid"):
    """How an exported file answered in a fresh process, run by the program that ships with it.

    Figures are None where the file was not made or could not be run.

    Attributes:
        reason: why it is not offered for download; empty if it passed.
        agreement: share of the pictures for which it predicts the same class as the report.
        verdicts: share of the pictures with the same verdict and as many classes in the prediction
            set as the model gives; None in earlier results.
        difference: largest difference of a probability from the report's.
        milliseconds: median time per picture, without decoding.
        runtime: the library that opened it, with its version.
        thumbnails: whether the pictures were the small copies of the run, since the pictures that
            it was trained on had been deleted.
        unopened: formats of pictures that its program cannot open; it was not run on these.
    """

    file: str
    passed: bool
    reason: str = ""
    agreement: float | None = None
    verdicts: float | None = None
    difference: float | None = None
    accuracy: float | None = None
    milliseconds: float | None = None
    megabytes: float | None = None
    runtime: str = ""
    thumbnails: bool = False
    unopened: tuple[str, ...] = ()

    @property
    def reservation(self) -> str:
        """What the program was not verified on; empty if there is nothing."""
        if not self.unopened:
            return ""
        formats = ", ".join(self.unopened)
        return (
            f"The program of {self.file} cannot open some of these pictures ({formats}), and was "
            "not verified on them."
        )


class Verification(
    BaseModel, frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True
):
    """The results of the files that were made so far.

    Attributes:
        pictures: number of held-out pictures.
        accuracy: of the report on these.
    """

    version: Literal[1] = 1
    pictures: int
    accuracy: float
    results: tuple[FileVerification, ...] = Field(alias="proofs")

    def of(self, file: str) -> FileVerification | None:
        """The result of a file; None if it was never tried."""
        return next((result for result in self.results if result.file == file), None)
