from collections.abc import Callable

import pytest

from core.jobs import State
from core.jobs.events import Note
from core.runs.filenames import LEARNING_CURVE, REPORT
from core.runs.run import Run
from tests.pages.conftest import NAMES
from tests.pages.visitor import Visitor
from ui.reports.views import VIEWS


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_has_its_address(visitor: Visitor, run: Run, view: str) -> None:
    visitor.open("reports", run=run.id, view=view)
    (control,) = [c for c in visitor.at.radio if "Summary" in c.options]
    assert control.value == view
    assert not visitor.at.error


def test_data_counts_every_picture_and_names_every_file_left_out(
    visitor: Visitor, run: Run
) -> None:
    dataset = run.dataset()
    visitor.open("reports", run=run.id, view="Data")
    total, *classes = visitor.table("Class", "Training", "Validation", "Test")
    assert [row[0] for row in classes] == list(dataset.classes)
    assert sum(total[1:]) == len(dataset.examples)
    assert visitor.table("File", "Why") == [(s.name, s.reason) for s in dataset.skipped]


def test_training_says_which_epoch_was_kept_and_with_which_settings(
    visitor: Visitor, run: Run
) -> None:
    visitor.open("reports", run=run.id, view="Training")
    assert visitor.charts()
    (kept_event,) = run.kept()
    assert f"in {kept_event.epoch} iterations" in visitor.text()
    assert '"backbone"' in visitor.at.json[0].value


def test_training_says_whether_more_pictures_would_help(visitor: Visitor, run: Run) -> None:
    curve = run.learning_curve()
    assert curve is not None
    named_curve = curve.model_copy(update={"sentence": f"Begin with {NAMES[0]} and {NAMES[1]}."})
    run.learning_curve.write(named_curve)
    visitor.open("reports", run=run.id, view="Training")
    assert named_curve.sentence in visitor.text()
    assert any(alt.startswith("Learning curve: ") for alt in visitor.charts())
    rows = visitor.table("Class", "Recall", "Gain from doubling the data")
    assert {name for name, *_ in rows} == set(NAMES)
    assert named_curve.sentence in Visitor().open("reports", run=run.id).text(), "in the summary"


def test_a_run_without_a_learning_curve_says_nothing_about_it(visitor: Visitor, run: Run) -> None:
    (run.path / LEARNING_CURVE).unlink()
    visitor.open("reports", run=run.id, view="Training")
    assert "more pictures" not in visitor.text()
    assert len(visitor.charts()) == 1


def test_a_queued_run_says_what_it_waits_for(visitor: Visitor, run_in: Callable[..., Run]) -> None:
    run = run_in(State.QUEUED)
    run.job.set_waiting_reason("It waits for a machine.")
    visitor.open("reports", run=run.id)
    assert "It waits for a machine." in visitor.text()


def test_a_report_says_which_results_are_missing(visitor: Visitor, run: Run) -> None:
    visitor.open("reports", run=run.id)
    assert "missing" not in visitor.text()
    run.job.events.append(Note(sentence="Progress that is over."))
    run.job.events.append(Note(sentence="Wrong labels could not be looked for.", lasting=True))
    run.job.end(State.CANCELLED)
    visitor.open("reports", run=run.id)
    assert "Wrong labels could not be looked for." in visitor.text()
    assert "ended after its report (cancelled)" in visitor.text()
    assert "Progress that is over." not in visitor.text()


@pytest.mark.parametrize("damaged_file", [REPORT, "dataset.json", "config.json", "status.json"])
@pytest.mark.parametrize("content", [b"{", None], ids=["garbled", "missing"])
def test_a_damaged_run_says_so_and_the_list_still_opens(
    visitor: Visitor, run_in: Callable[..., Run], damaged_file: str, content: bytes | None
) -> None:
    run, undamaged = run_in(), run_in()
    path = run.path / damaged_file
    path.unlink() if content is None else path.write_bytes(content)
    visitor.open("reports", run=run.id)
    messages = [*visitor.at.error, *visitor.at.warning]
    if damaged_file != "status.json":  # the report can be read without it
        assert messages, visitor.text()
        assert "All runs" in visitor.buttons()
    visitor.open("reports")
    assert f"open {undamaged.id}" in {button.key for button in visitor.at.button}


@pytest.mark.parametrize("changed", ["model/weights.safetensors", "model/model.json"])
def test_a_changed_model_file_is_refused(
    visitor: Visitor, run: Run, picture: Callable[[int], bytes], changed: str
) -> None:
    path = run.path / changed
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    visitor.open("predict", run=run.id).upload(("circle.jpg", picture(0)))
    assert "not the file that the training wrote" in visitor.text()
    assert not visitor.charts()


def test_a_run_whose_report_is_damaged_cannot_be_chosen_to_predict(
    visitor: Visitor, run: Run
) -> None:
    (run.path / REPORT).write_bytes(b"{")
    visitor.open("predict", run=run.id)
    assert not _trained_models(visitor)


@pytest.mark.parametrize("run_id", ["0" * 32, "../../etc", "<b>", ""])
def test_an_unknown_run_says_so_and_leads_back_to_the_list(visitor: Visitor, run_id: str) -> None:
    visitor.open("reports", run=run_id)
    if run_id:
        assert "No run with this id is on this machine." in visitor.text()
        assert "forgotten its disk" not in visitor.text(), "a machine of one's own forgets nothing"
        visitor.press("All runs")
    assert "You have not trained a model yet." in visitor.text()


def test_in_public_mode_others_runs_are_not_listed_but_a_link_opens_one(
    run: Run, public: None
) -> None:
    other_visitor = Visitor().open("reports")
    assert "You have not trained a model yet." in other_visitor.text()
    assert run.dataset().name not in other_visitor.text()
    assert not _trained_models(other_visitor.open("predict"))

    friend = Visitor().open("reports", run=run.id)
    assert run.report().headline in friend.text()
    friend.press("All runs")
    assert run.dataset().name in friend.text(), "a run whose link was opened is of this visit"
    assert len(_trained_models(friend.open("predict"))) == 1
    assert not _trained_models(other_visitor.open("predict")), "the visits of others change nothing"


def _trained_models(visitor: Visitor) -> list[str]:
    options = visitor.at.selectbox[0].options
    return [name for name in options if "ImageNet" not in name and "sample" not in name]
