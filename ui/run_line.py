"""A run in a line: how it stands, its tags, what it was taught on and with."""

from __future__ import annotations

import streamlit as st

from core import backbones
from core.jobs import State
from core.runs import Summary
from core.settings import MEGABYTE
from ui import text

SAYS = {
    State.QUEUED: "waiting",
    State.RUNNING: "learning",
    State.FINISHED: "finished",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.INTERRUPTED: "interrupted",
}
DAMAGED = "damaged"
LOOKS = {
    "waiting": ("gray", ":material/hourglass_empty:"),
    "learning": ("blue", ":material/school:"),
    "failed": ("red", ":material/error:"),
    "cancelled": ("gray", ":material/cancel:"),
    "interrupted": ("orange", ":material/power_off:"),
    DAMAGED: ("red", ":material/broken_image:"),
}


def says(line: Summary) -> str:
    """How a run stands, in a word."""
    if line.damaged:
        return DAMAGED
    return SAYS[State.FINISHED] if line.complete else SAYS[line.state]


def details(line: Summary) -> str:
    """What a run was taught on and with, when, and what it takes, as Markdown."""
    known = backbones.known(line.backbone)
    parts = [
        text.plain(line.data) if line.data not in ("", line.name) else "",
        text.classes(len(line.classes)) if line.classes else "",
        text.count(line.pictures, "picture") if line.pictures else "",
        text.plain(backbones.get(line.backbone).title) if known else "",
        text.date(line.at),
        text.size(round(line.megabytes * MEGABYTE)) if line.megabytes else "",
    ]
    return " · ".join(filter(None, parts))


def marks(line: Summary) -> None:
    """How a run stands, where it is not just finished, and its tags."""
    said = says(line)
    if said in LOOKS:
        colour, icon = LOOKS[said]
        st.badge(said, icon=icon, color=colour)
    if line.sample:
        st.badge("sample", icon=":material/science:", color="violet")
    if line.published:
        st.badge("published", icon=":material/public:", color="blue")
    for tag in line.tags:
        st.badge(text.plain(tag), color="gray")
