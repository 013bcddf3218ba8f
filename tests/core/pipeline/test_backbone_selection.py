"""A training with alternatives takes the backbone that cross-validates best, and says so."""

from pathlib import Path

import pytest

from core import backbones
from core.backbones import Backbone, serving
from core.errors import NotEnoughResources, TuskerError, WeightsUnavailable
from core.export import card
from core.jobs.events import Note
from core.model import storage
from core.settings import Settings
from tests.core.trainings import ImportedDataset, import_dataset, tiny_config, train

LITE0, LITE2 = "efficientnet-lite0", "efficientnet-lite2"


def test_a_better_alternative_becomes_the_backbone_of_the_run(
    tiny: Backbone, settings: Settings, tmp_path: Path
) -> None:
    shapes = import_dataset(tmp_path, classes=8, per_class=8)
    run_config = tiny_config("quick", alternatives=[LITE0])
    trained = train(shapes, run_config, tmp_path / "run", settings)
    run = trained.run
    choice = run.backbone_choice()
    assert choice is not None
    assert list(choice.accuracies) == ["tiny", LITE0]
    assert choice.losses[LITE0] < choice.losses["tiny"]
    assert (run.config().backbone, run.config().alternatives) == (LITE0, ("tiny",))
    assert storage.load(run.model_folder)[0].backbone == LITE0
    assert choice.sentence in [e.sentence for e in trained.events if isinstance(e, Note)]

    run_config, features = tiny_config("quick", backbone=LITE0), tmp_path / "features-of-run"
    alone = train(shapes, run_config, tmp_path / "alone", settings, features=features)
    assert alone.run.report() == run.report(), "the comparison changes nothing else"


@pytest.mark.parametrize("refusal", [WeightsUnavailable, NotEnoughResources])
def test_an_alternative_that_cannot_be_prepared_is_left_out_with_a_note(
    refusal: type[TuskerError],
    shapes_dataset: ImportedDataset,
    tiny: Backbone,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unavailable(*_arguments: object) -> Path:
        raise refusal("There is no network.")

    monkeypatch.setattr(serving, "prepare", unavailable)
    trained = train(
        shapes_dataset, tiny_config("quick", alternatives=[LITE2]), tmp_path / "run", settings
    )
    assert trained.run.config().backbone == "tiny"
    choice = trained.run.backbone_choice()
    assert choice is not None
    assert "could not be prepared" in choice.sentence and not choice.accuracies
    notes = [event.sentence for event in trained.events if isinstance(event, Note)]
    title = backbones.get(LITE2).title
    assert f"{title} was not compared. There is no network." in notes


def test_a_class_with_too_few_pictures_is_the_reason_why_backbones_were_not_compared(
    tiny: Backbone, settings: Settings, tmp_path: Path
) -> None:
    few = import_dataset(tmp_path, classes=2, per_class=3)
    run_config = tiny_config("quick", alternatives=[LITE0])
    trained = train(few, run_config, tmp_path / "run", settings)
    choice = trained.run.backbone_choice()
    assert choice is not None and choice.chosen == "tiny"
    assert "too few pictures" in choice.sentence
    assert choice.sentence in card.describe_choices(trained.run)


@pytest.mark.slow
def test_heads_with_hidden_layers_are_compared_too(
    tiny: Backbone, settings: Settings, tmp_path: Path
) -> None:
    shapes = import_dataset(tmp_path, classes=8, per_class=8)
    run_config = tiny_config("quick", alternatives=[LITE0], head={"hidden": [8]}, features="last")
    trained = train(shapes, run_config, tmp_path / "run", settings)
    assert trained.run.config().backbone == LITE0
