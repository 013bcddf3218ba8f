"""Find a model by the name that a user gives: a backbone, a run, an imported model or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core import backbones
from core.backbones import serving
from core.errors import UnknownModel
from core.model.classifier import Classifier, Open, on_two_threads
from core.settings import Settings

# Packages are imported where they are needed: with all of them, `tusker predict` with a backbone
# would take twice as long.
if TYPE_CHECKING:
    from core.bundles import ImportedModel
    from core.runs.run import Run


def find(name: str, settings: Settings, open_model: Open = on_two_threads) -> Classifier:
    """A model ready to predict.

    Args:
        name: of a backbone, empty for the default one; the id of a run or an imported model; the
            folder of a run; or a bundle, which is imported first.

    Raises:
        UnknownModel: there is no such model, or it has not been prepared.
        BadInput: the bundle cannot be used.
        RunDamaged: the run's files differ from its manifest.
    """
    model = find_trained(name, settings)
    if model is None:
        backbone = backbones.get(name or backbones.DEFAULT)
        return Classifier.of_backbone(backbone, settings, open_model)
    return model.classifier(settings, open_model)


def find_trained(name: str, settings: Settings) -> Run | ImportedModel | None:
    """The run or imported model that a name stands for, as in `find`; None for a backbone.

    Raises:
        UnknownModel, BadInput: as `find`.
    """
    if not name or backbones.known(name):
        return None
    from core import runs

    if runs.RUN_ID.fullmatch(name):
        return trained_model(name, settings)
    path = Path(name)
    if path.is_dir():
        return runs.open_folder(path)
    if path.is_file():
        from core.bundles import imported

        return imported.open_bundle(path, settings)
    raise UnknownModel(
        f"No backbone, run, run folder or bundle is called {name!r}. "
        f"Backbones: {', '.join(backbones.BACKBONES)}."
    )


def trained_model(model_id: str, settings: Settings) -> Run | ImportedModel:
    """The run or the imported model with this id.

    Raises:
        UnknownModel: there is none.
    """
    from core import runs
    from core.bundles import imported

    return imported.find(settings, model_id) or runs.get(settings, model_id)


def version(name: str, settings: Settings) -> tuple[object, ...]:
    """Changes whenever the answers of a backbone, run or imported model do.

    Raises:
        UnknownModel: there is no such model, or the backbone is not prepared.
    """
    if backbones.known(name):
        return name, str(serving.required(backbones.get(name), settings))
    return name, *trained_model(name, settings).version
