"""The results of verifying exported files: `verification.json`."""

from typing import Literal

from pydantic import BaseModel, Field

from core.system import prose


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
        pictures: number of test pictures that it was run on; None in earlier results.
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
    pictures: int | None = None
    thumbnails: bool = False
    unopened: tuple[str, ...] = ()

    @property
    def basis(self) -> str:
        """What it was verified on, such as `small copies of 100 test pictures`."""
        pictures = (
            "test pictures" if self.pictures is None else prose.count(self.pictures, "test picture")
        )
        if self.thumbnails:
            pictures = f"small copies of {pictures}"
        if self.unopened:
            pictures += f"; its program cannot open the others ({', '.join(self.unopened)})"
        return pictures

    @property
    def caveat(self) -> str:
        """Says what it was verified on if that is not the original files; empty if it is."""
        if not (self.thumbnails or self.unopened):
            return ""
        return f"{self.file} was verified on {self.basis}."


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
