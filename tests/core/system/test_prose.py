"""Figures as they are read."""

import pytest

from core.system import prose


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "under 1 s"), (6.4, "6 s"), (42, "42 s"), (92, "1.5 min"), (170, "3 min"),
        (600, "10 min"), (3599, "1 h"), (5000, "1 h 23 min"),
    ],
)  # fmt: skip
def test_long_durations_have_fewer_digits(seconds: float, text: str) -> None:
    assert prose.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1 byte"), (42, "42 bytes"), (300, "0.3 kB"), (28_700, "28 kB"),
        (1.83 * 2**20, "1.8 MB"), (45.3 * 2**20, "45 MB"),
        (990 * 2**20, "990 MB"), (1.93 * 2**30, "1.9 GB"), (2.5 * 2**40, "2560 GB"),
    ],
)  # fmt: skip
def test_only_small_sizes_have_a_decimal(number: float, text: str) -> None:
    assert prose.size(number) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["ant"], "ant"),
        (["ant", "bee"], "ant and bee"),
        (["ant", "bee", "cow"], "ant, bee and cow"),
        (["ant", "bee", "cow", "dog", "eel"], "ant, bee, cow and 2 more"),
    ],
)
def test_only_some_names_are_listed(names: list[str], text: str) -> None:
    assert prose.listed(names) == text
