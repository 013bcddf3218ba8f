"""Step 1 of training: keep the pictures of a site, patient, camera or day together."""

import streamlit as st

from core import intake
from core.checks import GROUPS
from core.errors import TuskerError
from core.intake import Intake, choices
from core.intake.choices import Choices
from core.intake.uploads import Upload
from core.system import files
from ui import text, widgets

NONE = "Only pictures that look the same"
WHY = (
    "Pictures of one patient, site, camera or day resemble each other. With some of them in "
    "training and others in the test set, the score says little about new patients or sites."
)


def grouped(upload: Upload, examined: Intake) -> Intake:
    """The intake with its pictures grouped as this visitor chose."""
    current = choices.read(upload.path)
    # What is no longer offered was a folder that is a class again.
    if current.group not in {suggestion.by for suggestion in examined.groupings}:
        return examined
    try:
        stored = files.modified(upload.path / intake.FILE)
        return _grouped(upload.id, current, stored, examined)
    except TuskerError as refusal:  # remedies may leave too few groups
        widgets.error(str(refusal))
        return examined


@st.cache_resource(scope="session", max_entries=2, show_spinner=False)
def _grouped(
    upload_id: str, current: Choices, stored: tuple[int, int], _examined: Intake
) -> Intake:
    """Group once, not at every press: with 20,000 pictures that takes two seconds."""
    del upload_id, stored  # part of the cache key
    return intake.group(_examined, current.group)


def offer(upload: Upload, examined: Intake) -> None:
    """The ways to group that were detected, and a description of the chosen groups."""
    if not examined.groupings:
        return

    def choose(by: str) -> None:
        choices.change(upload.path, lambda now: now.model_copy(update={"group": by}))

    titles = {suggestion.by: suggestion.sentence for suggestion in examined.groupings}
    options = ["", *titles]
    current = choices.read(upload.path)
    by = current.group if current.group in options else ""
    st.selectbox(
        "Keep together in training or test",
        options,
        format_func=lambda by: text.short(titles[by], 100) if by else NONE,
        help=WHY,
        **widgets.stored(f"grouping {upload.id}", by, choose, "change", upload.id),
    )
    described = [finding for finding in examined.findings if finding.code == GROUPS]
    for finding in described:
        st.markdown(f"{widgets.SEVERITY[finding.severity]} {text.plain(finding.sentence, 600)}")
    if not described:
        first = text.plain(examined.groupings[0].sentence, 200)
        st.markdown(
            f":material/lightbulb: Detected: {first}. Keep them together if the model is to work "
            "for new ones."
        )
