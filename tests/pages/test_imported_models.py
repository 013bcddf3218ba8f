"""A bundle that is dropped on the page becomes a model that answers there."""

import csv
import io
import shutil
from collections.abc import Callable

import pytest

from core.bundles import ImportedModel, imported
from core.errors import TuskerError
from core.jobs import scheduling
from core.jobs.folder import JobSpec
from core.pipeline.worker import run_job
from core.predict import lookup
from core.runs.run import Run
from core.settings import Settings
from tests.core import trainings
from tests.pages.conftest import NAMES
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded, zipped
from ui import state


@pytest.fixture
def bundle_content(run_in: Callable[..., Run], host: Settings) -> bytes:
    """The bundle of a run that is gone since."""
    run = run_in()
    content = trainings.bundle_bytes(run, host)
    shutil.rmtree(run.path)
    return content


@pytest.fixture
def never_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that lack what they answer with."""
    monkeypatch.setattr(ImportedModel, "ready", lambda *_: False)


@pytest.fixture
def unbuilt(
    visitor: Visitor, bundle_content: bytes, host: Settings, never_built: None
) -> ImportedModel:
    """A model that the visitor has imported and that is to be built."""
    _import(visitor, bundle_content)
    assert "must be prepared here once" in visitor.text()
    (model,) = imported.list_models(host)
    return model


def _import(visitor: Visitor, content: bytes, name: str = "=flowers_<b>.zip") -> Visitor:
    _open(visitor.open())
    (uploader,) = [u for u in visitor.at.file_uploader if u.label == "Drop a bundle here"]
    uploader.set_value((name, content, "application/zip"))
    return visitor.rerun()


def test_an_imported_model_is_chosen_and_answers(
    visitor: Visitor, bundle_content: bytes, host: Settings, picture: Callable[[int], bytes]
) -> None:
    _import(visitor, bundle_content)
    (imported_model,) = imported.list_models(host)
    chosen = visitor.at.selectbox[0]
    assert chosen.value == imported_model.id
    assert "=flowers_<b> · imported, 4 classes" in chosen.options
    assert visitor.at.query_params[state.MODEL] in (imported_model.id, [imported_model.id])
    assert "From a bundle, not evaluated here · EfficientNet-Lite0" in visitor.text()
    assert "Drop a bundle here" not in [u.label for u in visitor.at.file_uploader]
    visitor.upload(("circle.jpg", picture(0)))
    classifier = lookup.find(imported_model.id, host)
    best = classifier.top(classifier.answer(classifier.load(picture(0))).probabilities, 1)[0]
    assert visitor.bars()[0].startswith(best.label)
    assert any(name in visitor.bars()[0] for name in NAMES)
    assert "4 classes" in visitor.text()


@pytest.mark.parametrize("page", ["reports", "predict", "train"])
def test_after_a_host_lost_its_disk_a_bundle_restores_the_model(
    page: str, run: Run, host: Settings, picture: Callable[[int], bytes], public: None
) -> None:
    content = trainings.bundle_bytes(run, host)
    shutil.rmtree(host.home)
    visitor = Visitor().open(page, run=run.id)
    assert "No run with this id is on this machine." in visitor.text()
    assert "has forgotten its disk" in visitor.text()
    _import(visitor, content).upload(("circle.jpg", picture(0)))
    assert "4 classes" in visitor.text()
    assert visitor.bars()


def test_an_imported_model_answers_many_pictures(
    visitor: Visitor, bundle_content: bytes, picture: Callable[[int], bytes]
) -> None:
    _import(visitor, bundle_content)
    pictures = {f"{n}.jpg": encoded(draw(n % 2, 900 + n)) for n in range(6)}
    visitor.upload(("many.zip", zipped(pictures)))
    visitor.wait_until(lambda: "CSV" in visitor.buttons())
    rows = list(csv.DictReader(io.StringIO(visitor.download("CSV").decode())))
    assert len(rows) == 6


def test_the_threshold_of_an_imported_model_is_set_on_the_page(
    visitor: Visitor, bundle_content: bytes, host: Settings, picture: Callable[[int], bytes]
) -> None:
    _import(visitor, bundle_content).upload(("circle.jpg", picture(0)))
    (imported_model,) = imported.list_models(host)
    assert "Not sure. The best answer" not in visitor.text()
    visitor.at.slider(key=f"threshold {imported_model.id}").set_value(100)
    visitor.rerun()
    assert imported_model.annotations().threshold == 1.0
    assert (
        "Not sure. The best answer" in visitor.text() or "Not like the training" in visitor.text()
    )


def test_a_file_that_is_not_a_bundle_is_refused_until_the_next_one(
    visitor: Visitor, host: Settings, bundle_content: bytes
) -> None:
    _import(visitor, b"no zip at all")
    assert "Expected a bundle, the zip that a report offers to download" in visitor.text()
    assert not imported.folder(host).exists()
    assert visitor.at.selectbox[0].value == "efficientnet-lite0"
    _import(visitor, b"PK\3\4 neither")
    assert "The end of this zip is missing or damaged" in visitor.text()
    _import(visitor, bundle_content)
    assert "The end of this zip" not in _open(visitor).text()


def test_building_a_network_is_shown_until_it_is_built(
    visitor: Visitor, unbuilt: ImportedModel, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImportedModel, "build", lambda *_: None)
    run_job(unbuilt.job, host)
    monkeypatch.setattr(ImportedModel, "ready", lambda *_: True)
    assert "must be prepared" not in visitor.rerun().text()


def test_a_failed_build_says_why_and_can_be_started_again(
    visitor: Visitor, unbuilt: ImportedModel, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TuskerError("The *weights* could not be had.")

    monkeypatch.setattr(ImportedModel, "build", fail)
    with pytest.raises(TuskerError):
        run_job(unbuilt.job, host)
    visitor.rerun()
    assert "The *weights* could not be had." in visitor.text()
    visitor.press("Try again")
    assert "must be prepared here once" in visitor.text()


def test_a_cancelled_build_can_be_started_again(
    visitor: Visitor, unbuilt: ImportedModel, host: Settings
) -> None:
    scheduling.cancel(unbuilt.job, host)
    assert "must be prepared here once" in visitor.rerun().text()
    visitor.press("Prepare it")
    assert "must be prepared here once" in visitor.text()


def test_a_full_queue_refuses_a_bundle(
    visitor: Visitor, bundle_content: bytes, host: Settings, never_built: None
) -> None:
    small = host.model_copy(update={"queue_length": 1})
    scheduling.enqueue(host.home / "other", JobSpec(kind="adopt"), small)
    visitor.open()
    from ui import resources

    resources.settings.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUSKER_QUEUE_LENGTH", "1")
        _import(visitor, bundle_content)
    assert "The queue is full" in visitor.text()
    assert imported.list_models(host) == ()


def test_on_a_public_host_an_imported_model_is_visible_to_its_owner_and_by_its_link(
    bundle_content: bytes, host: Settings, public: None
) -> None:
    owner_visit = _import(Visitor(), bundle_content)
    (imported_model,) = imported.list_models(host)
    assert owner_visit.at.selectbox[0].value == imported_model.id
    assert "Delete this model" in owner_visit.buttons()
    other_visit = Visitor().open()
    assert not [option for option in other_visit.at.selectbox[0].options if "imported" in option]
    linked = Visitor().open("predict", **{state.MODEL: imported_model.id})
    assert linked.at.selectbox[0].value == imported_model.id
    assert "Delete this model" not in linked.buttons()
    assert "deleted here 2 hours after" in _open(owner_visit).text()


def test_in_personal_mode_an_imported_model_is_visible_to_all(
    bundle_content: bytes, host: Settings
) -> None:
    _import(Visitor(), bundle_content)
    other_visit = Visitor().open()
    assert [option for option in other_visit.at.selectbox[0].options if "imported" in option]


def _open(visitor: Visitor) -> Visitor:
    parameter = visitor.at.query_params.get(state.MODEL, "")
    model_id = parameter if isinstance(parameter, str) else parameter[0]
    visitor.at.session_state[f"{state.IMPORTING} {model_id}"] = True
    return visitor.rerun()


@pytest.mark.parametrize("change", ["deleted", "damaged"])
def test_a_deleted_or_damaged_model_is_not_offered(
    visitor: Visitor, bundle_content: bytes, host: Settings, change: str
) -> None:
    _import(visitor, bundle_content)
    (model,) = imported.list_models(host)
    if change == "deleted":
        visitor.press("Delete this model")
        assert imported.list_models(host) == ()
    else:
        (model.path / "model.json").write_text("{")
    visitor.open("predict", **{state.MODEL: model.id})
    assert visitor.at.selectbox[0].value == "efficientnet-lite0"
    assert not [option for option in visitor.at.selectbox[0].options if "imported" in option]
