"""Elements that several pages share: charts, downloads, uploads and errors."""

import csv
import io
import mimetypes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

import plotly.graph_objects as go
import streamlit as st
from filelock import Timeout
from streamlit.typing import UploadedFile

from core.checks import Severity
from core.dataset import Skipped
from core.errors import TuskerError
from core.predict.table import escape_formula
from ui import internals, resources, state, text
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
BUSY = "Another tab or process is changing this. Try again."


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
    icon: str = "download",
    **more: Any,
) -> None:
    """A download button that leaves the page as it is; a callable is called when it is pressed."""
    more |= {"icon": f":material/{icon}:", "on_click": "ignore"}
    mime, _ = mimetypes.guess_type(file_name)
    st.download_button(label, data, file_name, mime or "application/octet-stream", **more)


def download_file(
    label: str, write: Callable[[IO[bytes]], None], file_name: str, **more: Any
) -> None:
    """A download button for a file that may be large; `write` is called when it is pressed."""
    folder = resources.settings().home
    download(label, lambda: internals.FromDisk(write, folder), file_name, **more)


def download_csv(
    header: Sequence[str],
    rows: Callable[[], Iterable[Sequence[object]]],
    file_name: str,
    **more: Any,
) -> None:
    """A download button for a table. Cells that a spreadsheet would run as formulas become text."""

    def written() -> str:
        out = io.StringIO()
        cells = ([escape_formula(c) if isinstance(c, str) else c for c in row] for row in rows())
        csv.writer(out).writerows([header, *cells])
        return out.getvalue()

    download("Download as CSV", written, file_name, **more)


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


def sentence(refusal: TuskerError | OSError) -> str:
    """What a visitor is told of a refusal, a lock, or a disk that did not store something."""
    if isinstance(refusal, TuskerError):
        return str(refusal)
    if isinstance(refusal, Timeout):
        return BUSY
    return NOT_STORED.format(refusal.strerror or refusal)


@contextmanager
def keep_refusal(*about: str) -> Iterator[None]:
    """Keep why a callback was refused for `show_refusal`; forget the refusal before.

    Args:
        about: what the callback changes, and the id of its run, upload or model if there is one;
            without it nothing is kept, and the page says why it ends.
    """
    st.session_state.pop(state.REFUSAL, None)
    try:
        yield
    except (TuskerError, OSError) as refusal:
        if not about:
            raise
        st.session_state[state.REFUSAL] = about, sentence(refusal)


def show_refusal(*about: str) -> None:
    """Why the last callback was refused, if it was about this."""
    refused, sentence = st.session_state.get(state.REFUSAL, ((), ""))
    if refused == about:
        error(sentence)


def button(
    label: str,
    callback: Callable[..., object],
    *args: Any,
    icon: str = "",
    about: Sequence[str] = (),
    **more: Any,
) -> None:
    """A button whose callback changes something once, however often it is pressed.

    Args:
        icon: name of a Material icon.
        about: where the page shows a refusal, as in `keep_refusal`.
    """
    act = once(keep_refusal(*about)(callback))
    icons = f":material/{icon}:" if icon else None
    st.button(label, on_click=act, args=args, icon=icons, **more)


def lead_to(page: str, label: str, icon: str, query: Mapping[str, str], **more: Any) -> None:
    """A button that leads to another page.

    In a callback, which no other request interrupts. Pressed twice, it leads there twice.
    """
    go = {"page": f"pages/{page}.py", "query_params": query}
    icons = f":material/{icon}:"
    st.button(label, on_click=st.switch_page, kwargs=go, icon=icons, **more)


def stored(key: str, value: object, save: Callable[[Any], object], *about: str) -> dict[str, Any]:
    """Arguments of a widget that shows a stored value and saves what it is changed to.

    The stored value differs from what the browser shows after a change in another tab, or one that
    was refused.

    Args:
        about: where the page shows a refusal, as in `keep_refusal`.
    """
    if st.session_state.get(key) != value:  # else a slider that is moved meanwhile would jump back
        st.session_state[key] = value

    def changed() -> None:
        with keep_refusal(*about):
            save(st.session_state[key])

    return {"key": key, "on_change": changed}


def choice(label: str, options: Sequence[Any], **more: Any) -> Any:
    """A choice between a few options in a row, whose label only screen readers read."""
    return st.radio(label, options, horizontal=True, label_visibility="collapsed", **more)


def once(callback: Callable[..., object]) -> Callable[..., None]:
    """A callback that changes nothing if it is called again, as by a double click.

    Streamlit runs the callback of a widget again for a request that comes before the page is drawn
    again. Wrap it where the widget is drawn, so that the next page has a new one.
    """
    addresses: list[dict[str, str]] = []

    def call(*args: Any, **kwargs: Any) -> None:
        if addresses:
            # The second click brings the address that the page had before the first.
            st.query_params.from_dict(addresses[0])
            return
        try:
            callback(*args, **kwargs)
        finally:
            addresses.append(st.query_params.to_dict())

    return call


def uploader(
    label: str,
    key: str,
    take: Callable[[list[Uploaded]], object],
    *,
    about: Sequence[str] = (),
    **more: Any,
) -> None:
    """An uploader that passes files on and is then empty again.

    Args:
        take: gets the files once, in a callback. They are deleted afterwards.
        about: where the page shows a refusal, as in `keep_refusal`.
    """
    turn = st.session_state.setdefault(f"{key} turn", 0)
    current = f"{key} {turn}"

    def take_files() -> None:
        if files := uploaded_files(current):
            with keep_refusal(*about):
                take([internals.uploaded(file) for file in files])
            st.session_state[f"{key} turn"] += 1  # a new key empties the uploader
            internals.forget_uploads(files)

    with reserved(UPLOADER):
        st.file_uploader(label, key=current, on_change=once(take_files), **more)


def uploaded_files(key: str) -> list[UploadedFile]:
    """The files in an uploader or a camera, by its key; none where it is not on the page.

    A browser that has not heard that its files were taken names them again. Streamlit has a
    `DeletedFile` for each of these, which is left out.
    """
    value = st.session_state.get(key) or []
    values = value if isinstance(value, list) else [value]
    return [file for file in values if isinstance(file, UploadedFile)]
