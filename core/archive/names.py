"""Decode the names in a zip that does not say how they are encoded."""

import re
import unicodedata
import zlib
from collections.abc import Sequence

# In order of preference; the first that fits all names is used.
ENCODINGS = {
    "cp437": "Western European",
    "cp850": "Western European",
    "cp866": "Cyrillic",
    "cp932": "Japanese",
    "gb18030": "Chinese (simplified)",
    "big5": "Chinese (traditional)",
    "cp949": "Korean",
    "cp1252": "Western European",
    "cp1250": "Central European",
    "cp852": "Central European",
    "cp1251": "Cyrillic",
    "cp737": "Greek",
    "cp1253": "Greek",
    "cp857": "Turkish",
    "cp1254": "Turkish",
    "cp862": "Hebrew",
    "cp1255": "Hebrew",
    "cp1256": "Arabic",
    "cp874": "Thai",
}
FALLBACK = "cp437"
"""What a zip without a mark should use (APPNOTE.TXT 6.3.10, appendix D)."""
_COMMON = {  # lead bytes of the characters in frequent use; gb18030 and cp932 order others after
    "gb18030": (0xB0, 0xD7),
    "big5": (0xA4, 0xC6),
    "cp949": (0xB0, 0xC8),
    "cp932": (0x82, 0x97),
}
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "HIRAGANA", "KATAKANA", "CJK", "HANGUL")
_SCRIPTS += ("HEBREW", "ARABIC", "THAI")
_JOINED = {"HIRAGANA", "KATAKANA", "CJK"}


def unicode_path(raw: bytes, extra: bytes) -> str | None:
    """The name in the Info-ZIP Unicode Path field, if it belongs to the raw name.

    Source: APPNOTE.TXT 6.3.10, section 4.6.9.
    """
    at = 0
    while at + 4 <= len(extra):
        tag, size = (int.from_bytes(extra[at + n : at + n + 2], "little") for n in (0, 2))
        block = extra[at + 4 : at + 4 + size]
        belongs = int.from_bytes(block[1:5], "little") == zlib.crc32(raw)
        if tag == 0x7075 and block[:1] == b"\1" and belongs:
            try:
                return block[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
        at += 4 + size
    return None


def fitting(names: Sequence[bytes]) -> list[str]:
    """The encodings in which all names look like words, the most likely first.

    Of those in which the names are the same, only the first is listed. Rare characters count if
    there is none without them.
    """
    # No trailing byte of these encodings is a slash.
    parts = {part for name in names for part in name.split(b"/") if not part.isascii()}
    found: dict[tuple[str, ...], str] = {}
    for rare in (False, True):
        for encoding in ENCODINGS:
            if all(_fits(part, encoding, rare) for part in parts):
                found.setdefault(tuple(part.decode(encoding) for part in parts), encoding)
        if found:
            break
    return list(found.values())


def _fits(raw: bytes, encoding: str, rare: bool) -> bool:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    words = re.findall(r"[^\W\d_]+", text)
    foreign = [sign for sign in text if ord(sign) > 127]
    return all(map(_is_letter, foreign)) and all(_is_word(word, encoding, rare) for word in words)


def _is_letter(sign: str) -> bool:
    return unicodedata.category(sign) in ("Lu", "Ll", "Lo", "Lm", "Mn") and sign not in "ªºⁿƒ"


def _is_word(word: str, encoding: str, rare: bool) -> bool:
    """Whether a word is of one script, in ordinary case, and of characters in frequent use.

    Args:
        word: of letters.
        encoding: that it was decoded from.
        rare: whether other characters are accepted, too.
    """
    scripts = {_script(sign) for sign in word}
    if None in scripts or (len(scripts) > 1 and not scripts <= _JOINED) or "ς" in word[:-1]:
        return False
    if word.isascii():
        return True
    if scripts == {"LATIN"} and len(word) > 2 and 4 * sum(map(str.isascii, word)) < len(word):
        return False
    if scripts <= {"LATIN", "CYRILLIC", "GREEK"}:
        return word in (word.lower(), word.upper()) or word[1:] == word[1:].lower()
    low, high = (0, 0xFF) if rare else _COMMON.get(encoding, (0, 0xFF))
    return all(
        low <= sign.encode(encoding)[0] <= high or _script(sign) in ("HIRAGANA", "KATAKANA")
        for sign in word
    )


def _script(sign: str) -> str | None:
    name = unicodedata.name(sign, "")
    return next((script for script in _SCRIPTS if name.startswith(script)), None)
