"""Choose from where on a model had better not answer, and meet that choice on Predict."""

from core.evaluation import describe
from core.evaluation.report import SetLevel, Threshold
from core.intake import samples
from core.model import storage
from core.runs.annotations import Annotations
from core.runs.run import Run
from tests.core.trainings import Trained
from tests.pages.visitor import Visitor


def offer(run: Run, level: SetLevel) -> None:
    """Have the model offer this level only."""
    path = run.model_folder / storage.MODEL
    model = storage.load_description(run.model_folder)
    path.write_text(model.model_copy(update={"set_levels": (level,)}).model_dump_json())
    run.complete_with("odd names", 0.0, 0.0)


def strict(run: Run) -> Threshold:
    return run.report().certainty.choices[-1]


def test_a_threshold_becomes_part_of_the_model_and_applies_on_predict(
    visitor: Visitor, run: Run, trained: Trained
) -> None:
    known = (trained.pictures / run.dataset().of("train")[0].path).read_bytes()
    choice = strict(run)
    visitor.open("reports", run=run.id, view="Certainty")
    assert "Answers every picture and is wrong on" in visitor.reads()
    (slider,) = visitor.at.select_slider
    slider.set_value(choice.target_coverage)
    visitor.see()
    assert describe(choice.coverage) in visitor.reads()
    assert run.annotations().threshold == 0, "looking changes nothing"
    assert choice.validation is not None
    assert "validation pictures." in visitor.reads()
    assert describe(choice.validation) in visitor.reads()
    (label,) = (label for label in visitor.buttons() if label.startswith("Say “not sure” below"))
    visitor.press(label)
    assert (run.annotations().threshold, run.annotations().target_coverage) == (
        choice.value,
        choice.target_coverage,
    )

    visitor.open("predict", run=run.id).give(("known.jpg", known))
    assert "Not sure." not in visitor.reads()
    run.annotate(lambda said: said.model_copy(update={"threshold": 1.0}))
    visitor.see()
    assert "Not sure." in visitor.reads()
    assert visitor.bars(), "its guesses are shown all the same"


def test_always_answer_removes_the_threshold(visitor: Visitor, run: Run) -> None:
    choice = strict(run)
    run.annotate(
        lambda _: Annotations(threshold=choice.value, target_coverage=choice.target_coverage)
    )
    visitor.open("reports", run=run.id, view="Certainty")
    (slider,) = visitor.at.select_slider
    assert slider.value == choice.target_coverage
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
    assert "Likeliest" not in visitor.reads()


def test_a_level_of_prediction_sets_is_chosen_for_the_model(visitor: Visitor, run: Run) -> None:
    (*_, best) = run.report().certainty.sets
    assert best.level < 0.95, "so few pictures cannot promise more"
    visitor.open("reports", run=run.id, view="Certainty")
    assert f"the right class is in the set for {describe(best.coverage)}" in visitor.reads()
    assert "99 for 99 %" in visitor.reads()
    visitor.choose("No sets", 0.0)
    assert run.annotations().level == 0
    assert "always names one class" in visitor.reads()
    visitor.choose(f"{100 * best.level:.0f} %", best.level)
    assert run.annotations().level == best.level


def test_a_run_from_before_there_were_sets_offers_none(visitor: Visitor, run: Run) -> None:
    report = run.report()
    before = report.certainty.model_copy(update={"sets": (), "calibrated_on": None})
    report = report.model_copy(update={"certainty": before})
    run.write_report(report, run.probabilities())
    run.complete_with("odd names", 0.0, 0.0)
    visitor.open("reports", run=run.id, view="Certainty")
    assert "Train again to get them." in visitor.reads()
    assert not any("No sets" in control.options for control in visitor.at.radio)


def test_several_likely_classes_are_named_under_the_bars_but_not_for_strange_pictures(
    visitor: Visitor, run: Run, trained: Trained
) -> None:
    known = (trained.pictures / run.dataset().of("train")[0].path).read_bytes()
    classes = len(run.dataset().classes)
    offer(run, SetLevel(level=0.9, limit=1.0))
    visitor.open("predict", run=run.id).give(("known.jpg", known))
    promised = "(90 % of such sets contain the right class)"
    (line,) = (line for line in visitor.reads().splitlines() if line.endswith(promised))
    assert line.startswith("One of: ")
    assert line.count(", ") == classes - 1
    run.annotate(lambda own: own.model_copy(update={"level": 0.0}))
    assert promised not in visitor.see().reads()
    run.annotate(lambda own: own.model_copy(update={"level": 0.9}))
    visitor.give(("palace.jpg", samples.photographs()["Palace"].content))
    assert "Not like the training pictures." in visitor.reads()
    assert promised not in visitor.reads()
