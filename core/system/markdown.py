"""Escape and shorten untrusted text for Markdown."""

import re

DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of all that follows on a line; letters have one anyway."""
_DROPPED = dict.fromkeys(map(ord, DIRECTIONS))
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:^=&\"'])")


def line(text: str) -> str:
    """Text on one line, which changes nothing around it."""
    return " ".join(text.translate(_DROPPED).split()) or "(no name)"


def short(text: str, limit: int = 80) -> str:
    """Text on one line of at most `limit` characters, cut in the middle; not escaped."""
    text = line(text)
    if len(text) <= limit:
        return text
    keep = (limit - 1) // 2
    return f"{text[:keep]}…{text[-keep:]}"


def escaped(text: str) -> str:
    """Text on one line, escaped."""
    return _MARKUP.sub(r"\\\1", line(text))


def plain(text: str, limit: int = 80) -> str:
    """Text on one line, shortened as by `short` and escaped."""
    return escaped(short(text, limit))
