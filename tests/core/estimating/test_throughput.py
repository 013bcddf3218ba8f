"""A second's look at some pictures tells how fast this machine is with all of them."""

import shutil
import time
from pathlib import Path

import pytest

from core import backbones
from core.backbones import Backbone, serving
from core.estimating import throughput
from core.jobs import JobFolder
from core.jobs.folder import Kind, Order
from core.pipeline import worker
from core.settings import Settings
from core.system import threads
from tests import shapes
from tests.core.trainings import Taken

DEFAULT = backbones.get(backbones.DEFAULT)
MISSING = backbones.get("resnet50")


@pytest.fixture
def folder(some_shapes: Taken, tmp_path: Path) -> Path:
    """The folder of an intake, with nothing measured yet."""
    folder = tmp_path / "intake"
    shutil.copytree(some_shapes.pictures.parent, folder)
    return folder


def test_every_part_is_measured_within_seconds(some_shapes: Taken, settings: Settings) -> None:
    examples = some_shapes.dataset.examples
    began = time.monotonic()
    found = throughput.take(examples, some_shapes.pictures, DEFAULT, settings)
    assert time.monotonic() - began < 30, "on a busy machine; alone it is about one"
    assert not found.scaled
    assert found.cores == threads.cores()
    assert found.view == found.standard
    # Shapes are a few thousand pixels, a view is millions of multiplications.
    assert found.decode < found.view < 1


def test_the_time_counted_is_that_of_the_processor(
    some_shapes: Taken, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = throughput.ServingModel.run

    def waiting(model: throughput.ServingModel, view: object) -> object:
        time.sleep(0.3)
        return run(model, view)  # type: ignore[arg-type]

    monkeypatch.setattr(throughput.ServingModel, "run", waiting)
    examples = some_shapes.dataset.examples
    found = throughput.take(examples, some_shapes.pictures, DEFAULT, settings)
    assert found.view < 0.1, "others had the processor meanwhile"
    assert found.crowding > 1.5


def test_a_single_picture_is_enough(some_shapes: Taken, settings: Settings) -> None:
    found = throughput.take(
        some_shapes.dataset.examples[:1], some_shapes.pictures, DEFAULT, settings
    )
    assert found.view > 0


def test_a_backbone_that_is_not_here_goes_by_the_table(
    some_shapes: Taken, settings: Settings
) -> None:
    examples = some_shapes.dataset.examples
    found = throughput.take(examples, some_shapes.pictures, MISSING, settings)
    assert found.scaled
    assert MISSING.milliseconds is not None and DEFAULT.milliseconds is not None
    ratio = MISSING.milliseconds / DEFAULT.milliseconds
    assert found.view == pytest.approx(ratio * found.standard)


def test_a_backbone_that_is_here_is_measured_itself(
    tiny: Backbone, some_shapes: Taken, settings: Settings
) -> None:
    found = throughput.take(some_shapes.dataset.examples, some_shapes.pictures, tiny, settings)
    assert not found.scaled
    assert found.view < found.standard


def test_what_was_measured_is_kept_with_the_pictures(folder: Path, settings: Settings) -> None:
    assert throughput.read(folder, DEFAULT, settings) is None
    throughput.measure(folder, DEFAULT, settings)
    found = throughput.read(folder, DEFAULT, settings)
    assert found is not None
    assert found.backbone == DEFAULT.name


def test_another_backbone_must_be_measured_only_if_it_is_here(
    folder: Path, tiny: Backbone, settings: Settings
) -> None:
    throughput.measure(folder, DEFAULT, settings)
    assert serving.locate(tiny, settings) is not None
    assert throughput.read(folder, tiny, settings) is None, "it can be measured"
    missing = throughput.read(folder, MISSING, settings)
    assert missing is not None
    assert missing.scaled


def test_a_backbone_measured_with_other_pictures_need_not_be_measured_again(
    folder: Path, tiny: Backbone, some_shapes: Taken, settings: Settings
) -> None:
    throughput.measure(folder, DEFAULT, settings)
    elsewhere = throughput.take(some_shapes.dataset.examples, some_shapes.pictures, tiny, settings)
    found = throughput.read(folder, tiny, settings)
    assert found is not None
    assert found.view == elsewhere.view
    assert not found.scaled


def test_pictures_that_have_gone_are_no_reason_to_fail(tmp_path: Path, settings: Settings) -> None:
    throughput.measure(tmp_path, DEFAULT, settings)
    assert throughput.read(tmp_path, DEFAULT, settings) is None


def test_the_folders_of_two_uploads_have_different_names(tmp_path: Path) -> None:
    names = {throughput.place(tmp_path / upload, "tiny").name for upload in ("one", "two")}
    assert len(names) == 2, "queues tell jobs apart by them"


def test_a_single_core_is_crowded_only_where_less_than_one_is_left() -> None:
    def of_one(crowding: float, cores: int) -> float:
        return throughput.Pace(
            backbone="tiny", decode=1, render=1, view=1, standard=1, cores=cores, crowding=crowding
        ).crowding_of_one

    assert of_one(1.0, cores=2) == 1.0
    assert of_one(2.0, cores=2) == 1.0, "half of two is one"
    assert of_one(4.0, cores=2) == 2.0


def test_an_upload_is_measured_by_its_own_job_and_another_backbone_by_one_more(
    tiny: Backbone, settings: Settings, tmp_path: Path
) -> None:
    upload = tmp_path / "upload"
    zipped = shapes.shapes_zip(tmp_path, classes=2, per_class=6)

    def done(folder: Path, kind: Kind, **arguments: str) -> None:
        job = JobFolder(folder)
        job.open(Order(kind=kind, arguments=arguments))
        worker.work(job, settings)

    done(upload, "intake", source=str(zipped), name="shapes")
    assert throughput.read(upload, DEFAULT, settings) is not None
    assert throughput.read(upload, tiny, settings) is None
    done(throughput.place(upload, "tiny"), "measure", upload=str(upload), backbone="tiny")
    assert throughput.read(upload, tiny, settings) is not None
