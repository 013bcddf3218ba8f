"""Find a model by what a person calls it: a backbone, a run, or a model that was brought here."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from core import backbones
from core.errors import BadDataset, UnknownModel
from core.model.classifier import Classifier, Open, on_one_thread, opened
from core.settings import Settings

# Half of the time of a prediction on the command line would go into rooms that it does not enter,
# so they are imported where they are entered.
if TYPE_CHECKING:
    import numpy as np

    from core.bundles import ImportedModel
    from core.dataset import Example
    from core.evaluation import Report
    from core.runs.run import Run

NAMED = 5
"""Unknown classes that a refusal lists by name."""


def find(name: str, settings: Settings, open_model: Open = opened) -> Classifier:
    """A model ready to answer.

    Args:
        name: of a backbone, empty for the default one; the id of a run or of a brought model; a
            run's folder; a bundle, which is made ready first.

    Raises:
        UnknownModel: nothing is called that, or it has not been prepared.
        BadInput: the bundle cannot be used.
        RunDamaged: the run's files are not what its manifest says.
    """
    name = name or backbones.DEFAULT
    if backbones.known(name):
        return Classifier.of_backbone(backbones.get(name), settings, open_model)
    from core import runs

    if runs.RUN_ID.fullmatch(name):
        return of_id(name, settings).classifier(settings, open_model)
    path = Path(name)
    if path.is_dir():
        return runs.open_folder(path).classifier(settings, open_model)
    if path.is_file():
        from core.bundles import prepared

        return prepared.ready(path, settings).classifier(settings, open_model)
    raise UnknownModel(
        f"No backbone, run, run folder or bundle is called {name!r}. "
        f"Backbones: {', '.join(backbones.BACKBONES)}."
    )


def of_id(name: str, settings: Settings) -> Run | ImportedModel:
    """The run, or the model that was brought here, with this id.

    Raises:
        UnknownModel: there is none.
    """
    from core import runs
    from core.bundles import imported

    if imported.exists(settings, name):
        return imported.get(settings, name)
    return runs.get(settings, name)


def evaluate_on(name: str, source: Path, settings: Settings) -> Report:
    """Score a model on every picture of a zip or folder, whatever split it comes in.

    Raises:
        BadDataset: a folder is named after no class of the model.
    """
    import numpy as np

    from core import intake
    from core.evaluation import evaluate
    from core.model import batch

    classifier = find(name, settings, on_one_thread)
    indices = {label: i for i, label in enumerate(classifier.labels)}
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        taken = intake.take_in(source, source.stem, Path(scratch), settings)
        unknown = [name for name in taken.dataset.classes if name not in indices]
        if unknown:
            more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
            raise BadDataset(
                "Expected folders named after the model's classes, found "
                f"{', '.join(unknown[:NAMED])}{more}. Rename them, or leave them out."
            )
        examples = taken.dataset.examples
        folder = intake.pictures(Path(scratch))

        def ask(model: Classifier, example: Example) -> np.ndarray:
            return model.answer(model.load(folder / example.path)).probabilities

        found = list(batch.each(lambda: find(name, settings, on_one_thread), examples, ask))
    labels = [indices[taken.dataset.classes[example.label]] for example in examples]
    return evaluate(
        np.array(labels),
        np.stack(found),
        classifier.labels,
        names=[example.name for example in examples],
    )
