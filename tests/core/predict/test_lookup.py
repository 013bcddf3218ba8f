"""A model is found by its name, and scored on pictures of its classes."""

import io
import zipfile

import numpy as np
import pytest

from core.bundles import imported
from core.errors import BadInput, RunDamaged, UnknownModel
from core.model.decision import Verdict
from core.predict import lookup
from tests.core import trainings


@pytest.mark.parametrize(("name", "title"), [("", "EfficientNet-Lite0"), ("tiny", "Tiny")])
def test_a_backbone_is_found_by_its_name_or_by_default(tiny, settings, name, title):
    assert lookup.find(name, settings).title == title


def test_a_backbone_is_not_sure_of_what_it_gives_less_than_a_fifth(tiny, settings):
    decision = lookup.find("tiny", settings).decision
    assert decision.verdict(np.float32([0.19, *[0.01] * 81]), None) is Verdict.NOT_SURE
    assert decision.verdict(np.float32([0.21, *[0.01] * 79]), None) is Verdict.SURE


def test_a_run_is_found_by_its_id_and_by_its_folder(trained_run):
    trained = trained_run()
    for name in (trained.run.id, str(trained.run.path)):
        classifier = lookup.find(name, trained.settings)
        assert classifier.title == "shapes"
        assert classifier.labels == trained.run.dataset().classes


def test_an_unknown_name_is_refused_with_the_known_backbones(settings):
    for name in ("resnet18", "none/there", "0" * 31):
        with pytest.raises(UnknownModel, match=r"Backbones: efficientnet-lite0, "):
            lookup.find(name, settings)


def test_a_run_that_is_not_there_and_a_folder_that_is_no_run_are_refused(settings, tmp_path):
    with pytest.raises(UnknownModel, match="No run with this id"):
        lookup.find("0" * 32, settings)
    with pytest.raises(BadInput, match="Expected a run folder"):
        lookup.find(str(tmp_path), settings)


def test_a_damaged_run_is_refused(trained_run):
    trained = trained_run()
    (trained.run.model_folder / "weights.safetensors").write_bytes(b"")
    with pytest.raises(RunDamaged):
        lookup.find(trained.run.id, trained.settings)


def test_the_training_pictures_of_an_earlier_bundle_follow_from_its_split(trained_run, tmp_path):
    trained = trained_run()
    files = zipfile.ZipFile(io.BytesIO(trainings.bundle_bytes(trained.run, trained.settings)))
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as old:
        for member in files.namelist():
            if member != "learned.json":
                old.writestr(member, files.read(member))
    test = {example.sha256 for example in trained.run.dataset().of("test")}
    model = imported.open_bundle(tmp_path / "old.zip", trained.settings)
    assert model.learned() == {e.sha256 for e in trained.run.dataset().examples} - test
