"""The only names of session-state keys and query parameters, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core import runs
from core.bundles import imported
from core.runs.run import Run
from core.settings import Settings
from core.system import visitors

# Query parameters.
RUN = "run"
WANTED = "model"
UPLOAD = "upload"
VIEW = "view"
COMPARE = "compare"
CELL_WAS = "was"
CELL_SAID = "said"
ORDER = "order"
ONLY = "only"
CLASS = "class"
CALLED = "called"
SURENESS = "sure"
ANSWERED = "answered"
FILE = "file"
PAGE = "page"
OF_A_REPORT = (
    VIEW,
    CELL_WAS,
    CELL_SAID,
    ORDER,
    ONLY,
    CLASS,
    CALLED,
    SURENESS,
    ANSWERED,
    FILE,
    PAGE,
)
"""What was chosen in the report of one run, and says nothing of another."""
FIND = "find"
SORT = "sort"
STATE = "state"
TAG = "tag"
LIST_PAGE = "list"
OF_THE_LIST = (FIND, SORT, STATE, TAG, LIST_PAGE)

# Session-state keys.
MINE = "runs_of_this_visit"
VISITOR = "token_of_this_visit"
ASKED = "owner_asked"
DELETED = "owner_deleted"
TROUBLE = "owner_trouble"
SOURCE = "predict_source"
SAMPLE = "predict_sample"
SHOWN = "predict_shown"
MODEL = "predict_model"
COUNT = "predict_count"
BRINGING = "predict_bringing"
BRING_ROUND = "predict_bring_round"
BRING_REFUSAL = "predict_bring_refusal"
BATCH = "predict_batch"
WHY = "predict_why"
WHY_STRENGTH = "predict_why_strength"
LIVE_TRANSPORT = "live_transport"
LIVE_RESPONSE = "live_response"
CAPTURE_TRANSPORT = "capture_transport"
CAPTURE_RESPONSE = "capture_response"
TEACH_CLASS = "teach_class"
TEACH_ROUND = "teach_round"
TEACH_SAID = "teach_said"
KEEP_REFUSAL = "teach_keep_refusal"
AT_ONCE = "train_at_once"
GIVEN_BY = "train_given_by"
PRESET = "train_preset"
BACKBONE = "train_backbone"
START = "train_start"
REMEDIES = "train_remedies"
AIM = "report_aim"
WAS = "report_was"
SAID = "report_said"
FRAMED = "report_framed"
PICTURE = "report_picture"
STRENGTH = "report_strength"
CURVES = "report_curves"
REFUSAL = "train_refusal"
COMPARE_REFUSAL = "train_compare_refusal"
ROUND = "train_round"


def parameter(name: str) -> str:
    """A query parameter, or an empty string."""
    return str(st.query_params.get(name, ""))


def show_run(run_id: str) -> None:
    """Have the address name a run, and nothing that was chosen in the report of another."""
    _address({RUN: run_id})


def leave_run() -> None:
    """Have the address name no run, nor what was chosen in its report."""
    _address({})


def _address(named: dict[str, str]) -> None:
    gone = {RUN, *OF_A_REPORT, *OF_THE_LIST}
    if RUN in named:  # the link of a run is passed on, and is no permission to use its pictures
        gone.add(UPLOAD)
    kept = {name: value for name, value in st.query_params.items() if name not in gone}
    # Neither `clear` nor `pop`: they refuse what a widget is bound to. The list's filters come back
    # with the list, since their widgets keep their values.
    st.query_params.from_dict(kept | named)
    for name in OF_A_REPORT:
        st.session_state.pop(name, None)


def remember_run(run_id: str) -> None:
    """Count a run among those that this visit may see."""
    mine: list[str] = st.session_state.setdefault(MINE, [])
    if run_id not in mine:
        mine.append(run_id)


def lasting() -> bool:
    """Whether the visitor's browser keeps a cookie by which they are known after a reload."""
    return visitors.is_token(_cookie())


def mark(settings: Settings) -> str:
    """What this visitor leaves on what is theirs; empty for whoever sits at the machine."""
    if settings.mode == "personal":
        return ""
    if lasting():
        return visitors.visitor_id(_cookie())
    return visitors.visitor_id(st.session_state.setdefault(VISITOR, visitors.new_token()))


def _cookie() -> str:
    return str(st.context.cookies.get(visitors.COOKIE, ""))


def listing(settings: Settings) -> Callable[[Path], bool]:
    """Tells of a run's folder whether it is in this visitor's lists.

    It is if it is their own, was opened by its link, or is published.
    """
    own, held = owning(settings), set(st.session_state.get(MINE, []))
    return lambda folder: own(folder) or folder.name in held or Run(folder).published


def owning(settings: Settings) -> Callable[[Path], bool]:
    """Tells of a folder of a run or a brought model whether it is this visitor's."""
    if settings.mode == "personal":
        return lambda _: True
    ours = mark(settings)
    return lambda folder: visitors.owner(folder) == ours


def may_list(run_id: str, settings: Settings) -> bool:
    """Whether a run is in this visitor's lists."""
    return listing(settings)(runs.folder(settings) / run_id)


def may_change(run_id: str, settings: Settings) -> bool:
    """Whether this visitor may rename, correct or delete a run; a link alone gives no such right.

    The sample is nobody's.
    """
    if run_id == runs.SAMPLE.name or not runs.RUN_ID.fullmatch(run_id):
        return False
    places = (runs.folder(settings), imported.folder(settings))
    return any(map(owning(settings), (place / run_id for place in places)))
