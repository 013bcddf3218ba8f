from collections.abc import Callable

import pytest

from core.jobs import State
from core.runs.filenames import LEARNING_CURVE, MANIFEST, REPORT
from core.runs.run import Run
from core.settings import Settings
from tests.pages.conftest import NAMES
from tests.pages.visitor import Visitor

VIEWS = ("Summary", "Confusions", "Pictures", "Certainty", "Training", "Data", "Export")


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_has_its_address_and_shows_names_letter_by_letter(
    visitor: Visitor, run_in: Callable[..., Run], view: str
) -> None:
    run = run_in()
    visitor.open("reports", run=run.id, view=view)
    (control,) = [c for c in visitor.at.segmented_control if "Summary" in c.options]
    assert control.value == view
    assert not visitor.at.error
    for name in NAMES:
        assert not [text for text in visitor.marked() if name in text], "it would be rendered"


def test_data_counts_every_picture_and_names_every_file_left_out(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    dataset = run.dataset()
    visitor.open("reports", run=run.id, view="Data")
    *classes, total = visitor.table("Class", "Training", "Validation", "Test")
    assert [row[0] for row in classes] == list(dataset.classes)
    assert sum(total[1:]) == len(dataset.examples)
    assert visitor.table("File", "Why") == [(s.name, s.reason) for s in dataset.skipped]


def test_training_says_which_epoch_was_kept_and_with_which_settings(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    visitor.open("reports", run=run.id, view="Training")
    assert visitor.charts()
    assert "was kept" in visitor.reads()
    assert '"backbone"' in visitor.at.json[0].value


def test_training_says_whether_more_pictures_would_help(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    curve = run.learning_curve()
    assert curve is not None
    named = curve.model_copy(update={"sentence": f"Begin with {NAMES[0]} and {NAMES[1]}."})
    run.write_learning_curve(named)
    visitor.open("reports", run=run.id, view="Training")
    assert named.sentence in visitor.reads()
    assert not [text for text in visitor.marked() if NAMES[0] in text], "it would be rendered"
    assert any(alt.startswith("Learning curve: ") for alt in visitor.charts())
    rows = visitor.table("Class", "Found", "By the last doubling")
    assert {name for name, *_ in rows} == set(NAMES)


def test_a_run_without_a_learning_curve_says_nothing_about_it(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    (run.path / LEARNING_CURVE).unlink()
    visitor.open("reports", run=run.id, view="Training")
    assert "more pictures" not in visitor.reads()
    assert len(visitor.charts()) == 1


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.FAILED, "Memory ran out. Try a smaller batch."),
        (State.CANCELLED, "It was cancelled."),
        (State.INTERRUPTED, "It was interrupted: the machine or the worker stopped."),
    ],
    ids=str,
)
def test_a_run_that_ended_early_says_how(
    visitor: Visitor, run_in: Callable[..., Run], state: State, sentence: str
) -> None:
    run = run_in(state, sentence)
    run.job.log_path.write_text("the last words of the worker\n")
    visitor.open("reports", run=run.id)
    assert sentence in visitor.reads()
    assert "Try it" not in visitor.buttons()
    assert not visitor.charts()
    told = [code.value for code in visitor.at.code]
    assert told == ([] if state is State.CANCELLED else ["the last words of the worker"])


def test_a_run_that_nobody_works_on_any_more_was_interrupted(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in(State.RUNNING)
    visitor.open("reports", run=run.id)
    assert "interrupted" in visitor.reads()


def test_a_run_that_waits_says_so_and_can_be_cancelled(
    visitor: Visitor, run_in: Callable[..., Run], host: Settings
) -> None:
    run = run_in(State.QUEUED)
    visitor.open("reports", run=run.id)
    assert "Starting" in visitor.reads() or "before yours" in visitor.reads()
    visitor.press("Cancel")
    assert "It was cancelled before it began." in visitor.reads()
    assert run.status(host).state is State.CANCELLED


def test_a_run_says_what_it_waits_for_where_its_job_knows(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in(State.QUEUED)
    run.job.set_waiting_reason("It waits for a machine.")
    visitor.open("reports", run=run.id)
    assert "It waits for a machine." in visitor.reads()


def test_a_run_at_work_shows_how_far_it_is(
    visitor: Visitor, run_in: Callable[..., Run], trained: object
) -> None:
    run = run_in(State.RUNNING)
    said = trained.said  # type: ignore[attr-defined]
    first = next(place for place, event in enumerate(said) if event.kind == "epoch")
    for event in said[: first + 1]:
        run.job.events.append(event)
    with run.job.lock().acquire():
        visitor.open("reports", run=run.id)
        assert "epoch" in visitor.reads()
        assert "Cancel" in visitor.buttons()


@pytest.mark.parametrize("spoiled", [REPORT, "dataset.json", "config.json", "status.json"])
@pytest.mark.parametrize("content", [b"{", None], ids=["garbled", "missing"])
def test_a_damaged_run_says_so_and_the_list_still_opens(
    visitor: Visitor, run_in: Callable[..., Run], spoiled: str, content: bytes | None
) -> None:
    run, whole = run_in(), run_in()
    path = run.path / spoiled
    path.unlink() if content is None else path.write_bytes(content)
    visitor.open("reports", run=run.id)
    said = [*visitor.at.error, *visitor.at.warning]
    if spoiled != "status.json":  # the report can be read without it
        assert said, visitor.reads()
        assert "All runs" in visitor.buttons()
    visitor.open("reports")
    assert f"open {whole.id}" in {button.key for button in visitor.at.button}


@pytest.mark.parametrize("changed", ["model/weights.safetensors", "model/model.json"])
def test_a_model_that_was_changed_is_not_asked(
    visitor: Visitor, run_in: Callable[..., Run], picture: Callable[[int], bytes], changed: str
) -> None:
    run = run_in()
    path = run.path / changed
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    visitor.open("predict", run=run.id).give(("circle.jpg", picture(0)))
    assert "not the file that the training wrote" in visitor.reads()
    assert not visitor.charts()


def test_a_run_whose_report_is_damaged_cannot_be_chosen_to_predict(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    (run.path / REPORT).write_bytes(b"{")
    visitor.open("predict", run=run.id)
    assert not _taught(visitor)


def test_a_run_without_its_manifest_is_unfinished(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    (run.path / MANIFEST).unlink()
    visitor.open("reports", run=run.id)
    assert run.report().headline not in visitor.reads()
    assert "Try it" not in visitor.buttons()
    visitor.open("predict")
    assert run.id not in visitor.at.selectbox[0].proto.options
    assert not [name for name in visitor.at.selectbox[0].options if "taught here" in name]


@pytest.mark.parametrize("run_id", ["0" * 32, "../../etc", "<b>", ""])
def test_an_unknown_run_says_so_and_leads_back_to_the_list(visitor: Visitor, run_id: str) -> None:
    visitor.open("reports", run=run_id)
    if run_id:
        assert "No run with this id is on this machine." in visitor.reads()
        assert "forgotten its disk" not in visitor.reads(), "a machine of one's own forgets nothing"
        visitor.press("All runs")
    assert "Nothing has been taught yet." in visitor.reads()


def test_in_public_mode_others_runs_are_not_listed_but_a_link_opens_one(
    run_in: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSKER_MODE", "public")
    run = run_in()
    stranger = Visitor().open("reports")
    assert "Nothing has been taught yet." in stranger.reads()
    assert run.dataset().name not in stranger.reads()
    assert not _taught(stranger.open("predict"))

    friend = Visitor().open("reports", run=run.id)
    assert run.report().headline in friend.reads()
    friend.press("All runs")
    assert run.dataset().name in friend.reads(), "a run whose link was opened is of this visit"
    assert len(_taught(friend.open("predict"))) == 1
    assert not _taught(stranger.open("predict")), "the visits of others change nothing"


def _taught(visitor: Visitor) -> list[str]:
    return [name for name in visitor.at.selectbox[0].options if "taught here" in name]
