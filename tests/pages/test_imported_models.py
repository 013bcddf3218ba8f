"""A bundle that is dropped on the page becomes a model that answers there."""

import csv
import io
import shutil
import zipfile
from collections.abc import Callable

import pytest

from core import runs
from core.bundles import imported, rebuild
from core.errors import TuskerError
from core.export import packing
from core.jobs import JobFolder, scheduling
from core.jobs.folder import Order
from core.pipeline.worker import work
from core.predict import lookup
from core.runs.run import Run
from core.settings import Settings
from tests.pages.conftest import NAMES
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded
from ui import state


@pytest.fixture
def packed(run_in: Callable[..., Run], host: Settings) -> bytes:
    """The bundle of a run that is gone since."""
    run = run_in()
    content = packing.pack(run, host)
    runs.delete(run)
    return content


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that lack what they answer with, and no worker that would make it."""
    monkeypatch.setattr(rebuild, "ready", lambda *_: False)
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)


def _bring(visitor: Visitor, content: bytes, name: str = "=flowers_<b>.zip") -> Visitor:
    _open(visitor.open())
    (uploader,) = [u for u in visitor.at.file_uploader if u.label == "Drop a bundle here"]
    uploader.set_value((name, content, "application/zip"))
    return visitor.see()


def _ask(visitor: Visitor, *files: tuple[str, bytes]) -> Visitor:
    """Give pictures; the uploader for bundles is closed."""
    return visitor.give(*files)


def test_it_is_in_the_list_chosen_and_answers(
    visitor: Visitor, packed: bytes, host: Settings, picture: Callable[[int], bytes]
) -> None:
    _bring(visitor, packed)
    (made,) = imported.list_models(host)
    chosen = visitor.at.selectbox[0]
    assert chosen.value == made.id
    assert "=flowers_<b> · brought here, 4 classes" in chosen.options
    assert visitor.at.query_params[state.WANTED] in (made.id, [made.id])
    assert "From a bundle, so not scored here · EfficientNet-Lite0" in visitor.reads()
    assert "Drop a bundle here" not in [u.label for u in visitor.at.file_uploader]
    _ask(visitor, ("circle.jpg", picture(0)))
    classifier = lookup.find(made.id, host)
    best = classifier.top(classifier.answer(classifier.load(picture(0))).probabilities, 1)[0]
    assert visitor.charts()[0].startswith(best.label)
    assert "4 classes" in visitor.reads()


@pytest.mark.parametrize("page", ["reports", "predict", "train"])
def test_a_host_that_woke_with_an_empty_disk_says_so_and_a_bundle_brings_the_model_back(
    page: str,
    run_in: Callable[..., Run],
    host: Settings,
    picture: Callable[[int], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUSKER_MODE", "public")
    run = run_in()
    content = packing.pack(run, host)
    shutil.rmtree(host.home)
    visitor = Visitor().open(page, run=run.id)
    assert "No run with this id is on this machine." in visitor.reads()
    assert "has forgotten its disk" in visitor.reads()
    _ask(_bring(visitor, content), ("circle.jpg", picture(0)))
    assert "4 classes" in visitor.reads()
    assert visitor.charts()


def test_it_answers_many_pictures_as_a_table(
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


def test_its_threshold_is_set_on_the_page(
    visitor: Visitor, packed: bytes, host: Settings, picture: Callable[[int], bytes]
) -> None:
    _ask(_bring(visitor, packed), ("circle.jpg", picture(0)))
    (made,) = imported.list_models(host)
    assert "Not sure. Its best guess" not in visitor.reads()
    visitor.at.slider(key=f"threshold {made.id}").set_value(100)
    visitor.see()
    assert made.annotations().threshold == 1.0
    assert "Not sure. Its best guess" in visitor.reads() or "Unlike anything" in visitor.reads()


def test_it_can_be_deleted(visitor: Visitor, packed: bytes, host: Settings) -> None:
    _bring(visitor, packed).press("Delete this model")
    assert imported.list_models(host) == ()
    assert visitor.at.selectbox[0].value == "efficientnet-lite0"
    assert not [option for option in visitor.at.selectbox[0].options if "brought" in option]


def test_what_is_no_bundle_is_refused_in_a_sentence(visitor: Visitor, host: Settings) -> None:
    _bring(visitor, b"no zip at all")
    assert "Expected a bundle, the zip that a report offers to download" in visitor.reads()
    assert not imported.folder(host).exists()
    assert visitor.at.selectbox[0].value == "efficientnet-lite0"
    _bring(visitor, b"PK\3\4 neither")
    assert "The end of this zip is missing or damaged" in visitor.reads()


def test_a_refusal_is_forgotten_with_the_next_bundle(visitor: Visitor, packed: bytes) -> None:
    _bring(_bring(visitor, b"no zip at all"), packed)
    assert "Expected a bundle" not in _open(visitor).reads()


def test_while_its_network_is_built_the_page_says_how_far_it_is(
    visitor: Visitor, packed: bytes, host: Settings, unbuilt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bring(visitor, packed)
    assert "Its network is being built here" in visitor.reads()
    (made,) = imported.list_models(host)
    monkeypatch.setattr(rebuild, "rebuild", lambda *_: None)
    work(JobFolder(made.path), host)
    monkeypatch.undo()
    assert "being built" not in visitor.see().reads()


def test_a_network_that_could_not_be_built_says_why_and_can_be_tried_again(
    visitor: Visitor, packed: bytes, host: Settings, unbuilt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bring(visitor, packed)
    (made,) = imported.list_models(host)

    def fail(*_: object) -> None:
        raise TuskerError("The *weights* could not be had.")

    monkeypatch.setattr(rebuild, "rebuild", fail)
    with pytest.raises(TuskerError):
        work(JobFolder(made.path), host)
    visitor.see()
    assert "The *weights* could not be had." in visitor.reads()
    visitor.press("Try again")
    assert "Its network is being built here" in visitor.reads()


def test_a_cancelled_build_can_be_begun_again(
    visitor: Visitor, packed: bytes, host: Settings, unbuilt: None
) -> None:
    _bring(visitor, packed)
    (made,) = imported.list_models(host)
    scheduling.cancel(made.job, host)
    assert "Its network has yet to be built here." in visitor.see().reads()
    visitor.press("Build it")
    assert "Its network is being built here" in visitor.reads()


def test_where_too_many_wait_already_the_page_says_so(
    visitor: Visitor, packed: bytes, host: Settings, unbuilt: None
) -> None:
    small = host.model_copy(update={"queue_length": 1})
    scheduling.enqueue(host.home / "other", Order(kind="import"), small)
    visitor.open()
    from ui import resources

    resources.settings.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUSKER_QUEUE_LENGTH", "1")
        _bring(visitor, packed)
    assert "The queue is full" in visitor.reads()
    assert imported.list_models(host) == ()


def test_on_a_public_host_it_is_seen_by_whoever_brought_it_and_by_who_holds_the_link(
    packed: bytes, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSKER_MODE", "public")
    mine = _bring(Visitor(), packed)
    (made,) = imported.list_models(host)
    assert mine.at.selectbox[0].value == made.id
    assert "Delete this model" in mine.buttons()
    other = Visitor().open()
    assert not [option for option in other.at.selectbox[0].options if "brought" in option]
    linked = Visitor().open("predict", **{state.WANTED: made.id})
    assert linked.at.selectbox[0].value == made.id
    assert "Delete this model" not in linked.buttons()
    assert "deleted here 2 hours after" in _open(mine).reads()


def test_in_personal_mode_everybody_on_the_machine_sees_it(packed: bytes, host: Settings) -> None:
    _bring(Visitor(), packed)
    other = Visitor().open()
    assert [option for option in other.at.selectbox[0].options if "brought here" in option]


def test_a_link_to_one_that_is_gone_leads_to_the_default(visitor: Visitor) -> None:
    visitor.open("predict", **{state.WANTED: "0" * 32})
    assert visitor.at.selectbox[0].value == "efficientnet-lite0"


def test_a_damaged_one_is_not_offered(visitor: Visitor, packed: bytes, host: Settings) -> None:
    _bring(visitor, packed)
    (made,) = imported.list_models(host)
    (made.path / "model.json").write_text("{")
    assert visitor.see().at.selectbox[0].value == "efficientnet-lite0"


def test_names_of_classes_are_shown_as_they_are(visitor: Visitor, packed: bytes) -> None:
    _ask(_bring(visitor, packed), ("circle.jpg", encoded(draw(0, 999, size=200))))
    assert any(name in visitor.charts()[0] for name in NAMES)


def _open(visitor: Visitor) -> Visitor:
    given = visitor.at.query_params.get(state.WANTED, "")
    wanted = given if isinstance(given, str) else given[0]
    visitor.at.session_state[f"{state.BRINGING} {wanted}"] = True
    return visitor.see()
