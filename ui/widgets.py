"""Elements that several pages share: charts, downloads, errors, and the progress of a job."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import plotly.graph_objects as go
import streamlit as st

from core.checks import Severity
from core.dataset import Skipped
from core.errors import TuskerError
from core.export.card import PHASES
from core.jobs import JobFolder, State, cancel, scheduling
from core.jobs.events import Epoch, Note, Step
from core.predict.table import inert
from core.settings import Settings
from ui import internals, resources, text
from ui.charts.drawing import PLAIN
from ui.internals import Uploaded

SEVERITY = {
    Severity.BLOCKS: ":material/block:",
    Severity.WARNS: ":material/warning:",
    Severity.INFORMS: ":material/info:",
}
"""Icons of findings."""
UPLOADER, TILE = 129, 97
"""Pixels of the height of an uploader and of a figure, which browsers load late."""
NOT_STORED = (
    "This could not be stored on this host ({}). Delete runs that are no longer needed, or try "
    "again later."
)


def chart(figure: go.Figure, **more: Any) -> None:
    """A figure of `ui.charts` with its text alternative, without Plotly's buttons."""
    st.plotly_chart(figure, config=PLAIN, alt=figure.layout.meta, **more)


@contextmanager
def reserved(height: int) -> Iterator[None]:
    """Draw elements that the browser loads late, in a place that is at least so high at once.

    Otherwise everything below moves down when they arrive.
    """
    with st.container(horizontal=True, wrap=False, gap=None):
        with st.container():
            yield
        st.container(width=1, height=height, border=False)


def metrics(*figures: tuple[str, str, str], width: int = 270) -> None:
    """Figures as tiles: what each is, its value, and an explanation or an empty string.

    Args:
        width: least width of a tile in pixels.
    """
    with st.grid(min_column_width=width, gap="small"):
        for label, value, explanation in figures:
            st.metric(label, value, border=True, help=explanation or None, height=TILE)


def bar(name: str, share: float, value: str) -> None:
    """A bar with a name that visitors may have chosen and its value: `tabby · 85 %`.

    A native element: a Plotly figure takes far longer on the server and in the browser.

    Args:
        share: length of the bar, 0 to 1.
    """
    st.progress(min(1.0, share), text=f"{text.plain(name, 120)} · {value}")


def heat_map_strength(key: str, **more: Any) -> float:
    """A slider for how much a heat map covers the picture, 0 to 1."""
    label = "Strength of the heat map"
    return st.slider(label, 0, 100, 70, step=5, format="%d %%", key=key, **more) / 100


def download(
    label: str,
    data: bytes | str | Callable[[], bytes | str | io.RawIOBase],
    file_name: str,
    mime: str,
    *,
    icon: str = ":material/download:",
    **more: Any,
) -> None:
    """A download button that leaves the page as it is; a callable is called when it is pressed."""
    st.download_button(label, data, file_name, mime, icon=icon, on_click="ignore", **more)


def download_file(
    label: str, write: Callable[[IO[bytes]], None], file_name: str, mime: str, **more: Any
) -> None:
    """A download button for a file that may be large; `write` is called when it is pressed."""
    folder = resources.settings().home
    download(label, lambda: internals.FromDisk(write, folder), file_name, mime, **more)


def download_csv(
    header: Sequence[str],
    rows: Callable[[], Iterable[Sequence[object]]],
    file_name: str,
    **more: Any,
) -> None:
    """A download button for a table. Cells that a spreadsheet would run as formulas become text."""
    download("Download as CSV", lambda: _csv(header, rows()), file_name, "text/csv", **more)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    for row in rows:
        writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()


def skipped(files: Sequence[Skipped]) -> None:
    """Every file that was left out and why, on the screen and as CSV; nothing if there is none."""
    if not files:
        return
    count = text.count(len(files), "file was left out", "files were left out")
    with st.expander(count, icon=":material/visibility_off:"):
        columns = {"File": [file.name for file in files], "Why": [file.reason for file in files]}
        st.dataframe(columns, hide_index=True)
        rows = [(file.name, file.reason) for file in files]
        download_csv(("file", "why"), lambda: rows, "left_out.csv")


def error(sentence: str, icon: str = ":material/error:") -> None:
    """A sentence that may hold names that visitors chose, as an error."""
    st.error(text.plain(sentence, 900), icon=icon)


@contextmanager
def keep_refusal(key: str) -> Iterator[None]:
    """Keep the sentence of a refused callback for `show_refusal`; forget the one before.

    Args:
        key: in the session state.
    """
    try:
        yield
    except TuskerError as refusal:
        st.session_state[key] = str(refusal)
    except OSError as failure:
        st.session_state[key] = NOT_STORED.format(failure.strerror or failure)
    else:
        st.session_state.pop(key, None)


def show_refusal(key: str) -> None:
    """The refusal that was kept under a key of the session state, if there is one."""
    if key in st.session_state:
        error(st.session_state[key])


def uploader(label: str, key: str, take: Callable[[list[Uploaded]], object], **more: Any) -> None:
    """An uploader that passes files on and is then empty again.

    Args:
        take: gets the files once, in a callback. They are deleted afterwards.
        more: further arguments of `st.file_uploader`.
    """
    turn = st.session_state.setdefault(f"{key} turn", 0)
    current = f"{key} {turn}"

    def take_files() -> None:
        value = st.session_state[current]
        files = value if isinstance(value, list) else [value] if value else []
        if not files:
            return
        take([internals.uploaded(file) for file in files])
        st.session_state[f"{key} turn"] += 1  # a new key empties the uploader
        internals.forget_uploads(files)

    with reserved(UPLOADER):
        st.file_uploader(label, key=current, on_change=take_files, **more)


@st.fragment(run_every=0.5)
def watch(job: JobFolder, settings: Settings, noun: str, *, may_cancel: bool = True) -> None:
    """Progress of a job; the page is drawn again once it has ended.

    Args:
        noun: what the job is, such as `upload`.
    """
    if scheduling.status(job, settings).state.ended:
        st.rerun()
    progress(job, settings, noun, may_cancel=may_cancel)


def progress(
    job: JobFolder,
    settings: Settings,
    noun: str,
    unit: str = "",
    *,
    may_cancel: bool = True,
    expected: float | None = None,
) -> None:
    """A bar with the step of a job, its progress and the time left, and a button to cancel it.

    Args:
        noun: what the job is, such as `upload`.
        unit: of the rate, such as `pictures/s`; no rate is shown without one.
        expected: seconds that all its steps are expected to take. The bar then covers all of them.
    """
    status = scheduling.status(job, settings)
    line, stop = st.columns([5, 1], vertical_alignment="center")
    if may_cancel:
        cancel_button(f"cancel {noun}", stop, cancel, job, settings)
    if status.state is State.QUEUED:
        before = scheduling.position(job, settings)
        ahead = f"{text.count(before, noun)} before yours" if before else "Starting"
        line.progress(0.0, text=text.plain(status.sentence, 300) if status.sentence else ahead)
        return
    shown = [event for event in job.events.read() if isinstance(event, Step | Epoch | Note)]
    last = shown[-1] if shown else None
    parts: list[str] = [] if shown else ["Starting"]
    share = 0.0
    rate, seconds_left = None, None
    match last:
        case Note():
            parts.append(last.sentence.rstrip("."))
        case Step():
            parts.append(f"{last.what}: {last.done:,} of {last.total:,}")
            share, rate, seconds_left = (
                last.done / max(1, last.total),
                last.per_second,
                last.seconds_left,
            )
        case Epoch():
            phase = PHASES.get(last.phase, last.phase)
            limit = "of" if last.unit == "epoch" else "of at most"
            parts.append(f"{phase}: {last.unit} {last.epoch} {limit} {last.epochs}")
            share, seconds_left = last.epoch / last.epochs, last.seconds_left
            # The head is trained on stored features, so its rate is not one of pictures.
            rate = None if last.phase == "head" else last.pictures_per_second
    if rate and unit:
        parts.append(f"{rate:,.0f} {unit}")
    seconds = status.earlier_seconds + (status.seconds or 0)
    if expected is not None:
        tuning = isinstance(last, Epoch) and last.phase == "fine-tune"
        remaining = (
            (seconds_left or 0.0) if tuning else max(expected - seconds, seconds_left or 0.0)
        )
        share = min(0.99, seconds / max(seconds + remaining, 1e-9))
        if remaining >= 1:
            parts.append(f"about {text.duration(remaining)} left")
    elif seconds_left is not None and seconds_left >= 1:
        parts.append(f"about {text.duration(seconds_left)} left in this step")
    if seconds >= 1:
        parts.append(f"{text.duration(seconds)} so far")
    line.progress(min(1.0, share), text=" · ".join(parts))


def cancel_button(key: str, column: Any, callback: Callable[..., None], *args: Any) -> None:
    """A button to cancel a job, in a column beside its bar."""
    column.button(
        "Cancel",
        key=key,
        icon=":material/stop_circle:",
        width="stretch",
        on_click=callback,
        args=args,
    )
