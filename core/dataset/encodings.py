"""Findings about how the names in an archive were decoded."""

from collections.abc import Iterator, Sequence

from core.archive.names import ENCODINGS
from core.archive.unpacking import Extraction
from core.dataset.findings import Finding, Remedy, informs, warns

SHOWN = 3
"""Names of classes in a sentence."""


def findings(classes: Sequence[str], files: Extraction) -> Iterator[Finding]:
    """How names were read, and a remedy for each other encoding that fits.

    There are none if the archive says how its names are encoded.
    """
    if files.encodings:
        used, *more = files.encodings
        named = [label for label in classes if not label.isascii()][:SHOWN]
        first = (
            "The archive does not say how its names are encoded. They were read as "
            f"{ENCODINGS[used]}: {', '.join(named)}."
        )
        if not more:
            yield informs("encoding", first)
        for n, other in enumerate(more):
            read = [name.encode(used, "replace").decode(other, "replace") for name in named]
            sentence = f"{ENCODINGS[other]} fits the names, too: {', '.join(read)}."
            remedy = Remedy(
                kind="decode", label=f"Read them as {ENCODINGS[other]}", names=(used, other)
            )
            code = f"encoding_{other}" if n else "encoding"
            yield warns(code, sentence if n else f"{first} {sentence}", remedy=remedy)
    elif files.garbled:
        yield warns(
            "encoding",
            "The archive does not say how its names are encoded, and no encoding fits: "
            f"{', '.join(files.garbled)}. Zip the folders with a tool that writes UTF-8.",
        )
