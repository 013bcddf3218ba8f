"""The command `evaluate`: a model on other pictures of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.commands import arguments
from core.commands.arguments import AsJson, GroupBy, load_settings
from core.commands.terminal import print_json, say, warn
from core.errors import BadInput
from core.system import prose

if TYPE_CHECKING:
    from core.intake import Intake

ABOUT_SPLITS = ("split_not_read", "validation_tests")
"""Findings that do not matter where every picture is evaluated."""
ABOUT_SCORES = ("in_two_classes", "alike_in_two_classes", "too_small_to_compare")
"""Findings of the checks that matter to a score: labels of which some must be wrong, and pictures
whose copies are not recognised."""


def evaluate(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] DATA",
            help="The model, unless --model names it; then an archive or folder of class folders.",
        ),
    ],
    model: Annotated[
        str, typer.Option(help="A run's id or folder, a bundle, or a backbone's name.")
    ] = "",
    group_by: GroupBy = "",
    as_json: AsJson = False,
) -> None:
    """Evaluate a model on other pictures of its classes."""
    from core.evaluation import describe, wording
    from core.predict import evaluation

    settings = load_settings()
    if model:
        names = [model, *names]
    if len(names) != 2:
        raise BadInput(
            "Expected a model and an archive or folder of pictures. See: tusker evaluate --help"
        )
    name, data = names

    def prepared(ungrouped: Intake) -> Intake:
        read = {note.code for note in ungrouped.notes}.difference(ABOUT_SPLITS)
        for finding in ungrouped.findings:
            if finding.code in read.union(ABOUT_SCORES):
                kind = "Note" if finding.severity == "informs" else "Warning"
                warn(f"{kind}: {finding.sentence}")
        arguments.report_left_out(ungrouped, warn)
        return arguments.grouped(ungrouped, group_by, warn) if group_by else ungrouped

    report = evaluation.evaluate(name, arguments.existing(Path(data)), settings, prepared)
    if report.left_out:
        were = prose.count(report.left_out, "picture was", "pictures were")
        groups = ", from copies of them or from their groups" if group_by else " or copies of them"
        warn(f"{were} left out: the model learned from them{groups}.")
    for caveat in evaluation.caveats(name, settings, group_by):
        warn(f"Note: {caveat}")
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    say(report.headline)
    macro = report.macro
    say(
        f"Macro averages: precision {describe(macro.precision)}, recall {describe(macro.recall)}, "
        f"F1 {describe(macro.f1)}"
    )
    if gaps := wording.undefined(report):
        say(gaps)
    for sets in report.certainty.sets:
        say(
            f"Right class in the prediction set: {describe(sets.coverage)}, promised "
            f"{100 * sets.level:.0f} %"
        )
    for row in report.per_class:
        if row.support:
            say(f"{row.name}: {describe(row.recall)} of {row.support} correct")
