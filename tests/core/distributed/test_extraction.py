"""The one pass shared out among two nodes, which make of it what one machine does."""

import errno
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import backbones, dataset
from core.backbones import Backbone
from core.distributed import extraction, machines, transfer
from core.errors import BadImage, Cancelled
from core.jobs.events import Event
from core.settings import Settings
from core.training import engines, features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.context import TrainingContext
from tests.core.trainings import Taken, asked_for, take_in, train

TWO_VIEWS = Augmentation(views=2)


@pytest.fixture(scope="module")
def many_shapes(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    return take_in(tmp_path_factory.mktemp("shapes"), classes=3, per_class=40)


@pytest.fixture
def spread(
    ray_head: Any, tiny: Backbone, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a host with a cluster, whose shards are of four pictures."""
    monkeypatch.setattr(extraction, "PICTURES", 4)
    return settings.model_copy(update={"runner": "ray", "ray_address": ray_head.address})


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket of a server that speaks as S3 does."""
    server = pytest.importorskip("moto.server", reason="moto is not installed: `make cluster`")
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("s3fs", reason="s3fs is not installed: `make cluster`")
    running = server.ThreadedMotoServer(port=0)
    running.start()
    host, port = running.get_host_and_port()
    known = {"endpoint_url": f"http://{host}:{port}", "key": "some", "secret": "thing"}
    monkeypatch.setitem(fsspec.config.conf, "s3", known)
    for name, value in known.items():
        monkeypatch.setenv(f"FSSPEC_S3_{name.upper()}", value)  # for nodes that begin now
    storage = fsspec.filesystem("s3")
    storage.mkdir("landing")
    yield "s3://landing"
    storage.rm("landing", recursive=True)
    running.stop()


@pytest.fixture
def filed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where features had landed that were filed."""
    addresses: list[str] = []
    file = extraction.SharedPass._store

    def filing(sharing: Any, landed: str) -> None:
        file(sharing, landed)
        addresses.append(landed)

    monkeypatch.setattr(extraction.SharedPass, "_store", filing)
    return addresses


class Passed:
    """A pass over all pictures, shared out, with what was said of its progress."""

    def __init__(self, taken: Taken, spread: Settings, cache: Path) -> None:
        self.said: list[int] = []
        self.context = TrainingContext(
            asked_for("balanced"),
            dataset.split(taken.dataset, validation=0.2, test=0.2, seed=0),
            taken.pictures,
            backbones.get("tiny"),
            spread,
            FeatureCache(cache),
            _say_nothing,
        )
        self.engine = engines.litert(self.context.network, 0)

    def share_out(self, happens: Any = None) -> None:
        def progress(done: int, total: int) -> None:
            self.said.append(done)
            if happens is not None:
                happens(done)

        examples = self.context.dataset.examples
        extraction.extract_on_cluster(self.context, examples, TWO_VIEWS, self.engine, progress)

    def extract(self) -> features.Features:
        return _extract(self.context, self.engine, self.context.cache)


def test_features_from_two_nodes_are_those_of_one_machine(
    spread: Settings, nodes: list[Any], many_shapes: Taken, filed: list[str], tmp_path: Path
) -> None:
    passed = Passed(many_shapes, spread, tmp_path / "together")
    passed.share_out()
    assert filed
    together = passed.extract()
    alone = _extract(passed.context, passed.engine, FeatureCache(tmp_path / "alone"))
    assert (together.passed, alone.passed) == (0, 240)
    assert np.array_equal(together.embeddings, alone.embeddings)
    every, view = np.arange(120), np.ones(120, np.int64)
    assert np.array_equal(together.cuts(every, view), alone.cuts(every, view))
    assert passed.said == sorted(passed.said) and passed.said[-1] == 120
    assert not (tmp_path / "together" / "shards").exists()


@pytest.mark.parametrize("stored", [False, True])
def test_a_node_that_dies_costs_no_picture(
    spread: Settings,
    many_shapes: Taken,
    ray_head: Any,
    nodes: list[Any],
    filed: list[str],
    tmp_path: Path,
    stored: bool,
) -> None:
    if stored:
        spread = _stored(spread, tmp_path)
    passed = Passed(many_shapes, spread, tmp_path / "together")
    killed: list[int] = []

    def kill(done: int) -> None:
        if not killed and done >= 8:
            killed.append(done)
            ray_head.remove_node(nodes[0], allow_graceful=False)

    passed.share_out(kill)
    assert killed and killed[0] < 120 and filed
    together = passed.extract()
    alone = _extract(passed.context, passed.engine, FeatureCache(tmp_path / "alone"))
    assert together.passed == 0
    assert np.array_equal(together.embeddings, alone.embeddings)


def test_machines_that_share_no_folder_hand_features_over_by_storage(
    spread: Settings,
    stranger: Callable[[Path], None],
    many_shapes: Taken,
    filed: list[str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        stranger(tmp_path_factory.getbasetemp())
        _hands_over(spread, Path(name).as_uri(), many_shapes, tmp_path)
        assert filed and all(landed.startswith("file://") for landed in filed)
        assert not list(Path(name).iterdir())


def test_a_machine_that_does_not_reach_the_folder_is_asked_once(
    spread: Settings,
    stranger: Callable[[Path], None],
    many_shapes: Taken,
    filed: list[str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    avoided: list[machines.UnreachableNode] = []
    monkeypatch.setattr(machines.Machines, "avoid", _listening(machines.Machines.avoid, avoided))
    stranger(tmp_path_factory.getbasetemp())
    passed = Passed(many_shapes, spread, tmp_path / "together")
    passed.share_out()
    assert 1 <= len(avoided) <= extraction.SHARDS_PER_CORE and not filed
    assert passed.extract().passed == 0


def test_features_land_in_a_bucket(
    spread: Settings,
    bucket: str,
    ray_head: Any,
    many_shapes: Taken,
    filed: list[str],
    tmp_path: Path,
) -> None:
    import fsspec

    ray_head.add_node(num_cpus=1)
    _hands_over(spread, f"{bucket}/features", many_shapes, tmp_path)
    assert filed and all(landed.startswith(bucket) for landed in filed)
    storage, root = fsspec.url_to_fs(bucket)
    assert not storage.find(root)


@pytest.mark.cluster
def test_a_bucket_that_is_not_there_is_not_made(bucket: str) -> None:
    import fsspec

    with pytest.raises(FileNotFoundError):
        transfer.prepare("s3://lending/some/pass")
    storage, _ = fsspec.url_to_fs(bucket)
    assert storage.ls("") == [bucket.removeprefix("s3://")]


def test_storage_that_fails_half_way_leaves_the_rest_for_this_machine(
    spread: Settings,
    nodes: list[Any],
    many_shapes: Taken,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []

    def fail(*given: Any) -> str:
        if len(sent) == 3:
            raise OSError(errno.ENOSPC, "no space left")
        sent.append(send(*given))
        return sent[-1]

    send = extraction.shard.send
    monkeypatch.setattr(extraction.shard, "send", fail)
    stored = _stored(spread, tmp_path)
    passed = Passed(many_shapes, stored, tmp_path / "together")
    passed.share_out()
    assert len(sent) == 3
    together = passed.extract()
    alone = _extract(passed.context, passed.engine, FeatureCache(tmp_path / "alone"))
    assert together.passed > 0
    assert np.array_equal(together.embeddings, alone.embeddings)
    assert not list(Path(stored.storage).iterdir())


def test_a_shard_is_of_so_many_pictures_or_bytes_at_most(
    many_shapes: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "BYTES", 1000)
    one = many_shapes.dataset.examples[0]
    sizes = [10] * 130 + [600, 600, 5000, 10, 980, 20]
    cut = extraction._shards([one.model_copy(update={"size": size}) for size in sizes])
    assert [[example.size for example in shard] for shard in cut] == [
        [10] * 100,
        [10] * 30 + [600],
        [600],
        [5000],
        [10, 980],
        [20],
    ]
    monkeypatch.setattr(extraction, "BYTES", 10**6)
    assert [len(shard) for shard in extraction._shards([one] * 300)] == [128, 128, 44]


def test_where_storage_takes_nothing_the_pass_is_made_here(
    spread: Settings, many_shapes: Taken, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    full = spread.model_copy(update={"storage": str(tmp_path / "file")})
    passed = Passed(many_shapes, full, tmp_path / "together")
    passed.share_out()
    assert not passed.said
    assert passed.extract().passed == 240


def _stored(spread: Settings, folder: Path) -> Settings:
    """A host with storage of its own."""
    (folder / "landing").mkdir()
    return spread.model_copy(update={"storage": str(folder / "landing")})


def _listening(method: Callable[..., Any], heard: list[Any]) -> Callable[..., Any]:
    def listen(self: Any, given: Any) -> Any:
        heard.append(given)
        return method(self, given)

    return listen


def _hands_over(spread: Settings, storage: str, taken: Taken, tmp_path: Path) -> None:
    """Fails unless features that come by that storage are those of one machine."""
    there = spread.model_copy(update={"storage": storage})
    passed = Passed(taken, there, tmp_path / "together")
    passed.share_out()
    together = passed.extract()
    alone = _extract(passed.context, passed.engine, FeatureCache(tmp_path / "alone"))
    assert (together.passed, alone.passed) == (0, 240)
    assert np.array_equal(together.embeddings, alone.embeddings)


def test_a_shard_that_cannot_be_read_is_looked_at_here(
    spread: Settings,
    nodes: list[Any],
    many_shapes: Taken,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed, add_features, spoiled = Passed(many_shapes, spread, tmp_path / "together"), [], []
    add_features.append(extraction.add_features)

    def spoil(source: FeatureCache, *more: Any) -> None:
        if not spoiled:
            spoiled.append(source.folder)
            for names in source.folder.rglob("pictures"):
                names.write_bytes(b"\xff" * 64 + b"\n")
        add_features[0](source, *more)

    monkeypatch.setattr(extraction, "add_features", spoil)
    passed.share_out()
    assert spoiled
    together = passed.extract()
    alone = _extract(passed.context, passed.engine, FeatureCache(tmp_path / "alone"))
    assert together.passed == 0
    assert np.array_equal(together.embeddings, alone.embeddings)


def test_a_picture_that_cannot_be_read_is_told_as_on_one_machine(
    spread: Settings, nodes: list[Any], tmp_path: Path
) -> None:
    taken = take_in(tmp_path / "taken", classes=3, per_class=40)
    for example in taken.dataset.examples[::3]:
        (taken.pictures / example.path).write_bytes(b"no picture")
    passed = Passed(taken, spread, tmp_path / "together")
    with pytest.raises(BadImage) as refusal:
        passed.share_out()
    assert "Traceback" not in str(refusal.value) and "ray" not in str(refusal.value).lower()


@pytest.mark.parametrize("stored", [False, True])
def test_a_cancelled_pass_leaves_the_cluster_and_no_shard(
    spread: Settings, nodes: list[Any], many_shapes: Taken, tmp_path: Path, stored: bool
) -> None:
    import ray

    if stored:
        spread = _stored(spread, tmp_path)
    passed = Passed(many_shapes, spread, tmp_path / "together")

    def stop(_done: int) -> None:
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        passed.share_out(stop)
    assert not ray.is_initialized()
    assert not (tmp_path / "together" / "shards").exists()
    assert not stored or not list((tmp_path / "landing").iterdir())


def test_a_training_over_two_nodes_ends_with_the_report_of_one_machine(
    spread: Settings, nodes: list[Any], many_shapes: Taken, filed: list[str], tmp_path: Path
) -> None:
    quick = asked_for("quick")
    together = train(many_shapes, quick, tmp_path / ("a" * 32), spread)
    assert filed
    one = spread.model_copy(update={"runner": "local"})
    alone = train(many_shapes, quick, tmp_path / ("b" * 32), one)
    assert together.run.report() == alone.run.report()


def test_where_there_is_no_cluster_the_pass_is_made_here(
    tiny: Backbone,
    settings: Settings,
    many_shapes: Taken,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extraction, "PICTURES", 4)
    nowhere = settings.model_copy(update={"runner": "ray", "ray_address": "127.0.0.1:9"})
    trained = train(many_shapes, asked_for("quick"), tmp_path / ("c" * 32), nowhere)
    assert trained.run.complete
    assert not list(tmp_path.rglob("shards"))


def _extract(
    context: TrainingContext, engine: engines.Engine, cache: FeatureCache
) -> features.Features:
    return features.extract(
        context.dataset.examples,
        context.pictures,
        context.backbone,
        TWO_VIEWS,
        engine,
        cache,
        seed=context.config.seed,
        crop=context.config.crop,
        progress=lambda _done, _total: None,
    )


def _say_nothing(_event: Event) -> None:
    pass
