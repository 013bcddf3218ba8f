"""By how much a split that divides groups inflates a score: a paired comparison of two splits."""

from typing import Literal

from core.evaluation import intervals
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Estimate, ReportPart
from core.evaluation.wording import describe, difference


class Inflation(ReportPart):
    """Accuracy by cross-validation with folds that keep groups together, and that do not.

    Attributes:
        pictures, groups: that take part: those of training and validation.
        grouped: accuracy on groups that a head was not trained on.
        ordinary: accuracy on other pictures of the groups that it was trained on.
        difference: `ordinary` minus `grouped`, on the same pictures.
    """

    version: Literal[1] = 1
    pictures: int
    groups: int
    grouped: Estimate
    ordinary: Estimate
    difference: Estimate

    @property
    def sentence(self) -> str:
        """The figures in a sentence."""
        figures = f"{describe(self.ordinary)} instead of {describe(self.grouped)}"
        change = difference(self.difference)
        if self.difference.low > 0:
            return (
                f"An ordinary split would have inflated the score by {change.replace('+', '')}: "
                f"{figures} in cross-validation."
            )
        return (
            f"No inflation by an ordinary split that {self.groups:,} groups can show: {change}, "
            f"{figures} in cross-validation."
        )


def compare_splits(grouped: Floats, ordinary: Floats, groups: Ints) -> Inflation:
    """Compare two cross-validations of pictures, whose groups (n,) do not count as independent.

    Args:
        grouped, ordinary: how often each picture was predicted correctly, (n,), 0 to 1, with folds
            that keep groups together and with folds that divide them.
    """
    return Inflation(
        pictures=len(groups),
        groups=len(set(groups.tolist())),
        grouped=intervals.share(grouped, groups),
        ordinary=intervals.share(ordinary, groups),
        difference=intervals.accuracy_difference(ordinary - grouped, groups),
    )
