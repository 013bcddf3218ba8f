"""Find the encoding of names in an archive that does not say how they are encoded."""

import contextlib
import unicodedata
import zlib
from collections.abc import Sequence
from itertools import accumulate

WESTERN = ("cp437", "cp850", "cp1252")
ENCODINGS = {
    **dict.fromkeys(WESTERN, "Western European"),
    "cp852": "Central European",
    "cp1250": "Central European",
    "cp866": "Cyrillic",
    "cp1251": "Cyrillic",
    "cp737": "Greek",
    "cp1253": "Greek",
    "cp857": "Turkish",
    "cp1254": "Turkish",
    "cp862": "Hebrew",
    "cp1255": "Hebrew",
    "cp1256": "Arabic",
    "cp874": "Thai",
    "cp932": "Japanese",
    "gb18030": "Chinese (simplified)",
    "big5": "Chinese (traditional)",
    "cp949": "Korean",
}
"""Names in Python, and on screen."""
FALLBACK = "cp437"
"""What a zip that declares no encoding should use (APPNOTE.TXT 6.3.10, appendix D)."""
PREFERENCE = 1.5
"""Weight of Western encodings; a few words of French are often Polish or Czech, too."""
UNRANKED = 0.001
"""Confidence in encodings that chardet does not list; it leaves out some for very short names."""
PLAUSIBLE = 0.1
"""Encodings of at least this share of the highest confidence are alternatives."""
SAMPLED = 1 << 16
"""Bytes of names by which an encoding is judged; looking at each character takes time."""
_SCRIPTS = (
    *("LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI"),
    *("HIRAGANA", "KATAKANA", "CJK", "HANGUL"),
)
_JOINED = {"HIRAGANA", "KATAKANA", "CJK"}
_SYMBOLS = "°ºª№½²µ±"


def unicode_path(raw: bytes, block: bytes) -> str | None:
    """The name in an Info-ZIP Unicode Path field, if it belongs to the raw name.

    Source: APPNOTE.TXT 6.3.10, section 4.6.9.
    """
    if block[:1] != b"\1" or int.from_bytes(block[1:5], "little") != zlib.crc32(raw):
        return None
    try:
        return block[5:].decode("utf-8")
    except UnicodeDecodeError:
        return None


def decode_again(name: str, used: str, other: str) -> str:
    """A name decoded again with another encoding; unchanged if that is impossible."""
    try:
        return name.encode(used).decode(other)
    except UnicodeError:
        return name


def plausible(names: Sequence[bytes]) -> list[str]:
    """The encodings in which names consist of words, the most likely first.

    All names can be written in them, and up to `SAMPLED` bytes of names are looked at. chardet says
    how likely each is. Of encodings in which the names are the same, only the first is listed.
    """
    import chardet  # 9 MB that are rarely needed

    # No trailing byte of these encodings is a slash.
    parts = sorted({part for name in names for part in name.split(b"/") if not part.isascii()})
    if not parts:
        return []
    spread = parts[:: sum(map(len, parts)) // SAMPLED + 1]
    totals = accumulate(map(len, spread))
    sample = [part for part, total in zip(spread, totals, strict=True) if total <= SAMPLED]
    ranking = chardet.detect_all(
        b"\n".join(sample), ignore_threshold=True, compat_names=False, include_encodings=ENCODINGS
    )
    confidence = dict.fromkeys(ENCODINGS, UNRANKED)
    for each in ranking:
        # Its big5 has the characters of Hong Kong, too.
        encoding = str(each["encoding"]).removesuffix("hkscs")
        weight = PREFERENCE if encoding in WESTERN else 1
        confidence[encoding] = weight * each["confidence"]
    likely: dict[tuple[str, ...], str] = {}
    for encoding in sorted(ENCODINGS, key=lambda each: -confidence[each]):
        with contextlib.suppress(UnicodeDecodeError):
            for part in parts:
                part.decode(encoding)
            texts = tuple(part.decode(encoding) for part in sample)
            if all(map(_consists_of_words, texts)):
                likely.setdefault(texts, encoding)
    ranked = list(likely.values())
    return [each for each in ranked if confidence[each] >= PLAUSIBLE * confidence[ranked[0]]]


def _consists_of_words(text: str) -> bool:
    """Whether a name is words and the symbols that people use, such as `20 °C`."""
    around = zip(f" {text[:-1]}", text, f"{text[1:]} ", strict=True)
    if any(
        char not in _SYMBOLS or (_is_letter(before) and _is_letter(after))
        for before, char, after in around
        if not (char.isascii() or _is_letter(char))
    ):
        return False
    letters = (char if _is_letter(char) else " " for char in text)
    return all(map(_is_word, "".join(letters).split()))


def _is_letter(char: str) -> bool:
    """Whether a character is a letter of words, or a mark on one."""
    return unicodedata.category(char) in ("Lu", "Ll", "Lo", "Lm", "Mn") and char not in "ªºⁿƒµ"


def _is_word(word: str) -> bool:
    """Whether letters are of one script and in ordinary case."""
    scripts = {_script(char) for char in word}
    if None in scripts or (len(scripts) > 1 and not scripts <= _JOINED) or "ς" in word[:-1]:
        return False
    ordinary = word in (word.lower(), word.upper()) or word[1:] == word[1:].lower()
    return ordinary or word.isascii()


def _script(char: str) -> str | None:
    name = unicodedata.name(char, "")
    return next((script for script in _SCRIPTS if name.startswith(script)), None)
