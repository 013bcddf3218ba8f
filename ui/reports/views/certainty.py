"""How far the probabilities can be trusted, and when the answer is “Not sure” or “One of”."""

from functools import partial
from operator import methodcaller

import streamlit as st

from core.evaluation import describe, prediction_sets
from core.evaluation.report import Certainty, SetCoverage, Threshold
from core.evaluation.wording import figures
from core.runs.annotations import Annotations
from core.system import prose
from ui import text, widgets
from ui.charts import certainty
from ui.reports.views import picture
from ui.reports.views.complete_run import CompleteRun


def show(view: CompleteRun) -> None:
    """Reliability, a threshold and a level to choose, and pictures that the OOD detector flags."""
    widgets.show_refusal("answers", view.run.id)
    left, right = st.columns(2, gap="large")
    with left:
        _reliability(view)
    with right:
        _threshold(view)
    _sets(view)
    _ood(view)


def _reliability(view: CompleteRun) -> None:
    measured = view.report.certainty
    before = describe(measured.before.error)
    st.header("When it says 90 %, is it right 90 times in 100?")
    widgets.chart(certainty.reliability(measured), key="reliability")
    if measured.after is None or measured.temperature is None:
        st.caption(
            f"Expected calibration error: the probabilities are off by {before} on average. No "
            "temperature was fitted: that takes pictures that the model had not learned from and "
            "predicts wrongly."
        )
        return
    after = describe(measured.after.error)
    st.caption(
        f"Expected calibration error: the probabilities are off by {after} on average. Without the "
        f"temperature of {measured.temperature:.2f}, which was fitted on pictures that the model "
        f"had not learned from and is part of the model, they are off by {before}. On the line: "
        "well calibrated. Below: overconfident."
    )


def _threshold(view: CompleteRun) -> None:
    st.header("If it may say “not sure”, how often is it wrong?")
    measured, annotations = view.report.certainty, view.run.annotations()
    chosen = _choose(measured.choices, annotations) if measured.choices else None
    threshold = (chosen.value or None) if chosen else None
    widgets.chart(certainty.coverage(measured, threshold), key="coverage")
    if chosen is None:
        return
    st.markdown(_describe(chosen, in_force=chosen.value == annotations.threshold))
    unseen = (
        " The error on test pictures is shown for the current threshold only, so that nobody "
        "chooses a threshold by it."
    )
    st.caption(
        f"Thresholds come from validation pictures.{unseen if measured.validation else ''} The "
        "answer “Not like the training pictures” is not counted here."
    )
    if chosen.value == annotations.threshold:
        st.caption(":material/check: This is the current threshold.")
        return
    if view.may_change:
        share = text.share(chosen.value)
        update = {"threshold": chosen.value, "target_coverage": chosen.target_coverage}
        widgets.button(
            "Always answer" if chosen.value <= 0 else f"Say “not sure” below {share}",
            partial(view.run.annotate, methodcaller("model_copy", update=update)),
            icon="rule",
            about=("answers", view.run.id),
        )
    st.caption(_in_force(annotations))


def _choose(choices: tuple[Threshold, ...], annotations: Annotations) -> Threshold:
    """A slider from answering half of the pictures to all, in the direction of the chart's axis."""
    by_aim = {choice.target_coverage: choice for choice in choices}
    if len(by_aim) == 1:
        return choices[0]
    aim = st.select_slider(
        "Pictures to answer",
        sorted(by_aim),
        annotations.target_coverage
        if annotations.target_coverage in by_aim
        else choices[0].target_coverage,
        format_func=lambda aim: f"{100 * aim:.0f} %",
        key="coverage aim",
        help="For the rest, those with the lowest probability, the answer is “Not sure”.",
    )
    return by_aim[aim]


def _describe(choice: Threshold, *, in_force: bool) -> str:
    """`Answers 91 % (80–97) of the pictures … and is wrong on 2.1 % (0.4–11) of those.`"""
    if choice.value <= 0:
        value, low, high = figures(choice.error) if choice.error else ("–", "–", "–")
        return f"Answers every picture and is wrong on **{value} %** ({low}–{high})."
    if choice.validation and not in_force:
        wrong, of = describe(choice.validation), "those, on validation pictures"
    else:
        wrong, of = describe(choice.error) if choice.error else "none of none", "those"
    return (
        f"Answers **{describe(choice.coverage)}** of the pictures, those with a probability of at "
        f"least {text.share(choice.value)}, and is wrong on **{wrong}** of {of}."
    )


def _in_force(annotations: Annotations) -> str:
    if annotations.threshold <= 0:
        return "At present no threshold is set."
    return f"At present the model says “not sure” below {text.share(annotations.threshold)}."


def _sets(view: CompleteRun) -> None:
    """Prediction sets: a level to choose, and whether its promise holds on the test pictures."""
    st.header("If it may name several classes, is the right one among them?", divider="gray")
    measured, chosen = view.report.certainty, view.run.annotations().level
    if measured.calibrated_on is None:
        st.caption("This run has no prediction sets. Train again to get them.")
        return
    in_force = prediction_sets.in_force(measured.sets, chosen)
    if measured.sets:
        st.markdown(
            "Where its likeliest class is not likely enough, the model can name several: “One of: "
            "tulip, rose”. The higher the share you choose, the larger the sets."
        )

        def save(level: float) -> None:
            view.run.annotate(methodcaller("model_copy", update={"level": level}))

        level = in_force.level if in_force else 0.0
        st.radio(
            "Share of pictures whose set must have the right class",
            [0.0, *(level.level for level in measured.sets)],
            format_func=lambda level: f"{100 * level:.0f} %" if level else "No sets",
            disabled=not view.may_change,
            horizontal=True,
            **widgets.stored(f"level {view.run.id}", level, save, "answers", view.run.id),
        )
        st.markdown(_describe_sets(in_force))
    st.caption(_offered(measured))


def _describe_sets(level: SetCoverage | None) -> str:
    if level is None:
        return "This model always names one class."
    right = f"On test pictures, the right class is in the set for **{describe(level.coverage)}**."
    if level.covered_of_several is None:
        return f"{right} Every set has one class only: the likeliest class is enough for this."
    return (
        f"{right} Of the sets, {describe(level.several)} have more than one class; "
        f"{describe(level.covered_of_several)} of those have the right one. The mean is "
        f"{level.size:.1f} classes."
    )


def _offered(measured: Certainty) -> str:
    groups = f"{measured.calibrated_on:,}"
    if measured.sets:
        start = (
            f"Calibrated on {groups} validation pictures; those that look the same count as one."
        )
    else:
        start = (
            "Prediction sets must be calibrated on validation pictures. This run has "
            f"{groups}, if those that look the same count as one."
        )
    offered = {level.level for level in measured.sets}
    needed = [
        f"{prediction_sets.groups_needed(level):,} for {100 * level:.0f} %"
        for level in prediction_sets.LEVELS
        if level not in offered
    ]
    return f"{start} It takes at least {prose.listed(needed, len(needed))}." if needed else start


def _ood(view: CompleteRun) -> None:
    """Test pictures that are flagged as out of distribution, though they show its classes."""
    st.header("What does it do with pictures of something else?", divider="gray")
    measured = view.run.ood_scores()
    if measured is None:
        st.caption("This was not measured for this run.")
        return
    flagged = [index for index, score in enumerate(measured.scores) if score > 1]
    st.markdown(
        "A picture far from all training pictures gets the answer “Not like the training "
        f"pictures”. This is a false alarm for {describe(measured.false_alarms)} of the test "
        f"pictures ({len(flagged)} of {len(measured.scores)}), which all show one of its classes."
    )
    if flagged:
        flagged.sort(key=lambda index: -measured.scores[index])
        with st.expander(text.count(len(flagged), "false alarm"), icon=":material/help:"):
            picture.tiles(view, flagged, "ood")
