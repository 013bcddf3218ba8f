"""Turn figures, and names that visitors chose, into text that is safe and short."""

import base64
import re

from core.evaluation import wording
from core.system import markdown, prose

plain, short = markdown.plain, markdown.short
share, percent = wording.share, wording.percent
count, duration, listed, size = prose.count, prose.duration, prose.listed, prose.size


def data_url(jpeg: bytes) -> str:
    """A picture as a part of the page: it needs no request, which may come too late."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def unbroken(sentence: str) -> str:
    """A sentence whose numbers stay on a line with their signs: `93.5 %`, `> 99.9 %`."""
    return re.sub(r"(?<=[<>]) (?=\d)| (?=%)", "\N{NO-BREAK SPACE}", sentence)


def spoken(name: str) -> str:
    """A name that visitors chose, for names of elements that only screen readers read.

    Those are not rendered, so escapes would be read out: whatever Markdown could take for its own
    becomes a space instead.
    """
    return " ".join(re.sub(r"[^\w\s.,()-]|_", " ", name[:120]).split())


def classes(number: int) -> str:
    """`1 class`, `5 classes`."""
    return count(number, "class", "classes")


def column_percent(share: float | None) -> float | None:
    """A share in per cents for a column, which rounding to one decimal makes neither 0 nor 100."""
    if share is None:
        return None
    return 100 * share if share in (0, 1) else min(max(100 * share, 0.1), 99.9)
