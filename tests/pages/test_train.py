import io
import zipfile
from collections.abc import Callable

import pytest

from core import runs
from core.intake import uploads
from core.intake.uploads import Upload
from core.jobs import State
from core.jobs.queue import Queue
from core.runs import Run
from core.settings import Settings
from core.training import config
from tests.pages.conftest import NAMES
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded

STEPS = ("1 · Your pictures", "2 · How to learn", "3 · Start")


def _zip(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _steps(visitor: Visitor) -> list[str]:
    return [heading.value for heading in visitor.at.subheader]


def test_the_sample_is_taken_in_and_learned_from_at_a_press_each(
    visitor: Visitor, host: Settings, begun: Callable[[Visitor], Run]
) -> None:
    visitor.open("train")
    assert _steps(visitor) == [*STEPS[:1]]
    visitor.choose("Sample").press("Use the sample")
    found = visitor.at.query_params["upload"]
    visitor.until(lambda: _steps(visitor) == [*STEPS])
    assert "Handwritten digits · 10 classes · 600 pictures" in visitor.reads()
    assert len(visitor.at.image) >= 10, "a strip of pictures for each class"

    visitor.choose("Quick", "quick").press("Start learning")
    run = begun(visitor)
    assert "upload" not in visitor.at.query_params, (
        "the link of a run does not hand out its pictures"
    )
    assert run.pictures is not None and run.pictures.parent.name in found
    assert run.config() == config.preset("quick").model_copy(
        update={
            "preset": "custom",  # digits are not mirrored
            "augmentation": config.Augmentation(flip=False),
        }
    )
    assert "10 classes · 600 pictures" in visitor.reads()
    assert "Cancel" in visitor.buttons()
    visitor.press("Cancel")
    visitor.until(lambda: "cancelled" in visitor.reads())
    assert run.status(host).state is State.CANCELLED


def test_a_preset_is_learned_with_as_it_stands(
    visitor: Visitor, upload: Upload, begun: Callable[[Visitor], Run]
) -> None:
    visitor.open("train", upload=upload.id).choose("Thorough", "thorough").press("Start learning")
    assert begun(visitor).config() == config.preset("thorough")


def test_what_is_set_under_advanced_is_what_is_learned_with(
    visitor: Visitor, upload: Upload, begun: Callable[[Visitor], Run]
) -> None:
    visitor.open("train", upload=upload.id).choose("Balanced", "balanced")
    visitor.fill("Batch size", 8).fill("Seed", 7).fill("Share for the test", 0.25)
    visitor.fill("Rotation (degrees)", 30.0).fill("Hidden layers", "64, 16")
    visitor.fill("Stages to unfreeze", 2).press("Start learning")
    asked = begun(visitor).config()
    assert asked.preset == "custom"
    assert (asked.batch_size, asked.seed, asked.test) == (8, 7, 0.25)
    assert asked.augmentation.rotation == 30
    assert asked.head.hidden == (64, 16)
    assert asked.unfreeze.stages == 2
    balanced = config.preset("balanced")
    assert asked.fine_tune_phase == balanced.fine_tune_phase, "the rest is the preset's"
    assert asked.head_phase == balanced.head_phase


def test_settings_that_do_not_fit_together_say_so_and_cannot_be_started(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id).fill("Hidden layers", "64, many")
    assert visitor.button("Start learning").disabled
    assert visitor.at.error
    visitor.fill("Hidden layers", "64")
    assert not visitor.button("Start learning").disabled
    assert not visitor.at.error


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no zip at all", "zip"),
        (_zip(**{f"{n}.jpg": encoded(draw(0, n)) for n in range(9)}), "class folders"),
    ],
    ids=["no zip", "no folders"],
)
def test_a_bad_zip_is_refused_in_a_sentence_and_others_can_be_chosen(
    visitor: Visitor, content: bytes, why: str
) -> None:
    visitor.open("train").give(("flowers.zip", content))
    visitor.until(lambda: visitor.at.error)
    (refusal,) = visitor.at.error
    assert why in refusal.value
    assert refusal.value.rstrip().endswith(("\\.", "…")), "a sentence"
    assert "Traceback" not in visitor.reads()
    assert _steps(visitor) == [*STEPS[:1]]
    visitor.press("Choose other pictures")
    assert "upload" not in visitor.at.query_params
    assert visitor.at.file_uploader


def test_files_that_were_left_out_are_listed_with_the_reason(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    (label,) = [e.label for e in visitor.at.expander if "1 file" in e.label]
    assert "left out" in label or "skipped" in label
    ((file, why),) = visitor.table("file", "why")
    assert file.endswith("=broken.jpg")
    assert why.endswith(".")
    listed = visitor.download("Download as CSV").decode()
    assert why in listed


def test_findings_are_said_with_the_pictures_and_what_can_be_done(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    sentences = [finding.sentence for finding in upload.intake().findings]
    assert sentences
    for sentence in sentences:
        assert sentence in visitor.reads()


def test_names_of_classes_are_shown_letter_by_letter(visitor: Visitor, upload: Upload) -> None:
    visitor.open("train", upload=upload.id)
    assert set(upload.intake().dataset.classes) == set(NAMES)
    for name in NAMES:
        assert name in visitor.reads()
        assert not [text for text in visitor.marked() if name in text], "it would be rendered"


def test_pictures_that_were_deleted_meanwhile_are_asked_for_again(visitor: Visitor) -> None:
    visitor.open("train", upload="0" * 32)
    assert "no longer here" in visitor.reads()
    assert visitor.at.file_uploader


def test_a_full_queue_is_said_and_nothing_is_begun(
    visitor: Visitor, upload: Upload, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.open("train", upload=upload.id)

    def full(*_: object, **__: object) -> None:
        raise uploads.LimitExceeded("The queue is full.")

    monkeypatch.setattr("ui.launch.enqueue", full)
    visitor.press("Start learning")
    assert "The queue is full." in visitor.reads()
    assert "run" not in visitor.at.query_params
    assert not runs.list_runs(host)


def test_where_a_visitor_has_used_up_their_share_it_is_said_and_nothing_is_begun(
    visitor: Visitor, upload: Upload, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spent(*_: object) -> None:
        raise uploads.LimitExceeded("At most 9 minutes.")

    visitor.open("train", upload=upload.id)
    monkeypatch.setattr("core.jobs.quotas.check_minutes", spent)
    visitor.press("Start learning")
    assert "At most 9 minutes." in visitor.reads()
    assert not runs.list_runs(host)


def test_a_finished_run_leads_on_to_trying_it_and_to_its_report(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    visitor.open("train", run=run.id)
    assert f"of {run.report().pictures} pictures it had never seen" in visitor.reads()
    assert visitor.charts(), "its curves"
    visitor.press("Read the report")
    assert visitor.at.query_params["run"] == run.id
    assert run.report().headline in visitor.reads()
    visitor.open("train", run=run.id).press("Try it")
    assert visitor.at.selectbox[0].value == run.id


def test_while_the_files_to_download_are_made_the_page_says_so(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    run.job.begin()
    with run.job.lock().acquire():
        visitor.open("train", run=run.id)
        assert "files to download are" in visitor.reads()
        assert "Try it" in visitor.buttons(), "nobody has to wait for them"
        assert not visitor.at.download_button


def test_an_unknown_run_says_so_and_the_page_can_be_used(visitor: Visitor) -> None:
    visitor.open("train", run="0" * 32)
    assert "No run with this id" in visitor.reads()
    assert visitor.at.file_uploader


def test_a_remedy_is_taken_and_undone_at_a_press_each(visitor: Visitor) -> None:
    same = encoded(draw(0, size=64, seed=99))
    pictures = {
        f"{name}/{i}.png": encoded(draw(label, size=64, seed=i))
        for label, name in enumerate("ab")
        for i in range(4)
    }
    visitor.open("train").give(
        ("twice.zip", _zip(**pictures, **{"a/x.png": same, "b/x.png": same}))
    )
    visitor.until(lambda: "in two classes" in visitor.reads())
    assert _steps(visitor) == [*STEPS[:1]], "it blocks"
    visitor.press("Leave out 2 pictures")
    assert _steps(visitor) == [*STEPS]
    assert "8 pictures" in visitor.reads()
    visitor.press("Undo")
    assert _steps(visitor) == [*STEPS[:1]]
    assert "10 pictures" in visitor.reads()


def test_a_double_click_starts_one_training_or_two_that_are_apart(
    upload: Upload, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.scheduling.start_dispatcher", lambda *_: None)
    tabs = [Visitor().open("train", upload=upload.id) for _ in range(2)]
    for tab in tabs:
        tab.press("Start learning")
    first, second = runs.list_runs(host)
    assert {tab.at.query_params["run"] for tab in tabs} == {first.id, second.id}
    tabs[0].see()  # what a second click of the same tab comes to: the button is gone
    assert "Start learning" not in tabs[0].buttons()
    assert len(Queue("train", host).tickets()) == len(runs.list_runs(host)) == 2
