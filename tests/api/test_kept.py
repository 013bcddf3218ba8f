"""Models are opened once, shared, and never older than their files."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from api import kept
from api.kept import Kept
from core import runs
from core.backbones import DEFAULT
from core.errors import RunDamaged, UnknownModel
from core.settings import Settings

RUNS = [f"{number:032x}" for number in range(1, 6)]


@pytest.fixture
def home(settings: Settings) -> Settings:
    """A home with five runs."""
    for run_id in RUNS:
        shutil.copytree(runs.SAMPLE, settings.home / "runs" / run_id)
    return settings


def test_many_that_ask_at_once_share_what_is_opened_once(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def counted(path: Path) -> object:
        opened.append(path)
        return original(path)

    original = kept.opened
    monkeypatch.setattr(kept, "opened", counted)
    models = Kept(home)
    names = [DEFAULT, *RUNS[:3]] * 5
    with ThreadPoolExecutor(len(names)) as threads:
        found = list(threads.map(models.classifier, names))
    assert len(opened) == 1  # the runs' backbone stayed frozen
    assert len(set(map(id, found))) == 4
    picture = np.zeros((found[0].size, found[0].size, 3), np.uint8)
    assert found[0].answer(picture).probabilities.size == 1000
    assert found[1].answer(picture).probabilities.size == len(found[1].labels)


def test_a_model_that_changes_is_opened_anew(home: Settings) -> None:
    models = Kept(home)
    run = runs.get(home, RUNS[0])
    before = models.classifier(run.id)
    assert models.classifier(run.id) is before
    run.annotate(lambda said: said.model_copy(update={"threshold": 0.9}))
    assert models.classifier(run.id).threshold == 0.9
    shutil.rmtree(run.path)
    with pytest.raises(UnknownModel, match="No run with this id"):
        models.classifier(run.id)


def test_those_asked_longest_ago_are_let_go(home: Settings) -> None:
    models = Kept(home)
    first = models.classifier(DEFAULT)
    for run_id in RUNS[: kept.MODELS - 1]:
        models.classifier(run_id)
    assert models.classifier(DEFAULT) is first
    before = models.classifier(RUNS[0])
    for run_id in RUNS[1:]:
        models.classifier(run_id)
    assert models.classifier(RUNS[0]) is not before


def test_a_folder_is_no_name(home: Settings) -> None:
    for name in (str(runs.SAMPLE), f"../runs/{RUNS[0]}", ".", f"{RUNS[0]}/", f"{RUNS[0]}\n"):
        with pytest.raises(UnknownModel, match="No backbone and no run is called"):
            Kept(home).classifier(name)


def test_a_damaged_run_is_refused(home: Settings) -> None:
    run = runs.get(home, RUNS[0])
    (run.model_folder / "weights.safetensors").write_bytes(b"")
    with pytest.raises(RunDamaged):
        Kept(home).classifier(run.id)
