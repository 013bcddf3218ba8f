"""The encoding of names is found in little time, however many there are."""

import unicodedata

import pytest

from core.archive import name_encodings


def steps(raw: list[bytes], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many characters are looked up to find the encoding of names."""
    count = 0
    category = unicodedata.category

    def counting(char: str) -> str:
        nonlocal count
        count += 1
        return category(char)

    with monkeypatch.context() as patch:
        patch.setattr(unicodedata, "category", counting)
        assert name_encodings.plausible(raw)
    return count


def test_many_long_names_take_no_longer_than_some(monkeypatch: pytest.MonkeyPatch) -> None:
    some, many = ([b"%d " % n + b"\xe9" * 990 for n in range(total)] for total in (66, 1_400))
    most = 1.1 * steps(some, monkeypatch)
    assert steps(many, monkeypatch) < most
    uneven = [name if n % 5 == 0 else name[:6] for n, name in enumerate(sorted(many))]
    assert steps(uneven, monkeypatch) < most


def test_an_encoding_can_write_all_of_many_names() -> None:
    raw = [b"\xe9\xe9\xe9 %d" % n for n in range(20_000)]
    assert "cp1255" in name_encodings.plausible(raw)
    found = name_encodings.plausible([*raw, b"\xff\xff"])  # no letters of Hebrew
    assert found and "cp1255" not in found
