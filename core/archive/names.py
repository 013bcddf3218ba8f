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
_SCRIPTS = (
    *("LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI"),
    *("HIRAGANA", "KATAKANA", "CJK", "HANGUL"),
)
_JOINED = {"HIRAGANA", "KATAKANA", "CJK"}
# Encodings of few symbols, in which almost any byte is a letter: they need a word.
_OF_LETTERS = {"Greek": "GREEK", "Hebrew": "HEBREW", "Arabic": "ARABIC", "Thai": "THAI"}
_TURKISH, _TURKISH_VOWELS = set("ğışĞİŞ"), set("aeıioöuüâîûAEIİOÖUÜÂÎÛ")
_VOWELS = re.compile("[аеёиоуыэюяіїєѣў]", re.IGNORECASE)  # of languages in Cyrillic
_ACCENTED, _FINAL = re.compile("[άέήίόύώ]", re.IGNORECASE), re.compile(".+[ךםןףץ]")
# Symbols as they are used: `20 °C`, `5 µm`, `nº 1`, `m²`, and those without a letter beside them.
_SYMBOLS = re.compile(
    r"(?<!L)[°ºª№½²µ±](?!L)|(?<!L)(°(?=[CFK](?!L))|µ(?=[a-zA-Z](?!L)))"
    r"|(?<=[nN])(?<!L[nN])[°º](?!L)|(?<=m)(?<!LLm)²(?!L)".replace("L", r"[^\W\d_]")
)


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
                texts = tuple(part.decode(encoding) for part in parts)
                if _has_word(texts, encoding):
                    found.setdefault(texts, encoding)
        if found:
            break
    cyrillic = any(each == "cp1251" and _is_cyrillic(texts) for texts, each in found.items())
    return [each for texts, each in found.items() if not cyrillic or _is_proven(texts, each)]


def _is_cyrillic(texts: Sequence[str]) -> bool:
    """Whether all words that are not in ASCII are Cyrillic and have a vowel."""
    words = [word for text in texts for word in _words(text) if not word.isascii()]
    return all(_script(word[0]) == "CYRILLIC" and _VOWELS.search(word) for word in words)


def _is_proven(texts: Sequence[str], encoding: str) -> bool:
    """Whether words that may be Cyrillic have what only these languages need.

    In Greek, one accent in each word of several letters; in Hebrew, final forms at ends only.
    """
    words = [word for text in texts for word in _words(_SYMBOLS.sub(" ", text))]
    words = [word for word in words if len(word) > 1 and not word.isascii()]
    if encoding == "cp1253":
        return all(len(_ACCENTED.findall(word)) == 1 for word in words)
    if encoding == "cp1255":
        finals = [word for word in words if _FINAL.fullmatch(word)]
        return bool(finals) and not any(re.search("[ךםןףץ].", word) for word in words)
    return True


def _has_word(texts: Sequence[str], encoding: str) -> bool:
    """Whether a word has at least two letters of the script, if the language has its own."""
    script = _OF_LETTERS.get(ENCODINGS[encoding])
    words = (word for text in texts for word in _words(text))
    return script is None or any([*map(_script, word)].count(script) > 1 for word in words)


def _fits(raw: bytes, encoding: str, rare: bool) -> bool:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    plain = _SYMBOLS.sub(" ", text)
    foreign = [
        (before, sign)
        for before, sign in zip(" " + plain, plain, strict=False)
        if not sign.isascii()
    ]
    return (
        any(map(str.isalnum, plain))
        and all(_is_letter(sign, before) for before, sign in foreign)
        and all(_is_word(word, encoding, rare) for word in _words(plain))
    )


def _words(text: str) -> list[str]:
    """Runs of letters, and of combining marks on them."""
    signs = [sign if sign.isalpha() or _is_mark(sign) else " " for sign in text]
    return "".join(signs).split()


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign) == "Mn"


def _is_letter(sign: str, before: str) -> bool:
    """Whether a sign is a letter, or a combining mark on a letter of its script."""
    if _is_mark(sign):
        return _script(sign) is not None and _script(sign) == _script(before)
    return unicodedata.category(sign) in ("Lu", "Ll", "Lo", "Lm") and sign not in "ªºⁿƒ"


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
    signs = set(word)
    if ENCODINGS[encoding] == "Turkish" and _TURKISH & signs and not _TURKISH_VOWELS & signs:
        return False
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
