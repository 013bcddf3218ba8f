"""Parse JSON from outside in bounded memory."""

import json
from typing import Any

MOST_VALUES = 1_000_000
"""Values, lists and objects of a text: each takes up to a hundred times the memory of its text."""


def parse(text: str | bytes) -> Any:
    """The content of a text.

    Raises:
        ValueError: it is no JSON, too deep, or has too many values.
    """
    counts = map(text.count, ",[{") if isinstance(text, str) else map(text.count, b",[{")
    if sum(counts) > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES:,} values")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is too deep") from error
