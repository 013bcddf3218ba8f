"""Choose from where on a model had better not answer, and meet that choice on Predict."""

from core.evaluation import describe
from core.evaluation.report import Threshold
from core.intake import samples
from core.runs.annotations import Annotations
from core.runs.run import Run
from tests.core.trainings import Trained
from tests.pages.visitor import Visitor


def strict(run: Run) -> Threshold:
    return run.report().certainty.choices[-1]


def test_a_threshold_becomes_part_of_the_model_and_applies_on_predict(
    visitor: Visitor, run: Run, trained: Trained
) -> None:
    known = (trained.pictures / run.dataset().of("train")[0].path).read_bytes()
    choice = strict(run)
    visitor.open("reports", run=run.id, view="Certainty")
    assert "This model answers every picture." in visitor.reads()
    (slider,) = visitor.at.select_slider
    slider.set_value(choice.aim)
    visitor.see()
    assert describe(choice.coverage) in visitor.reads()
    assert run.annotations().threshold == 0, "looking changes nothing"
    assert choice.validation is not None
    assert "validation pictures." in visitor.reads()
    assert describe(choice.validation) in visitor.reads()
    (label,) = (label for label in visitor.buttons() if label.startswith("Say “not sure” below"))
    visitor.press(label)
    assert (run.annotations().threshold, run.annotations().aim) == (choice.value, choice.aim)

    visitor.open("predict", run=run.id).give(("known.jpg", known))
    assert "Not sure." not in visitor.reads()
    run.annotate(lambda said: said.model_copy(update={"threshold": 1.0}))
    visitor.see()
    assert "Not sure." in visitor.reads()
    assert visitor.bars(), "its guesses are shown all the same"


def test_always_answer_removes_the_threshold(visitor: Visitor, run: Run) -> None:
    choice = strict(run)
    run.annotate(lambda _: Annotations(threshold=choice.value, aim=choice.aim))
    visitor.open("reports", run=run.id, view="Certainty")
    (slider,) = visitor.at.select_slider
    assert slider.value == choice.aim
    assert slider.options[-1] == "100 %", "right is where the axis under it has it"
    slider.set_value(1.0)
    visitor.see()
    visitor.press("Always answer")
    assert run.annotations().threshold == 0


def test_false_alarms_are_counted_and_shown(visitor: Visitor, run: Run) -> None:
    found = run.ood_scores()
    assert found is not None
    strange = (1.5, *found.scores[1:])
    run.ood_scores.write(found.model_copy(update={"scores": strange}))
    visitor.open("reports", run=run.id, view="Certainty")
    assert describe(found.false_alarms) in visitor.reads()
    flagged = sum(value > 1 for value in strange)
    assert f"({flagged} of {len(strange)})" in visitor.reads()


def test_a_picture_of_something_else_is_not_like_the_training_pictures(
    visitor: Visitor, run: Run
) -> None:
    visitor.open("predict", run=run.id)
    visitor.give(("palace.jpg", samples.photographs()["Palace"].content))
    assert "Not like the training pictures." in visitor.reads()
    assert not visitor.at.get("progress"), "the bars are grey text"
    assert "Likeliest class" not in visitor.reads()
