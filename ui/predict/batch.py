"""Classify many pictures in the page, a slice at a time, and show the answers as a table."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st

from core.archive.sources import Source, is_archive
from core.errors import BadInput, LimitExceeded, TuskerError
from core.images.formats import READABLE
from core.intake import uploads
from core.intake.uploads import Upload
from core.model.batch import Row, answers
from core.model.classifier import on_one_thread
from core.model.decision import Verdict
from core.predict import lookup, sorting, table
from core.settings import Settings
from core.system import files
from ui import job_progress, resources, state, text, widgets
from ui.predict.pictures import Batch

SLICE = 0.5
"""Seconds of work between two checks whether the visitor wants to stop."""
SHOWN = 1_000
"""Rows of the table on the page; the downloads have all."""
BARS = 12
"""Labels that have a bar."""
ORDER = (
    *("Picture", "Label", "Verdict", "Probability", "File", "Prediction set", "Problem"),
    *("Note", "Next label", "Next probability", "Index", "Set coverage"),
)
"""Columns of the table on the page; columns without any value are left out."""
THUMBNAIL = 48
"""Edge of a picture in the table, in pixels."""
SHARES = {"Probability", "Next probability", "Set coverage"}
COLUMNS = dict.fromkeys(SHARES, st.column_config.NumberColumn(format="%.1f %%")) | {
    "Picture": st.column_config.ImageColumn(width=THUMBNAIL + 16),
    # Narrow enough for a phone to show where the verdict begins, too.
    "File": st.column_config.TextColumn(width=100),
    "Label": st.column_config.TextColumn(width=140),
    "Problem": st.column_config.TextColumn(width="large"),
    "Note": st.column_config.TextColumn(width="large"),
}
FORMS = {"csv": "CSV", "jsonl": "JSON lines", "xlsx": "Excel"}


@dataclass
class BatchProgress:
    """The progress and results of a batch.

    Attributes:
        id: of the files, the model and its decision.
        classify: yields the answer for each of some files; None for a file that is no picture.
        sources: all files, in the order of the answers.
        done: number of files that are done.
        answered: predictions so far, each with its picture.
        unpacked: uploads that hold the pictures of its zips.
        seconds: of work so far.
        stopped: whether the visitor or a refusal stopped it.
        refusal: why it stopped; None if the visitor stopped it.
        answers: for the files that are not done.
    """

    id: Hashable
    classify: Callable[[Sequence[Source]], Generator[Row | None]]
    sources: list[Source] = field(default_factory=list)
    done: int = 0
    answered: list[tuple[Row, Source]] = field(default_factory=list)
    unpacked: list[Upload] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False
    refusal: TuskerError | None = None
    answers: Generator[Row | None] = field(init=False)

    def __post_init__(self) -> None:
        self.answers = self.classify(self.sources)

    @property
    def rate(self) -> float:
        """Files per second so far."""
        return self.done / self.seconds if self.seconds else 0.0

    def renew(self, settings: Settings) -> None:
        """Mark its pictures as used, or they would be deleted for their age.

        Raises:
            UnknownModel: they were.
        """
        for upload in self.unpacked:
            uploads.get(settings, upload.id)

    def refuse(self, refusal: TuskerError) -> None:
        """Stop for a reason that may pass."""
        self.stopped, self.refusal = True, refusal
        self.answers.close()
        self.answers = self.classify(self.sources[self.done :])

    def resume(self) -> None:
        """Continue with the files that are not done."""
        self.stopped, self.refusal = False, None

    def clear(self) -> None:
        """End the threads that classify, and delete the unpacked pictures."""
        self.answers.close()
        for upload in self.unpacked:
            files.remove(upload.path)
        self.unpacked.clear()


def show(batch: Batch, model: str, settings: Settings) -> None:
    """Start the batch, continue it, or show its results."""
    progress = st.session_state.get(state.BATCH)
    batch_id = resources.model_version(model), batch
    if progress is None or progress.id != batch_id:
        forget()
        progress = st.session_state[state.BATCH] = _begin(batch, batch_id, model, settings)
    if progress.refusal:
        widgets.error(str(progress.refusal))
    if progress.refusal and not progress.sources:
        if not isinstance(progress.refusal, BadInput):  # else other files are needed
            widgets.button("Try again", forget, icon="replay")
    elif progress.done < len(progress.sources) and not progress.stopped:
        _work(progress, settings)
    else:
        _finished(progress, settings)


def forget() -> None:
    """Drop the batch of this visit, if there is one."""
    progress = st.session_state.pop(state.BATCH, None)
    if progress is not None:
        progress.clear()


def _begin(batch: Batch, batch_id: Hashable, model: str, settings: Settings) -> BatchProgress:
    # Paused between two slices; a model is opened for each core once the first one begins.
    build = partial(lookup.find, model, settings, on_one_thread)
    progress = BatchProgress(batch_id, partial(answers, build, thumbnail_edge=THUMBNAIL))
    pictures = progress.sources
    try:
        with st.spinner("Reading the pictures …"):
            for file in batch.files:
                if is_archive(file.name):
                    prefix = f"{file.name}/" if len(batch.files) > 1 else ""
                    with file.open() as stream:
                        upload, sources = uploads.unpack(
                            stream, settings, prefix=prefix, by=state.visitor_id(settings)
                        )
                    progress.unpacked.append(upload)
                    pictures += sources
                else:
                    pictures.append(Source(file.name, file.content))
        if len(pictures) > settings.batch_pictures:
            raise LimitExceeded(
                f"Expected at most {settings.batch_pictures:,} pictures at once, found "
                f"{len(pictures):,}. Leave some out; the host can raise "
                f"{settings.variable('batch_pictures')}."
            )
    except BaseException as error:  # a refusal, or the visitor left the page
        progress.clear()
        pictures.clear()
        if not isinstance(error, TuskerError):
            raise
        progress.refuse(error)
    return progress


@st.fragment(run_every=0.2)
def _work(progress: BatchProgress, settings: Settings) -> None:
    if not progress.stopped:
        _slice(progress, settings)
    total = len(progress.sources)
    if progress.stopped or progress.done == total:
        st.rerun()
    line, stop = st.columns([4, 1], vertical_alignment="center")
    parts = [f"{progress.done:,} of {total:,}", f"{progress.rate:,.0f} pictures/s"]
    seconds_left = (total - progress.done) / progress.rate
    if seconds_left >= 1:
        parts.append(f"about {text.duration(seconds_left)} left")
    line.progress(progress.done / total, text=" · ".join(parts))
    with stop:
        job_progress.cancel_button("batch", setattr, progress, "stopped", True)
    st.caption("Stay on this page until it is done.")


def _slice(progress: BatchProgress, settings: Settings) -> None:
    """Classify as many pictures as half a second is enough for."""
    began = time.monotonic()
    try:
        progress.renew(settings)
        for row in progress.answers:
            if row is not None:
                progress.answered.append((row, progress.sources[progress.done]))
            progress.done += 1
            if time.monotonic() - began > SLICE:
                break
    except TuskerError as refusal:
        progress.refuse(refusal)
    progress.seconds += time.monotonic() - began
    if progress.done == len(progress.sources):
        progress.answers.close()


def _finished(progress: BatchProgress, settings: Settings) -> None:
    total = len(progress.sources)
    unfinished = progress.done < total
    if unfinished:
        stopped = f"Stopped after {progress.done:,} of {total:,} files."
        st.info(stopped, icon=":material/cancel:")
        label = "Try again" if progress.refusal else "Continue"
        widgets.button(label, progress.resume, icon="play_circle")
    rows = [row for row, _ in progress.answered]
    if not rows:
        if not unfinished:
            progress.clear()
            widgets.error(
                f"Expected pictures ({READABLE}), found none among "
                f"{text.count(total, 'file')}. Choose other files."
            )
        return
    st.header(text.count(len(rows), "picture"))
    outcomes = Counter(row.outcome for row in rows)
    parts = [f"{count:,} {name}" for name, count in outcomes.most_common()]
    if others := progress.done - len(rows):
        parts.append(text.count(others, "file is no picture", "files are no pictures"))
    st.markdown(" · ".join(parts))
    st.caption(f"{text.duration(progress.seconds)} · {progress.rate:,.0f} pictures/s")
    with st.container(horizontal=True):
        for form, name in FORMS.items():
            widgets.download(name, partial(table.to_bytes, rows, form), f"predictions.{form}")
        with contextlib.suppress(TuskerError):  # deleted for their age
            progress.renew(settings)
            widgets.download_file(
                "Sorted into folders",
                lambda file: sorting.write_zip(file, progress.answered),
                "sorted.zip",
                icon="folder_zip",
                help="A zip of class folders with your pictures. Those without an answer are "
                "in separate folders.",
            )
    _table(rows)
    _bars(rows)


def _table(rows: list[Row]) -> None:
    shown = rows[:SHOWN]
    cells = zip(*(map(table.joined, table.cells(row)) for row in shown), strict=True)
    columns: dict[str, list[Any]] = {
        name.capitalize(): list(column)
        for name, column in zip(table.COLUMNS, cells, strict=True)
        if any(cell is not None for cell in column)
    }
    for name in columns.keys() & SHARES:
        columns[name] = [text.column_percent(share) for share in columns[name]]
    columns["Verdict"] = [row.outcome for row in shown]
    columns["Picture"] = [text.data_url(row.thumbnail) if row.thumbnail else None for row in shown]
    st.dataframe(
        columns,
        hide_index=True,
        placeholder="",
        row_height=THUMBNAIL,
        column_order=ORDER,
        column_config=COLUMNS,
        alt="The answer for each picture",
    )
    if len(rows) > SHOWN:
        st.caption(f"The first {SHOWN:,} of {len(rows):,} pictures; the downloads have all.")


def _bars(rows: list[Row]) -> None:
    sure = Counter(row.predictions[0].label for row in rows if row.verdict is Verdict.SURE)
    common = sure.most_common(BARS)
    if not common or common[0][1] == 1:
        return  # a chart of ones says nothing
    for label, count in common:
        widgets.bar(label, count / common[0][1], f"{count:,}")
    if len(sure) > BARS:
        rest = text.count(sure.total() - sum(count for _, count in common), "picture")
        st.caption(f"{rest} have {len(sure) - BARS:,} other labels.")
