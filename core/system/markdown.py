"""Show text that strangers chose letter by letter where Markdown is rendered."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:^=&\"'])")


def line(text: str) -> str:
    """A name on one line."""
    return " ".join(text.split()) or "(no name)"


def short(text: str, limit: int = 80) -> str:
    """A name on one line, cut in the middle, for places that know no Markdown."""
    text = line(text)
    if len(text) <= limit:
        return text
    keep = (limit - 1) // 2
    return f"{text[:keep]}…{text[-keep:]}"


def escaped(text: str) -> str:
    """A name as Markdown that shows it letter by letter, on one line."""
    return _MARKUP.sub(r"\\\1", line(text))


def plain(text: str, limit: int = 80) -> str:
    """A name as Markdown that shows it letter by letter, on one line, cut in the middle."""
    return escaped(short(text, limit))
