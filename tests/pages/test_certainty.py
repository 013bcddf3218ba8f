"""Choose from where on a model had better not answer, and meet that choice on Predict."""

import numpy as np

from core.evaluation import describe
from core.evaluation.report import SetLevel, Threshold
from core.intake import samples
from core.model import storage
from core.runs.annotations import Annotations
from core.runs.run import Run
from tests.core.trainings import TrainedRun
from tests.pages.conftest import seal
from tests.pages.visitor import Visitor


def offer(run: Run, level: SetLevel) -> None:
    """Have the model offer this level only."""
    path = run.model_folder / storage.MODEL
    model = storage.load_description(run.model_folder)
    path.write_text(model.model_copy(update={"set_levels": (level,)}).model_dump_json())
    seal(run)


def strictest_threshold(run: Run) -> Threshold:
    return run.report().certainty.choices[-1]


def test_a_threshold_becomes_part_of_the_model_and_applies_on_predict(
    visitor: Visitor, run: Run, trained_run: TrainedRun
) -> None:
    surest = int(np.argmax([p.probability for p in run.report().predictions]))
    picture = (trained_run.pictures / run.dataset().of("test")[surest].path).read_bytes()
    choice = strictest_threshold(run)
    visitor.open("reports", run=run.id, view="Certainty")
    assert "Answers every picture and is wrong on" in visitor.text()
    (slider,) = visitor.at.select_slider
    slider.set_value(choice.target_coverage)
    visitor.rerun()
    assert describe(choice.coverage) in visitor.text()
    assert run.annotations().threshold == 0, "looking changes nothing"
    assert choice.validation is not None
    assert "validation pictures." in visitor.text()
    assert describe(choice.validation) in visitor.text()
    (label,) = (label for label in visitor.buttons() if label.startswith("Say “not sure” below"))
    visitor.press(label)
    assert (run.annotations().threshold, run.annotations().target_coverage) == (
        choice.value,
        choice.target_coverage,
    )

    visitor.open("predict", run=run.id).upload(("known.jpg", picture))
    assert "Not sure." not in visitor.text()
    run.annotate(lambda annotations: annotations.model_copy(update={"threshold": 1.0}))
    visitor.rerun()
    assert "Not sure." in visitor.text()
    assert visitor.bars(), "its guesses are shown all the same"


def test_always_answer_removes_the_threshold(visitor: Visitor, run: Run) -> None:
    choice = strictest_threshold(run)
    run.annotate(
        lambda _: Annotations(threshold=choice.value, target_coverage=choice.target_coverage)
    )
    visitor.open("reports", run=run.id, view="Certainty")
    (slider,) = visitor.at.select_slider
    assert slider.value == choice.target_coverage
    assert slider.options[-1] == "100 %", "right is where the axis under it has it"
    slider.set_value(1.0)
    visitor.rerun()
    visitor.press("Always answer")
    assert run.annotations().threshold == 0


def test_false_alarms_are_counted_and_shown(visitor: Visitor, run: Run) -> None:
    ood_scores = run.ood_scores()
    assert ood_scores is not None
    scores = (1.5, *ood_scores.scores[1:])
    run.ood_scores.write(ood_scores.model_copy(update={"scores": scores}))
    visitor.open("reports", run=run.id, view="Certainty")
    assert describe(ood_scores.false_alarms) in visitor.text()
    flagged = sum(value > 1 for value in scores)
    assert f"({flagged} of {len(scores)})" in visitor.text()


def test_a_picture_of_something_else_is_not_like_the_training_pictures(
    visitor: Visitor, run: Run
) -> None:
    visitor.open("predict", run=run.id)
    visitor.upload(("palace.jpg", samples.photographs()["Palace"].content))
    assert "Not like the training pictures." in visitor.text()
    assert not visitor.at.get("progress"), "the bars are grey text"
    assert "Likeliest" not in visitor.text()


def test_an_ood_detector_that_is_fitted_later_judges_a_picture_that_was_answered_before(
    visitor: Visitor, run: Run
) -> None:
    detector = run.model_folder / storage.OOD
    content = detector.read_bytes()
    detector.unlink()
    seal(run)
    visitor.open("predict", run=run.id)
    visitor.upload(("palace.jpg", samples.photographs()["Palace"].content))
    assert "Not like the training pictures." not in visitor.text()
    detector.write_bytes(content)
    seal(run)
    assert "Not like the training pictures." in visitor.rerun().text()


def test_a_level_of_prediction_sets_is_chosen_for_the_model(visitor: Visitor, run: Run) -> None:
    (*_, best) = run.report().certainty.sets
    assert best.level < 0.95, "so few pictures cannot promise more"
    visitor.open("reports", run=run.id, view="Certainty")
    assert f"the right class is in the set for {describe(best.coverage)}" in visitor.text()
    assert "99 for 99 %" in visitor.text()
    visitor.choose("No sets", 0.0)
    assert run.annotations().level == 0
    assert "always names one class" in visitor.text()
    visitor.choose(f"{100 * best.level:.0f} %", best.level)
    assert run.annotations().level == best.level


def test_the_level_that_another_tab_chose_is_shown(visitor: Visitor, run: Run) -> None:
    visitor.open("reports", run=run.id, view="Certainty")
    (level,) = [radio for radio in visitor.at.radio if str(radio.key).startswith("level")]
    assert level.value > 0
    run.annotate(lambda annotations: annotations.model_copy(update={"level": 0.0}))
    assert "always names one class" in visitor.rerun().text()
    (level,) = [radio for radio in visitor.at.radio if str(radio.key).startswith("level")]
    assert level.value == 0


def test_a_run_from_before_there_were_sets_offers_none(visitor: Visitor, run: Run) -> None:
    report = run.report()
    before = report.certainty.model_copy(update={"sets": (), "calibrated_on": None})
    report = report.model_copy(update={"certainty": before})
    run.write_report(report, run.probabilities())
    seal(run)
    visitor.open("reports", run=run.id, view="Certainty")
    assert "Train again to get them." in visitor.text()
    assert not any("No sets" in control.options for control in visitor.at.radio)


def test_several_likely_classes_are_named_for_pictures_in_distribution(
    visitor: Visitor, run: Run, trained_run: TrainedRun
) -> None:
    picture = (trained_run.pictures / run.dataset().of("train")[0].path).read_bytes()
    classes = len(run.dataset().classes)
    offer(run, SetLevel(level=0.9, limit=1.0))
    visitor.open("predict", run=run.id).upload(("known.jpg", picture))
    caption = "(the right class is in the set for 90 % of pictures)"
    (line,) = (line for line in visitor.text().splitlines() if line.endswith(caption))
    assert line.startswith("One of: ")
    assert line.count(", ") == classes - 1
    run.annotate(lambda annotations: annotations.model_copy(update={"level": 0.0}))
    assert caption not in visitor.rerun().text()
    run.annotate(lambda annotations: annotations.model_copy(update={"level": 0.9}))
    visitor.upload(("palace.jpg", samples.photographs()["Palace"].content))
    assert "Not like the training pictures." in visitor.text()
    assert caption not in visitor.text()
