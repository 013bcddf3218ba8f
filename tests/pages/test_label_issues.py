"""Correct a label that is in doubt, think again, and train again."""

from core import runs
from core.checks.labels import LabelIssue
from core.runs.run import Run
from core.settings import Settings
from tests.pages.visitor import Visitor
from ui import gallery


def add_label_issues(run: Run, number: int = 2) -> list[LabelIssue]:
    """Some of its training pictures are in doubt."""
    examples = run.dataset().of("train")[:number]
    issues = tuple(
        LabelIssue(name=e.name, label=e.label, suggested=(e.label + 1) % 4, probability=0.9)
        for e in examples
    )
    run.write_label_issues(issues, [run.thumbnail(0).read_bytes()] * number)
    return list(issues)


def issue_fields(visitor: Visitor) -> list:
    return [box for box in visitor.at.selectbox if str(box.key).startswith("label issue")]


def test_the_summary_leads_to_labels_that_may_be_wrong(visitor: Visitor, run: Run) -> None:
    add_label_issues(run)
    visitor.open("reports", run=run.id).press("Review 2 labels that may be wrong")
    assert len(issue_fields(visitor)) == 2


def test_a_label_is_corrected_and_the_correction_undone(visitor: Visitor, run: Run) -> None:
    first, second = add_label_issues(run)
    visitor.open("reports", run=run.id, view="Data")
    assert "2 training pictures may have the wrong label" in visitor.text()
    classes = run.dataset().classes
    issue_fields(visitor)[0].set_value(run.dataset().classes[first.suggested])
    visitor.rerun()
    issue_fields(visitor)[1].set_value("")
    visitor.rerun()
    labels = {correction.name: correction.label for correction in run.annotations().corrections}
    assert labels == {first.name: classes[first.suggested], second.name: None}
    assert "Train again with 2 corrections" in visitor.buttons()
    visitor.press_key(f"undo {run.annotations().corrections[0].sha256}")
    assert [correction.name for correction in run.annotations().corrections] == [second.name]
    assert issue_fields(visitor)[0].proto.set_value, (
        "or the browser would send the correction again"
    )
    assert issue_fields(visitor)[0].value is None
    issue_fields(visitor)[1].set_value(None)
    visitor.rerun()
    assert run.annotations().corrections == ()
    assert not [label for label in visitor.buttons() if label.startswith("Train again")]


def test_training_again_leads_to_a_new_run_that_says_where_it_came_from(
    visitor: Visitor, dispatchers: None, run: Run, host: Settings
) -> None:
    (first,) = add_label_issues(run, 1)
    visitor.open("reports", run=run.id, view="Data")
    issue_fields(visitor)[0].set_value(run.dataset().classes[first.suggested])
    visitor.rerun()
    visitor.press("Train again with 1 correction")
    (retrained,) = (listed_run for listed_run in runs.list_runs(host) if listed_run.id != run.id)
    assert visitor.at.query_params["run"] in (retrained.id, [retrained.id])
    visitor.wait_until(lambda: retrained.complete)
    # Another visit: in this one a view may be chosen by now, if it was done when last looked at.
    later = Visitor().open("reports", run=retrained.id, view="Data")
    assert "Trained again from" in later.text()
    assert "Compare with it" in later.buttons()
    by_name = {e.name: e.label for e in retrained.dataset().examples}
    assert by_name[first.name] == first.suggested
    assert retrained.origin().run == run.id  # type: ignore[union-attr]


def test_without_its_pictures_a_run_cannot_be_trained_again(visitor: Visitor, run: Run) -> None:
    (first,) = add_label_issues(run, 1)
    order = run.job.spec()
    moved = order.model_copy(update={"arguments": {"pictures": "/nowhere"}})
    (run.path / "order.json").write_text(moved.model_dump_json())
    visitor.open("reports", run=run.id, view="Data")
    issue_fields(visitor)[0].set_value(run.dataset().classes[first.suggested])
    visitor.rerun()
    assert "no longer on this host" in visitor.text()
    assert not [label for label in visitor.buttons() if label.startswith("Train again")]


def test_a_missing_thumbnail_does_not_hide_the_other_labels(visitor: Visitor, run: Run) -> None:
    add_label_issues(run)
    run.label_issue_thumbnail(0).unlink()
    visitor.open("reports", run=run.id, view="Data")
    assert len(issue_fields(visitor)) == 2
    assert gallery.MISSING in visitor.text()
