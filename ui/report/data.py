"""What it was taught on, what was left out, whose label is in doubt."""

from __future__ import annotations

import streamlit as st

from core.run import Run
from ui import text
from ui.drawing import share
from ui.report.opened import Opened

SHOWN = 24
"""Suspects shown."""


def show(opened: Opened) -> None:
    """What it was taught on, what was left out, and whose label is in doubt."""
    run = opened.run
    dataset = run.dataset()
    _suspects(run, dataset.classes)
    splits = ("train", "validation", "test")
    st.dataframe(
        {
            "Class": [*dataset.classes, "All"],
            **{
                split.capitalize(): [
                    *(dataset.count(label, split) for label in range(len(dataset.classes))),
                    len(dataset.of(split)),
                ]
                for split in splits
            },
        },
        hide_index=True,
    )
    if dataset.predefined:
        st.caption("The upload came with its own test pictures; they were used as they were.")
    if dataset.skipped:
        st.caption(
            f"{text.count(len(dataset.skipped), 'file was left out', 'files were left out')}."
        )
        st.dataframe(
            {
                "File": [skipped.name for skipped in dataset.skipped],
                "Why": [skipped.reason for skipped in dataset.skipped],
            },
            hide_index=True,
        )


def _suspects(run: Run, classes: tuple[str, ...]) -> None:
    suspects = run.suspects()
    if not suspects:
        return
    count = text.count(
        len(suspects),
        "training picture may have the wrong label",
        "training pictures may have the wrong label",
    )
    with (
        st.expander(f":material/warning: {count}"),
        st.grid(min_column_width=130, gap="small") as grid,
    ):
        for place, suspect in enumerate(suspects[:SHOWN]):
            with grid.cell():
                st.image(str(run.suspect_thumbnail(place)), width="stretch", alt=suspect.name)
                given, looks = classes[suspect.label], classes[suspect.suggested]
                st.caption(
                    f"In **{text.plain(given, 30)}**, looks like **{text.plain(looks, 30)}** "
                    f"({share(suspect.probability)})",
                    help=text.plain(suspect.name),
                )
