"""Describe the groups that a visitor chose, and how uncertain a score from few groups is."""

import math
from collections import Counter

from core.dataset import Dataset, splitting
from core.dataset.findings import Finding, informs, warns
from core.dataset.grouping import GroupSource
from core.evaluation import intervals
from core.system.prose import count, listed

GROUPS = "groups"
"""Code of the finding that describes the chosen groups."""
TEST = 0.15
"""Share of the pictures in the test set: the default of `TrainingConfig.test`, which is above this
package."""
ENOUGH = 5
"""Smallest number of groups in the test set without a warning."""


def describe_groups(dataset: Dataset) -> Finding:
    """A finding with the number of groups, examples, the smallest and the largest.

    It warns of fewer groups than a score needs, and of groups that a predefined split divides.
    """
    sizes = Counter(example.group_name for example in dataset.examples)
    alone = sizes.pop("", 0)
    order = sizes.most_common()
    (largest, most), (smallest, least) = order[0], order[-1]
    names = listed(sorted(sizes), most=3)
    extent = (
        f"{count(most)} each"
        if least == most
        else f"from {count(least)} ({smallest}) to {count(most)} ({largest})"
    )
    by = GroupSource.parse(dataset.grouped_by).title
    # A split of the visitor's own is not changed for groups.
    start = "" if dataset.predefined else "Kept together in training or test: "
    sentence = f"{start}{count(len(sizes), 'group')} {by} ({names}), {extent}."
    if alone:
        have = count(alone, "picture has no group and stands", "pictures have no group and stand")
        sentence += f" {have} alone."
    warnings = " ".join(filter(None, (_few(dataset), _divided(dataset))))
    return warns(GROUPS, f"{sentence} {warnings}") if warnings else informs(GROUPS, sentence)


def _few(dataset: Dataset) -> str:
    """How many groups a score needs, and how uncertain it is with fewer; empty if there are enough.

    A test set without mistakes is worth as many pictures as it has groups: see
    `intervals.design_effect`.
    """
    groups = len(splitting.units_of(dataset.examples, range(len(dataset.examples))))
    needed = math.ceil(ENOUGH / TEST)
    tested = max(1, round(TEST * groups))
    if dataset.predefined or groups >= needed:
        return ""
    worth, worth_enough = (100 * intervals.wilson(n, n)[0] for n in (tested, ENOUGH))
    return (
        f"That is few: about {tested} of them will be in the test set, so even without a mistake "
        f"the accuracy on other groups may be as low as {worth:.0f} %. With {needed} groups, "
        f"{ENOUGH} of them in the test set, that is {worth_enough:.0f} %."
    )


def _divided(dataset: Dataset) -> str:
    """A warning if a predefined split divides groups between training and test; empty if not."""
    if not dataset.predefined:
        return ""
    tested = Counter(e.group_name for e in dataset.examples if e.split == "test" and e.group_name)
    shared = tested.keys() & {e.group_name for e in dataset.examples if e.split != "test"}
    if not shared:
        return ""
    pictures = sum(tested[name] for name in shared)
    return (
        f"Your split has {count(len(shared), 'group')} in both training and test "
        f"({listed(sorted(shared))}): the score on {count(pictures)} is not one for new groups."
    )
