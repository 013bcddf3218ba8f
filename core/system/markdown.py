"""Escape and shorten untrusted text for Markdown."""

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:^=&\"'])")


def line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split()) or "(no name)"


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
