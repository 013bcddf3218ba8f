"""The one pass shared out among two nodes, which make of it what one machine does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import backbones, dataset
from core.backbones import Backbone
from core.distributed import connection, extraction
from core.errors import BadImage, Cancelled
from core.jobs.events import Event
from core.settings import Settings
from core.training import engines, features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.context import TrainingContext
from core.training.engines import LitertEngine
from tests.core.trainings import ImportedDataset, import_dataset, tiny_config, train

TWO_VIEWS = Augmentation(views=2)


@pytest.fixture(scope="module")
def many_shapes(tmp_path_factory: pytest.TempPathFactory) -> ImportedDataset:
    return import_dataset(tmp_path_factory.mktemp("shapes"), classes=3, per_class=40)


@pytest.fixture
def cluster_settings(
    ray_head: Any, tiny: Backbone, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a host with a cluster, which gets time to start, and shards of eight views."""
    monkeypatch.setattr(extraction, "LATE_SECONDS", 60.0)
    monkeypatch.setattr(extraction, "SHARD_VIEWS", 8)
    return settings.model_copy(update={"runner": "ray", "ray_address": ray_head.address})


@pytest.fixture
def views_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the shards that this process computed."""
    sizes: list[int] = []
    run = LitertEngine.run

    def counting(engine: LitertEngine, views: np.ndarray) -> list[np.ndarray]:
        sizes.append(len(views))
        return run(engine, views)

    monkeypatch.setattr(LitertEngine, "run", counting)
    return sizes


@pytest.fixture
def busy_nodes(cluster_settings: Settings, nodes: list[Any]) -> Iterator[None]:
    """Two nodes with one core each, which another job uses."""
    import ray

    class Job:
        def works(self) -> None:
            """Keeps its core until it is killed."""

    with connection.joined(cluster_settings):
        job: Any = ray.remote(num_cpus=1)(Job)
        jobs = [job.options(lifetime="detached", name=name).remote() for name in "ab"]
        ray.get([job.works.remote() for job in jobs])
    yield
    with connection.joined(cluster_settings):
        for name in "ab":
            ray.kill(ray.get_actor(name))


class SharedExtraction:
    """A pass over all pictures, shared out, with what was said of its progress."""

    def __init__(self, imported: ImportedDataset, cluster_settings: Settings, cache: Path) -> None:
        self.events: list[int] = []
        self.context = TrainingContext(
            tiny_config("best"),
            dataset.split(imported.dataset, validation=0.2, test=0.2, seed=0),
            imported.pictures,
            backbones.get("tiny"),
            cluster_settings,
            FeatureCache(cache),
            _say_nothing,
        )
        self.engine = engines.litert(self.context.network, 0)

    def share_out(self, happens: Any = None) -> None:
        def progress(done: int, total: int) -> None:
            self.events.append(done)
            if happens is not None:
                happens(done)

        examples = self.context.dataset.examples
        rendering = self.context.rendering(TWO_VIEWS)
        extraction.extract_on_cluster(self.context, examples, rendering, self.engine, progress)

    def compare_with_one_machine(self, folder: Path) -> None:
        """Check that all features are in the cache, and equal those of an extraction here."""
        shared, alone = (
            features.extract(
                self.context.dataset.examples,
                self.context.pictures,
                self.context.rendering(TWO_VIEWS),
                self.engine,
                cache,
                progress=lambda _done, _total: None,
            )
            for cache in (self.context.cache, FeatureCache(folder))
        )
        assert (shared.passed, alone.passed) == (0, 240)
        assert np.array_equal(shared.embeddings, alone.embeddings)
        every, view = np.arange(120), np.ones(120, np.int64)
        assert np.array_equal(shared.cuts(every, view), alone.cuts(every, view))


def test_features_from_two_nodes_equal_those_of_one_machine(
    cluster_settings: Settings,
    nodes: list[Any],
    many_shapes: ImportedDataset,
    views_here: list[int],
    tmp_path: Path,
) -> None:
    shared_extraction = SharedExtraction(many_shapes, cluster_settings, tmp_path / "together")
    shared_extraction.share_out()
    assert 0 < sum(views_here) < 240
    shared_extraction.compare_with_one_machine(tmp_path / "alone")
    assert shared_extraction.events == sorted(shared_extraction.events)
    assert shared_extraction.events[-1] == 120


def test_a_node_that_dies_loses_no_picture(
    cluster_settings: Settings,
    many_shapes: ImportedDataset,
    ray_head: Any,
    nodes: list[Any],
    views_here: list[int],
    tmp_path: Path,
) -> None:
    shared_extraction = SharedExtraction(many_shapes, cluster_settings, tmp_path / "together")
    killed: list[int] = []

    def kill(done: int) -> None:
        if not killed and done >= 8:
            killed.append(done)
            ray_head.remove_node(nodes[0], allow_graceful=False)

    shared_extraction.share_out(kill)
    assert killed and killed[0] < 120 and sum(views_here) < 240
    shared_extraction.compare_with_one_machine(tmp_path / "alone")


def test_a_machine_without_the_pictures_extracts_too(
    cluster_settings: Settings,
    isolated_node: Callable[[Path], None],
    many_shapes: ImportedDataset,
    views_here: list[int],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    isolated_node(tmp_path_factory.getbasetemp())
    shared_extraction = SharedExtraction(many_shapes, cluster_settings, tmp_path / "together")
    shared_extraction.share_out()
    assert sum(views_here) < 240
    shared_extraction.compare_with_one_machine(tmp_path / "alone")


@pytest.mark.parametrize(("limit", "largest"), [("SHARD_VIEWS", 8), ("SHARD_BYTES", 2)])
def test_a_shard_has_a_limited_number_of_views_and_bytes(
    cluster_settings: Settings,
    nodes: list[Any],
    many_shapes: ImportedDataset,
    views_here: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    largest: int,
) -> None:
    monkeypatch.setattr(extraction, limit, 8)
    SharedExtraction(many_shapes, cluster_settings, tmp_path / "together").share_out()
    assert set(views_here) == {largest}


def test_large_pictures_are_sent_in_shards_of_fewer(
    cluster_settings: Settings,
    nodes: list[Any],
    many_shapes: ImportedDataset,
    views_here: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extraction, "SHARD_BYTES", 1000)
    examples = tuple(
        example.model_copy(update={"size": 1 if number < 60 else 1000})
        for number, example in enumerate(many_shapes.dataset.examples)
    )
    uneven = many_shapes.dataset.model_copy(update={"examples": examples})
    imported = ImportedDataset(uneven, many_shapes.pictures)
    SharedExtraction(imported, cluster_settings, tmp_path / "together").share_out()
    assert set(views_here) <= {8, 2}


@pytest.fixture
def without_free_nodes(
    cluster_settings: Settings,
    busy_nodes: None,
    many_shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> SharedExtraction:
    """An extraction on a cluster whose nodes work for others, and that waits for none of them."""
    monkeypatch.setattr(extraction, "LATE_SECONDS", 0.0)
    return SharedExtraction(many_shapes, cluster_settings, tmp_path / "together")


def test_shards_that_get_no_core_are_computed_here(
    without_free_nodes: SharedExtraction, views_here: list[int], tmp_path: Path
) -> None:
    without_free_nodes.share_out()
    assert sum(views_here) == 240
    without_free_nodes.compare_with_one_machine(tmp_path / "alone")


def test_an_unreadable_picture_is_refused_as_on_one_machine(
    cluster_settings: Settings, nodes: list[Any], tmp_path: Path
) -> None:
    imported = import_dataset(tmp_path / "taken", classes=3, per_class=40)
    for example in imported.dataset.examples[::3]:
        (imported.pictures / example.path).write_bytes(b"no picture")
    shared_extraction = SharedExtraction(imported, cluster_settings, tmp_path / "together")
    with pytest.raises(BadImage) as refusal:
        shared_extraction.share_out()
    assert "Traceback" not in str(refusal.value) and "ray" not in str(refusal.value).lower()


def test_a_cancelled_extraction_leaves_the_cluster(
    cluster_settings: Settings, nodes: list[Any], many_shapes: ImportedDataset, tmp_path: Path
) -> None:
    import ray

    shared_extraction = SharedExtraction(many_shapes, cluster_settings, tmp_path / "together")

    def stop(_done: int) -> None:
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        shared_extraction.share_out(stop)
    assert not ray.is_initialized()


def test_a_cancelled_extraction_drops_the_shards_that_wait_for_a_core(
    without_free_nodes: SharedExtraction, views_here: list[int]
) -> None:
    before = 0

    def stop(done: int) -> None:
        nonlocal before
        before = len(views_here)
        if done:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        without_free_nodes.share_out(stop)
    assert len(views_here) <= before + without_free_nodes.engine.callers


def test_a_training_over_two_nodes_has_the_report_of_one_machine(
    cluster_settings: Settings,
    nodes: list[Any],
    many_shapes: ImportedDataset,
    views_here: list[int],
    tmp_path: Path,
) -> None:
    quick = tiny_config("quick")
    distributed = train(many_shapes, quick, tmp_path / ("a" * 32), cluster_settings)
    assert sum(views_here) < len(many_shapes.dataset.examples)
    local_settings = cluster_settings.model_copy(update={"runner": "local"})
    local = train(many_shapes, quick, tmp_path / ("b" * 32), local_settings)
    assert distributed.run.report() == local.run.report()


def test_without_a_cluster_features_are_extracted_locally(
    tiny: Backbone,
    settings: Settings,
    many_shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extraction, "SHARD_VIEWS", 8)
    nowhere = settings.model_copy(update={"runner": "ray", "ray_address": "127.0.0.1:9"})
    trained_run = train(many_shapes, tiny_config("quick"), tmp_path / ("c" * 32), nowhere)
    assert trained_run.run.complete


def _say_nothing(_event: Event) -> None:
    pass
