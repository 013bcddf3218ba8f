"""How far its probabilities can be believed, and from where on it had better not answer."""

from __future__ import annotations

import streamlit as st

from core.evaluation import describe
from core.evaluation.report import Threshold
from core.evaluation.wording import figures
from core.runs.annotations import Annotations
from ui import state, text
from ui.charts import certainty
from ui.charts.drawing import PLAIN, share
from ui.reports.views import gallery
from ui.reports.views.opened import Opened


def show(opened: Opened) -> None:
    """Reliability, a threshold to choose, and pictures unlike what it was taught."""
    left, right = st.columns(2, gap="large")
    with left:
        _reliability(opened)
    with right:
        _threshold(opened)
    _unlike(opened)


def _reliability(opened: Opened) -> None:
    found = opened.report.certainty
    st.subheader("When it says 90 %, is it right 90 times in 100?")
    st.plotly_chart(
        certainty.reliability(found),
        key="reliability",
        config=PLAIN,
        alt=f"Reliability diagram; expected calibration error {describe(found.before.error)}"
        + (f" before scaling, {describe(found.after.error)} after" if found.after else ""),
    )
    if found.after is None or found.temperature is None:
        st.caption(
            "Expected calibration error: its probabilities are off by "
            f"{describe(found.before.error)} on average. No temperature was fitted: it was right "
            "on every validation picture."
        )
        return
    st.caption(
        "Expected calibration error: its probabilities are off by "
        f"{describe(found.after.error)} on average; without the temperature of "
        f"{found.temperature:.2f}, which was fitted on validation pictures and is part of the "
        f"model, by {describe(found.before.error)}. On the line: as sure as it is right. Below: "
        "too sure."
    )


def _threshold(opened: Opened) -> None:
    st.subheader("If it may say “not sure”, how often is it wrong?")
    found = opened.report.certainty
    said = opened.run.annotations()
    chosen = _choose(found.choices, said) if found.choices else None
    st.plotly_chart(
        certainty.coverage(found, (chosen.value or None) if chosen else None),
        key="coverage",
        config=PLAIN,
        alt=_told(chosen) if chosen else "Share of wrong answers by share of pictures answered",
    )
    if chosen is None:
        return
    st.markdown(_told(chosen))
    st.caption(
        "The threshold is chosen by validation pictures; what it gives is measured on the test "
        "pictures."
    )
    _offer(opened, chosen, said)


def _choose(choices: tuple[Threshold, ...], said: Annotations) -> Threshold:
    """The slider, from answering half to answering everything: as the axis under it runs."""
    by_aim = {choice.aim: choice for choice in choices}
    in_force = said.aim if said.aim in by_aim else choices[0].aim
    if len(by_aim) == 1:
        return choices[0]
    aim = st.select_slider(
        "Pictures to answer",
        sorted(by_aim),
        in_force,
        format_func=lambda aim: f"{100 * aim:.0f} %",
        key=state.AIM,
        help="The rest, those it is least sure of, get the answer “not sure”.",
    )
    return by_aim[aim]


def _told(choice: Threshold) -> str:
    """`Answers 91 % (80–97) of the pictures and is wrong on 2.1 % (0.4–11) of those.`"""
    answered = describe(choice.coverage)
    if choice.value <= 0:
        value, low, high = figures(choice.error) if choice.error else ("–", "–", "–")
        return f"Answers every picture and is wrong on **{value} %** ({low}–{high})."
    wrong = describe(choice.error) if choice.error else "none of none"
    return (
        f"Answers **{answered}** of the pictures, those it is at least {share(choice.value)} sure "
        f"of, and is wrong on **{wrong}** of them."
    )


def _offer(opened: Opened, chosen: Threshold, said: Annotations) -> None:
    """Make the chosen threshold part of the model."""
    if chosen.value == said.threshold:
        st.caption(f":material/check: {_in_force(said)}")
        return
    if not opened.mine:
        st.caption(_in_force(said))
        return
    st.button(
        "Always answer" if chosen.value <= 0 else f"Say “not sure” below {share(chosen.value)}",
        icon=":material/rule:",
        on_click=_put_in_force,
        args=(opened, chosen),
    )
    st.caption(f"In force: {_in_force(said)}")


def _in_force(said: Annotations) -> str:
    if said.threshold <= 0:
        return "This model answers every picture."
    return f"This model says “not sure” below {share(said.threshold)}."


def _put_in_force(opened: Opened, chosen: Threshold) -> None:
    opened.run.annotate(
        lambda said: said.model_copy(update={"threshold": chosen.value, "aim": chosen.aim})
    )


def _unlike(opened: Opened) -> None:
    """What it would call unlike anything it was taught, though it was taught just that."""
    st.subheader("What does it do with pictures of something else?", divider="gray")
    found = opened.run.ood_scores()
    if found is None:
        st.caption("That was not measured for this run.")
        return
    flagged = [place for place, strange in enumerate(found.scores) if strange > 1]
    st.markdown(
        "A picture far from all that it was taught is called “unlike anything it was taught”. "
        f"That is a false alarm for {describe(found.false_alarms)} of the test pictures "
        f"({len(flagged)} of {len(found.scores)}), which all show one of its classes."
    )
    if flagged:
        flagged.sort(key=lambda place: -found.scores[place])
        shown = text.count(len(flagged), "false alarm")
        with st.expander(shown, icon=":material/help:"):
            gallery.show(opened, flagged, "unlike")
