"""Evaluate a model on pictures that it did not learn from."""

import functools
import shlex
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from core import checks, intake
from core.archive import sources
from core.bundles import ImportedModel
from core.checks.near_duplicates import COMPARABLE
from core.dataset import Dataset, Example, known_groups, splitting
from core.errors import BadDataset
from core.evaluation import Report, build_report
from core.intake import Intake
from core.model import batch
from core.model.classifier import Classifier, on_one_thread
from core.predict import lookup
from core.runs.run import Run
from core.settings import Settings
from core.system import prose

NAMED = 5
"""Unknown classes that an error lists by name."""


def evaluate(
    name: str,
    source: Path,
    settings: Settings,
    group: Callable[[Intake], Intake] = lambda ungrouped: ungrouped,
) -> Report:
    """Evaluate a model on every picture of a zip or folder that it did not learn from.

    The split that folders define is ignored. Folders that are codes get names as for a training,
    unless the model has the codes. Pictures that the model was trained or validated on are left
    out, with the pictures that share their groups. If the model is a run, near-copies of these
    pictures are left out, too, and all pictures of groups that it was trained on, provided that it
    was trained with the same kind of groups; the others are then of new groups.

    Args:
        name: of the model, as in `lookup.find`.
        group: assigns groups to the pictures, for the intervals; by default, pictures that look the
            same are a group.

    Raises:
        BadDataset: a folder has no class of the model as its name, or no picture is left.
    """
    model = lookup.find_trained(name, settings)
    opening = functools.partial(lookup.find, name) if model is None else model.classifier
    build = functools.partial(opening, settings, on_one_thread)
    classifier = build()
    set_level = classifier.decision.set_level
    indices = {label: i for i, label in enumerate(classifier.labels)}
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        ungrouped = intake.ingest(
            source,
            sources.stem(source.name),
            Path(scratch),
            settings,
            expect_classes="any",
            scale=classifier.scale,
        )
        names = [n.remedy for n in ungrouped.notes if n.remedy and n.remedy.kind == "rename"]
        if names and not indices.keys() >= set(ungrouped.dataset.classes):
            named = intake.apply_remedies(Path(scratch), names, settings)
            ungrouped = ungrouped.model_copy(update={"dataset": named.dataset})
        dataset = group(ungrouped).dataset
        unknown = [label for label in dataset.classes if label not in indices]
        if unknown:
            raise BadDataset(
                "Expected folders named after the model's classes "
                f"({prose.listed(classifier.labels, NAMED)}), found "
                f"{prose.listed(unknown, NAMED)}. Rename them, or leave them out."
            )
        folder = intake.pictures(Path(scratch))
        excluded, new_groups = _known(model, dataset, folder, settings)
        if excluded.all():
            of_groups = " or that have the names of its groups" if new_groups else ""
            raise BadDataset(
                f"Expected pictures that the model does not know, found {len(excluded)} that it "
                f"learned from{of_groups}. Evaluate it on other pictures."
            )
        examples = [e for e, skip in zip(dataset.examples, excluded, strict=True) if not skip]

        def predict(opened: Classifier, example: Example) -> np.ndarray:
            return opened.answer(opened.load(folder / example.path)).probabilities

        probabilities = np.stack(list(batch.map_parallel(build, examples, predict)))
    return build_report.evaluate(
        np.array([indices[dataset.classes[example.label]] for example in examples]),
        probabilities,
        classifier.labels,
        names=[example.name for example in examples],
        groups=splitting.groups(examples, bursts=True),
        set_levels=() if set_level is None else (set_level,),
        left_out=int(excluded.sum()),
        new_groups=known_groups.count(examples) if new_groups else None,
    )


def caveats(name: str, settings: Settings, group_by: str = "") -> Iterator[str]:
    """Why `evaluate` may have missed pictures that the model learned from, in sentences.

    Args:
        name: as in `lookup.find`.
        group_by: source of the groups of the evaluated pictures; empty for none.

    Raises:
        UnknownModel: there is no such model.
    """
    model = lookup.find_trained(name, settings)
    if model is None:
        return
    missing = learned = model.learned()
    if isinstance(model, Run) and (fingerprints := model.fingerprints()) is not None:
        examples = model.dataset().examples
        small = {e.sha256 for e in examples if min(e.width, e.height) < COMPARABLE}
        missing = learned - (fingerprints.place.keys() - small)
    if not learned:
        yield (
            "It is not known which pictures this model learned from. If some of these are among "
            "them, the score is too good."
        )
    elif missing:
        yield (
            f"Of {prose.count(len(missing))} that the model learned from, only the files "
            "themselves are recognised. If edited copies are among these, the score is too good."
        )
    else:
        yield (
            "Copies of pictures that the model learned from are recognised if they were resized, "
            "saved again, mirrored, turned or cropped by up to a tenth. If copies that were "
            "changed more are among these, the score is too good."
        )
    if isinstance(model, Run) and (by := model.dataset().grouped_by) and not group_by:
        yield (
            "The model was trained and tested with groups. If some of them are among these "
            f"pictures, the score is not one for new groups; --group-by {shlex.quote(by)} leaves "
            "them out."
        )


def _known(
    model: Run | ImportedModel | None, dataset: Dataset, folder: Path, settings: Settings
) -> tuple[np.ndarray, bool]:
    """Which pictures, (n,) bool, a model learned from, and whether the others are of new groups."""
    hashes = frozenset() if model is None else model.learned()
    known = splitting.known(dataset, hashes)
    if not isinstance(model, Run):
        return known, False
    earlier = model.dataset()
    if (grouped := known_groups.find(dataset, earlier)) is not None:
        known |= grouped
    if (fingerprints := model.fingerprints()) is not None:
        # Those of a model that it continued from may be its test pictures.
        learned = [example for example in earlier.examples if example.sha256 in hashes]
        known |= checks.near_copies(dataset, folder, settings, learned, fingerprints)
    return known, grouped is not None
