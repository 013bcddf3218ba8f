"""Describe the comparison of two models in one or two sentences."""

from core.evaluation.paired import NotComparable, PairedComparison
from core.system import prose


def describe_comparison(
    comparison: PairedComparison | NotComparable,
    first: str = "the first",
    second: str = "the second",
) -> str:
    """Which model is better, or why that is unknown. Names are used as given.

    Example:
        B is better than A: 5 more of 38 pictures predicted correctly (p = 0.031).
        No difference that 38 pictures can show: A predicts 33 correctly, B 35 (p = 0.63).
    """
    if isinstance(comparison, PairedComparison):
        sentence = _paired(comparison, first, second)
    else:
        sentence = _not_comparable(comparison, first, second)
    return sentence[:1].upper() + sentence[1:]


def p_value_text(p: float, comparisons: int = 1) -> str:
    """A p-value: `p = 0.63`, `p < 0.001`, `p = 0.031, adjusted for 3 comparisons`."""
    digits = 3 if p < 0.0995 else 2
    text = "p < 0.001" if p < 0.0005 else f"p = {p:.{digits}f}" if p < 0.995 else "p = 1"
    return text if comparisons < 2 else f"{text}, adjusted for {comparisons} comparisons"


def _paired(comparison: PairedComparison, first: str, second: str) -> str:
    pictures = prose.count(comparison.pictures)
    only_first, only_second = len(comparison.broken), len(comparison.fixed)
    more = only_second - only_first
    p = p_value_text(comparison.accuracy.adjusted, comparison.comparisons)
    if comparison.accuracy.significant:
        better, counted = ("better", "more") if more > 0 else ("worse", "fewer")
        return (
            f"{second} is {better} than {first}: {abs(more):,} {counted} of {pictures} "
            f"predicted correctly ({p})."
        )
    start = f"No difference that {pictures} can show: "
    if not only_first and not only_second:
        return f"{start}{first} and {second} predict the same {comparison.both:,} correctly."
    return (
        f"{start}{first} predicts {comparison.both + only_first:,} correctly, {second} "
        f"{comparison.both + only_second:,} ({p})."
    )


def _not_comparable(reason: NotComparable, first: str, second: str) -> str:
    start = f"no paired test of {first} and {second}: "
    shared, relabelled = reason.shared, reason.relabelled
    if shared < max(reason.first, reason.second):
        same = f"{shared:,} are" if shared > 1 else "1 is" if shared else "none is"
        return (
            f"{start}of their {reason.first:,} and {reason.second:,} test pictures, {same} the "
            "same. Test pictures of one may be training pictures of the other."
        )
    if relabelled:
        have = prose.count(relabelled, "picture has", "pictures have")
        return (
            f"{start}of their {reason.first:,} test pictures, which are the same, {have} different "
            "labels."
        )
    return f"{start}their test pictures are the same, but their classes are not."
