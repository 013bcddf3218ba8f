"""Parse JSON from outside in bounded memory."""

import json
from typing import Any

MOST_LISTS, MOST_VALUES = 1_000_000, 6_000_000
"""Lists and objects of a text, which take up to 230 bytes each, and values, which take up to 70."""


def parse(text: str | bytes) -> Any:
    """The content of a text.

    Raises:
        ValueError: it is no JSON, too deep, or has too many values.
    """
    if _count(text, "[") + _count(text, "{") > MOST_LISTS:
        raise ValueError(f"it has more than {MOST_LISTS:,} lists and objects")
    if _count(text, ",") > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES:,} values")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is too deep") from error


def _count(text: str | bytes, mark: str) -> int:
    return text.count(mark) if isinstance(text, str) else text.count(mark.encode())
