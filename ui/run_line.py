"""The line under a run's name: status, tags, pictures, backbone, preset, date and size."""

import contextlib
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core import backbones
from core.jobs import State
from core.runs import Summary
from core.settings import MEGABYTE
from ui import text

STATUS = {
    State.QUEUED: "Queued",
    State.RUNNING: "Training",
    State.FINISHED: "Finished",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
    State.INTERRUPTED: "Interrupted",
}
DAMAGED = "Damaged"
BADGES: dict[str, tuple[str, str]] = {
    "Queued": ("gray", ":material/hourglass_empty:"),
    "Training": ("blue", ":material/school:"),
    "Failed": ("red", ":material/error:"),
    "Cancelled": ("gray", ":material/cancel:"),
    "Interrupted": ("orange", ":material/power_off:"),
    DAMAGED: ("red", ":material/broken_image:"),
}


def status(run: Summary) -> str:
    """The status of a run in a word."""
    if run.damaged:
        return DAMAGED
    return STATUS[State.FINISHED if run.complete else run.state]


def preset(name: str) -> str:
    """The preset of a training, `Quick`, or `Own settings` where something was changed."""
    return "Own settings" if name == "custom" else name.capitalize()


def details(run: Summary) -> str:
    """Pictures, backbone, preset, date and size of a run, as Markdown."""
    exists = backbones.known(run.backbone)
    parts = [
        text.plain(run.data) if run.data not in ("", run.name) else "",
        text.classes(len(run.classes)) if run.classes else "",
        text.count(run.pictures, "picture") if run.pictures else "",
        text.plain(backbones.get(run.backbone).title) if exists else "",
        preset(run.preset),
        date(run.at),
        text.size(round(run.megabytes * MEGABYTE)) if run.megabytes else "",
    ]
    return " · ".join(filter(None, parts))


def date(seconds: float) -> str:
    """`22 Nov 2026, 14:05`, in the time zone of the visitor's browser, else in the host's."""
    zone = None
    with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):  # from outside
        zone = ZoneInfo(st.context.timezone) if st.context.timezone else None
    at = datetime.fromtimestamp(seconds, zone)
    return f"{at.day} {at:%b %Y, %H:%M}"


def badges(run: Summary) -> None:
    """Badges: status of an unfinished run, unfair test, sample, publication, tags."""
    name = status(run)
    if name in BADGES:
        colour, icon = BADGES[name]
        st.badge(name, icon=icon, color=colour)  # type: ignore[arg-type]
    if not run.fair:
        st.badge("Not a fair test", icon=":material/content_copy:", color="orange")
    if run.sample:
        st.badge("Sample", icon=":material/science:", color="violet")
    if run.published:
        st.badge("Published", icon=":material/public:", color="blue")
    for tag in run.tags:
        st.badge(text.plain(tag), color="gray")
