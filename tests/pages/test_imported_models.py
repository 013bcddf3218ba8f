"""A bundle that is dropped on the page becomes a model that answers there."""

import csv
import io
import shutil
import zipfile
from collections.abc import Callable

import pytest

from core.bundles import ImportedModel, imported
from core.errors import TuskerError
from core.jobs import JobFolder, scheduling
from core.jobs.folder import JobSpec
from core.pipeline.worker import work
from core.predict import lookup
from core.runs.run import Run
from core.settings import Settings
from tests.core import trainings
from tests.pages.conftest import NAMES
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded
from ui import state


@pytest.fixture
def packed(run_in: Callable[..., Run], host: Settings) -> bytes:
    """The bundle of a run that is gone since."""
    run = run_in()
    content = trainings.packed(run, host)
    shutil.rmtree(run.path)
    return content


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that lack what they answer with, and no worker that would make it."""
    monkeypatch.setattr(ImportedModel, "ready", lambda *_: False)
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)


def _bring(visitor: Visitor, content: bytes, name: str = "=flowers_<b>.zip") -> Visitor:
    _open(visitor.open())
    (uploader,) = [u for u in visitor.at.file_uploader if u.label == "Drop a bundle here"]
    uploader.set_value((name, content, "application/zip"))
    return visitor.see()


def _ask(visitor: Visitor, *files: tuple[str, bytes]) -> Visitor:
    """Give pictures; the uploader for bundles is closed."""
    return visitor.give(*files)


def test_an_imported_model_is_chosen_and_answers(
    visitor: Visitor, packed: bytes, host: Settings, picture: Callable[[int], bytes]
) -> None:
    _bring(visitor, packed)
    (made,) = imported.list_models(host)
    chosen = visitor.at.selectbox[0]
    assert chosen.value == made.id
    assert "=flowers_<b> · imported, 4 classes" in chosen.options
    assert visitor.at.query_params[state.MODEL] in (made.id, [made.id])
    assert "From a bundle, not evaluated here · EfficientNet-Lite0" in visitor.reads()
    assert "Drop a bundle here" not in [u.label for u in visitor.at.file_uploader]
    _ask(visitor, ("circle.jpg", picture(0)))
    classifier = lookup.find(made.id, host)
    best = classifier.top(classifier.answer(classifier.load(picture(0))).probabilities, 1)[0]
    assert visitor.bars()[0].startswith(best.label)
    assert "4 classes" in visitor.reads()


@pytest.mark.parametrize("page", ["reports", "predict", "train"])
def test_after_a_host_lost_its_disk_a_bundle_restores_the_model(
    page: str,
    run: Run,
    host: Settings,
    picture: Callable[[int], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUSKER_MODE", "public")
    content = trainings.packed(run, host)
    shutil.rmtree(host.home)
    visitor = Visitor().open(page, run=run.id)
    assert "No run with this id is on this machine." in visitor.reads()
    assert "has forgotten its disk" in visitor.reads()
    _ask(_bring(visitor, content), ("circle.jpg", picture(0)))
    assert "4 classes" in visitor.reads()
    assert visitor.bars()


def test_an_imported_model_answers_many_pictures(
    visitor: Visitor, packed: bytes, picture: Callable[[int], bytes]
) -> None:
    _bring(visitor, packed)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.jpg", encoded(draw(number % 2, 900 + number)))
    _ask(visitor, ("many.zip", buffer.getvalue()))
    visitor.until(lambda: "CSV" in visitor.buttons())
    rows = list(csv.DictReader(io.StringIO(visitor.download("CSV").decode())))
    assert len(rows) == 6


def test_the_threshold_of_an_imported_model_is_set_on_the_page(
    visitor: Visitor, packed: bytes, host: Settings, picture: Callable[[int], bytes]
) -> None:
    _ask(_bring(visitor, packed), ("circle.jpg", picture(0)))
    (made,) = imported.list_models(host)
    assert "Not sure. The best answer" not in visitor.reads()
    visitor.at.slider(key=f"threshold {made.id}").set_value(100)
    visitor.see()
    assert made.annotations().threshold == 1.0
    assert (
        "Not sure. The best answer" in visitor.reads() or "Not like the training" in visitor.reads()
    )


def test_a_file_that_is_not_a_bundle_is_refused(visitor: Visitor, host: Settings) -> None:
    _bring(visitor, b"no zip at all")
    assert "Expected a bundle, the zip that a report offers to download" in visitor.reads()
    assert not imported.folder(host).exists()
    assert visitor.at.selectbox[0].value == "efficientnet-lite0"
    _bring(visitor, b"PK\3\4 neither")
    assert "The end of this zip is missing or damaged" in visitor.reads()


def test_a_refusal_disappears_with_the_next_bundle(visitor: Visitor, packed: bytes) -> None:
    _bring(_bring(visitor, b"no zip at all"), packed)
    assert "Expected a bundle" not in _open(visitor).reads()


def test_building_a_network_is_shown(
    visitor: Visitor, packed: bytes, host: Settings, unbuilt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bring(visitor, packed)
    assert "must be built here once" in visitor.reads()
    (made,) = imported.list_models(host)
    monkeypatch.setattr(ImportedModel, "build", lambda *_: None)
    work(JobFolder(made.path), host)
    monkeypatch.undo()
    assert "must be built" not in visitor.see().reads()


def test_a_failed_build_says_why_and_can_be_started_again(
    visitor: Visitor, packed: bytes, host: Settings, unbuilt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bring(visitor, packed)
    (made,) = imported.list_models(host)

    def fail(*_: object) -> None:
        raise TuskerError("The *weights* could not be had.")

    monkeypatch.setattr(ImportedModel, "build", fail)
    with pytest.raises(TuskerError):
        work(JobFolder(made.path), host)
    visitor.see()
    assert "The *weights* could not be had." in visitor.reads()
    visitor.press("Try again")
    assert "must be built here once" in visitor.reads()


def test_a_cancelled_build_can_be_started_again(
    visitor: Visitor, packed: bytes, host: Settings, unbuilt: None
) -> None:
    _bring(visitor, packed)
    (made,) = imported.list_models(host)
    scheduling.cancel(made.job, host)
    assert "must be built here once" in visitor.see().reads()
    visitor.press("Build it")
    assert "must be built here once" in visitor.reads()


def test_a_full_queue_refuses_a_bundle(
    visitor: Visitor, packed: bytes, host: Settings, unbuilt: None
) -> None:
    small = host.model_copy(update={"queue_length": 1})
    scheduling.enqueue(host.home / "other", JobSpec(kind="adopt"), small)
    visitor.open()
    from ui import resources

    resources.settings.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUSKER_QUEUE_LENGTH", "1")
        _bring(visitor, packed)
    assert "The queue is full" in visitor.reads()
    assert imported.list_models(host) == ()


def test_on_a_public_host_an_imported_model_is_visible_to_its_owner_and_by_its_link(
    packed: bytes, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSKER_MODE", "public")
    mine = _bring(Visitor(), packed)
    (made,) = imported.list_models(host)
    assert mine.at.selectbox[0].value == made.id
    assert "Delete this model" in mine.buttons()
    other = Visitor().open()
    assert not [option for option in other.at.selectbox[0].options if "imported" in option]
    linked = Visitor().open("predict", **{state.MODEL: made.id})
    assert linked.at.selectbox[0].value == made.id
    assert "Delete this model" not in linked.buttons()
    assert "deleted here 2 hours after" in _open(mine).reads()


def test_in_personal_mode_an_imported_model_is_visible_to_all(
    packed: bytes, host: Settings
) -> None:
    _bring(Visitor(), packed)
    other = Visitor().open()
    assert [option for option in other.at.selectbox[0].options if "imported" in option]


def test_names_of_classes_are_shown_as_they_are(visitor: Visitor, packed: bytes) -> None:
    _ask(_bring(visitor, packed), ("circle.jpg", encoded(draw(0, 999, size=200))))
    assert any(name in visitor.bars()[0] for name in NAMES)


def _open(visitor: Visitor) -> Visitor:
    given = visitor.at.query_params.get(state.MODEL, "")
    wanted = given if isinstance(given, str) else given[0]
    visitor.at.session_state[f"{state.IMPORTING} {wanted}"] = True
    return visitor.see()


@pytest.mark.parametrize("how", ["deleted", "damaged"])
def test_a_deleted_or_damaged_model_is_not_offered(
    visitor: Visitor, packed: bytes, host: Settings, how: str
) -> None:
    _bring(visitor, packed)
    (model,) = imported.list_models(host)
    if how == "deleted":
        visitor.press("Delete this model")
        assert imported.list_models(host) == ()
    else:
        (model.path / "model.json").write_text("{")
    visitor.open("predict", **{state.MODEL: model.id})
    assert visitor.at.selectbox[0].value == "efficientnet-lite0"
    assert not [option for option in visitor.at.selectbox[0].options if "imported" in option]
