"""Query parameters, session-state keys of several modules, and who owns which run or model."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core import runs
from core.bundles import imported
from core.runs.run import Run
from core.settings import Settings
from core.system import visitors

# Query parameters. Their values are in links that people have kept.
RUN = "run"
MODEL = "model"
UPLOAD = "upload"
PILE = "pile"
VIEW = "view"
COMPARE = "compare"
CELL_ACTUAL = "was"
CELL_PREDICTED = "said"
ORDER = "order"
ONLY = "only"
ACTUAL = "class"
PREDICTED = "called"
PROBABILITY = "sure"
VERDICT = "answered"
FILE = "file"
PAGE = "page"
REPORT_PARAMETERS = (
    VIEW,
    CELL_ACTUAL,
    CELL_PREDICTED,
    ORDER,
    ONLY,
    ACTUAL,
    PREDICTED,
    PROBABILITY,
    VERDICT,
    FILE,
    PAGE,
)
"""Choices in the report of one run, which do not apply to another."""
FIND = "find"
SORT = "sort"
STATE = "state"
TAG = "tag"
LIST_PAGE = "list"
LIST_PARAMETERS = (FIND, SORT, STATE, TAG, LIST_PAGE)
OLD_VALUES = {
    ONLY: {"Right": "Correct"},
    VERDICT: {"sure": "Sure", "not sure": "Not sure", "unlike": "Not like the training pictures"},
    STATE: {"waiting": "Queued", "learning": "Training"}
    | {n.lower(): n for n in ("Any", "Finished", "Failed", "Cancelled", "Interrupted", "Damaged")},
}
"""Values in links from earlier versions, by parameter, with their present names."""

# Session-state keys.
ARRIVED = "arrived"
CURRENT_PAGE = "current_page"
FROM_ELSEWHERE = "from_another_page"
OPENED = "opened_in_this_visit"
VISITOR = "token_of_this_visit"
DELETED = "owner_deleted"
REFUSAL = "refusal"
MODEL_OF_LINK = "predict_model_of_link"
SOURCE = "predict_source"
PICTURES = "predict_pictures"
PICTURES_TURN = "predict_pictures_turn"
SHOWN = "predict_shown"
IMPORTING = "predict_importing"
BATCH = "predict_batch"
WHY = "predict_why"
WHY_STRENGTH = "predict_why_strength"
LIVE_TRANSPORT = "live_transport"
CAPTURE_TRANSPORT = "capture_transport"
CAPTURE_CLASS = "capture_class"
CAPTURE_PROBLEMS = "capture_problems"
PILE_STEP = "pile_step"
TRAIN_PICTURES = "train_pictures"
TRAIN_AT_ONCE = "train_at_once"
BACKBONE = "train_backbone"
RUN_NAME = "train_run_name"
ACTUAL_BOX = "report_actual"
PREDICTED_BOX = "report_predicted"
FRAMED = "report_framed"
PICTURE = "report_picture"


def parameter(name: str) -> str:
    """A query parameter, or an empty string."""
    return str(st.query_params.get(name, ""))


def translate_old_link() -> None:
    """Give widgets the present names of values in links from earlier versions."""
    for name, values in OLD_VALUES.items():
        # Widgets take their first value from the address unless it is in the session state.
        if parameter(name) in values and name not in st.session_state:
            st.session_state[name] = values[parameter(name)]


def show_run(run_id: str = "") -> None:
    """Have the address name a run, or none, and no choice in the report of another."""
    dropped = {RUN, *REPORT_PARAMETERS, *LIST_PARAMETERS}
    if run_id:  # the link of a run is passed on, and is no permission to use its pictures
        dropped |= {UPLOAD, PILE}
    remaining = {name: value for name, value in st.query_params.items() if name not in dropped}
    # Neither `clear` nor `pop`: they refuse what a widget is bound to. The list's filters come back
    # with the list, since their widgets keep their values.
    st.query_params.from_dict(remaining | ({RUN: run_id} if run_id else {}))
    for name in REPORT_PARAMETERS:
        st.session_state.pop(name, None)


def arrive(page: str) -> None:
    """Note which page is drawn, and whether the visitor has come to it from another."""
    if st.session_state.get(CURRENT_PAGE) != page:
        st.session_state[FROM_ELSEWHERE] = True  # until the page has taken note of it
    st.session_state[CURRENT_PAGE] = page


def has_just_arrived() -> bool:
    """Whether the visitor has come from another page since this was last asked."""
    return bool(st.session_state.pop(FROM_ELSEWHERE, False))


def return_to_pictures() -> None:
    """Have the address name the upload or pile that it named before a visit to another page.

    The navigation drops it. After the browser's Back button, the upload that was left stays left.
    """
    arrived = has_just_arrived()
    named = {name: value for name in (UPLOAD, PILE) if (value := parameter(name))}
    if named or parameter(RUN):
        st.session_state[TRAIN_PICTURES] = named
    elif arrived:
        st.query_params.update(st.session_state.get(TRAIN_PICTURES, {}))


def leave_pictures(*names: str) -> None:
    """Have the address name no upload and no pile, now and after a visit to another page.

    Args:
        names: query parameters to drop; by default both.
    """
    for name in names or (UPLOAD, PILE):
        st.query_params.pop(name, None)
    st.session_state.pop(TRAIN_PICTURES, None)


def remember_opened(run_id: str) -> None:
    """Add a run or an imported model to the lists of this visit."""
    opened: list[str] = st.session_state.setdefault(OPENED, [])
    if run_id not in opened:
        opened.append(run_id)


def lasting() -> bool:
    """Whether the visitor's browser has a cookie by which Tusker knows them after a reload."""
    return visitors.is_token(_cookie())


def visitor_id(settings: Settings) -> str:
    """The id of this visitor, who owns their runs and uploads; empty in personal mode."""
    if settings.mode == "personal":
        return ""
    if lasting():
        return visitors.visitor_id(_cookie())
    return visitors.visitor_id(st.session_state.setdefault(VISITOR, visitors.new_token()))


def _cookie() -> str:
    return str(st.context.cookies.get(visitors.COOKIE, ""))


def listing(settings: Settings) -> Callable[[Path], bool]:
    """A function that says whether a run's folder is in this visitor's lists.

    A run is listed if it is their own, was opened by its link, or is published.
    """
    owned, opened = owning(settings), set(st.session_state.get(OPENED, []))
    return lambda folder: owned(folder) or folder.name in opened or Run(folder).published


def owning(settings: Settings) -> Callable[[Path], bool]:
    """A function that says whether a folder of a run or imported model is this visitor's."""
    if settings.mode == "personal":
        return lambda _: True
    own_id = visitor_id(settings)
    return lambda folder: visitors.owner(folder) == own_id


def may_change(run_id: str, settings: Settings) -> bool:
    """Whether this visitor may rename, correct or delete a run; a link alone gives no such right.

    Nobody may change the sample.
    """
    if run_id == runs.SAMPLE.name or not runs.RUN_ID.fullmatch(run_id):
        return False
    folders = (runs.folder(settings), imported.folder(settings))
    return any(map(owning(settings), (folder / run_id for folder in folders)))
