"""A comparison of two models in words, names as they were given."""

from core.evaluation.paired import NotComparable, PairedComparison


def verdict(
    found: PairedComparison | NotComparable, first: str = "the first", second: str = "the second"
) -> str:
    """Which is better, or that nobody can tell and why.

    Example:
        B is better than A: right on 5 more of 38 pictures (p = 0.031).
        No difference that 38 pictures can show: A is right on 33, B on 35 (p = 0.63).
    """
    sentence = _apart(found, first, second) if isinstance(found, NotComparable) else ""
    if isinstance(found, PairedComparison):
        sentence = _paired(found, first, second)
    return sentence[:1].upper() + sentence[1:]


def chance(p: float, comparisons: int = 1) -> str:
    """A p-value: `p = 0.63`, `p < 0.001`, `p = 0.031, adjusted for 3 comparisons`."""
    digits = 3 if p < 0.0995 else 2
    said = "p < 0.001" if p < 0.0005 else f"p = {p:.{digits}f}" if p < 0.995 else "p = 1"
    return said if comparisons < 2 else f"{said}, adjusted for {comparisons} comparisons"


def _paired(found: PairedComparison, first: str, second: str) -> str:
    pictures = "1 picture" if found.pictures == 1 else f"{found.pictures:,} pictures"
    unlike = found.only_second - found.only_first
    probably = chance(found.accuracy.adjusted, found.comparisons)
    if found.accuracy.beyond_chance:
        how, count = ("better", "more") if unlike > 0 else ("worse", "fewer")
        return (
            f"{second} is {how} than {first}: right on {abs(unlike):,} {count} of {pictures} "
            f"({probably})."
        )
    start = f"No difference that {pictures} can show: "
    if not found.only_first and not found.only_second:
        return f"{start}{first} and {second} are right on the same {found.both:,}."
    return (
        f"{start}{first} is right on {found.both + found.only_first:,}, {second} on "
        f"{found.both + found.only_second:,} ({probably})."
    )


def _apart(found: NotComparable, first: str, second: str) -> str:
    start = f"no paired test of {first} and {second}: "
    if found.shared < max(found.first, found.second):
        shared = (
            f"{found.shared:,} are" if found.shared > 1 else "1 is" if found.shared else "none is"
        )
        return (
            f"{start}of their {found.first:,} and {found.second:,} test pictures {shared} the "
            "same. A test picture of one may be among those that the other learned from."
        )
    if found.relabelled:
        noun = "picture has" if found.relabelled == 1 else "pictures have"
        return (
            f"{start}of their {found.first:,} test pictures, which are the same, "
            f"{found.relabelled:,} {noun} another label."
        )
    return f"{start}their test pictures are the same, but the classes to choose from are not."
