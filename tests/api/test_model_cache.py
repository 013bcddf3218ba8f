import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from api import model_cache
from api.model_cache import ModelCache
from core import runs
from core.backbones import DEFAULT
from core.errors import UnknownModel
from core.model.classifier import Classifier
from core.predict import lookup
from core.settings import Settings

RUNS = [f"{number:032x}" for number in range(1, 6)]


@pytest.fixture
def home(settings: Settings) -> Settings:
    """A home with five runs."""
    for run_id in RUNS:
        shutil.copytree(runs.SAMPLE, settings.home / "runs" / run_id)
    return settings


def test_concurrent_requests_open_a_file_once(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths: list[Path] = []
    load = model_cache.on_two_threads
    monkeypatch.setattr(model_cache, "on_two_threads", lambda p: paths.append(p) or load(p))
    cache = ModelCache(home)
    names = [DEFAULT, *RUNS[:3]] * 5
    with ThreadPoolExecutor(len(names)) as threads:
        backbone, run, *_ = classifiers = list(threads.map(cache.classifier, names))
    assert len(paths) == 2, "the runs kept the backbone frozen and take the same depths"
    assert len(set(map(id, classifiers))) == 4
    picture = np.zeros((backbone.size, backbone.size, 3), np.uint8)
    assert backbone.answer(picture).probabilities.size == 1000
    assert run.answer(picture).probabilities.size == len(run.labels)


def test_a_model_that_takes_long_to_open_does_not_delay_others(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, released = threading.Event(), threading.Event()
    original = lookup.find

    def find(name: str, *rest: object) -> Classifier:
        if name == RUNS[0]:
            entered.set()
            assert released.wait(60)
        return original(name, *rest)

    monkeypatch.setattr(lookup, "find", find)
    cache = ModelCache(home)
    with ThreadPoolExecutor(2) as threads:
        slow = [threads.submit(cache.classifier, RUNS[0])]
        assert entered.wait(60)
        quick = threads.submit(cache.classifier, RUNS[1]).result(60)
        assert cache.classifier(RUNS[1]) is quick
        released.set()
        assert slow[0].result(60) is cache.classifier(RUNS[0])


def test_a_changed_model_is_opened_again(home: Settings) -> None:
    cache = ModelCache(home)
    run = runs.get(home, RUNS[0])
    before = cache.classifier(run.id)
    assert cache.classifier(run.id) is before
    run.annotate(lambda annotations: annotations.model_copy(update={"threshold": 0.9}))
    assert cache.classifier(run.id).decision.threshold == 0.9
    shutil.rmtree(run.path)
    with pytest.raises(UnknownModel):
        cache.classifier(run.id)


def test_the_least_recently_used_model_is_dropped(home: Settings) -> None:
    cache = ModelCache(home)
    first = cache.classifier(DEFAULT)
    opened = [cache.classifier(run_id) for run_id in RUNS[: model_cache.MAX_MODELS - 1]]
    assert cache.classifier(DEFAULT) is first
    for run_id in RUNS[1:]:
        cache.classifier(run_id)
    assert cache.classifier(RUNS[0]) is not opened[0]


@pytest.mark.parametrize(
    "name", [str(runs.SAMPLE), f"../runs/{RUNS[0]}", ".", f"{RUNS[0]}/", f"{RUNS[0]}\n"]
)
def test_a_path_is_no_model(home: Settings, name: str) -> None:
    with pytest.raises(UnknownModel, match="No model is called"):
        ModelCache(home).classifier(name)
