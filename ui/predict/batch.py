"""Answer many pictures in the page, a slice of them at a time, and show them as a table."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import streamlit as st

from core.archive.sources import Source, is_zip
from core.errors import LimitExceeded, TuskerError
from core.intake import uploads
from core.intake.uploads import Upload
from core.model import batch
from core.model.batch import Row
from core.model.classifier import Verdict
from core.predict import table
from core.settings import Settings
from ui import resources, state, text
from ui.charts import batch as batch_chart
from ui.predict.pictures import Batch

SLICE = 0.5
"""Seconds of work between two looks at whether somebody wants to stop."""
AT_ONCE = 16
"""Pictures that are begun together; a slice has as many such heaps as fit into it."""
SHOWN = 1_000
"""Rows of the table that a page shows; the files to download have all."""
BARS = 12
"""Labels that the chart shows."""
FORMS = {
    "csv": ("CSV", "text/csv"),
    "jsonl": ("JSON lines", "application/jsonl"),
    "xlsx": ("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
OUTCOMES = {
    Verdict.SURE: "answered",
    Verdict.NOT_SURE: "not sure",
    Verdict.UNLIKE: "unlike what it knows",
    None: "not readable",
}
TEXTS = {
    "file": "File",
    "label": "Label",
    "next label": "Next best",
    "verdict": "Verdict",
    "problem": "Problem",
}
SHARES = {"probability": "Probability", "next probability": "Its probability"}
TITLES = ("File", "Label", "Probability", "Next best", "Its probability", "Verdict", "Problem")
"""The columns as the page has them, in their order; one with nothing in it is left out."""


@dataclass
class Standing:
    """How far a batch has come.

    Attributes:
        id: of what was given and of the model that is asked.
        waiting: what is still to be answered.
        total: of files, answered or waiting.
        unpacked: where the pictures of its zips are.
        seconds: of work so far.
        stopped: by the visitor.
        refusal: why nothing came of it; empty if something did.
    """

    id: str
    waiting: list[Source] = field(default_factory=list)
    total: int = 0
    rows: list[Row] = field(default_factory=list)
    unpacked: list[Upload] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False
    refusal: str = ""

    @property
    def done(self) -> int:
        """Files that were looked at."""
        return self.total - len(self.waiting)

    @property
    def rate(self) -> float:
        """Files a second so far."""
        return self.done / self.seconds if self.seconds else 0.0


def show(given: Batch, model: str, settings: Settings) -> None:
    """Begin, go on, or show what came of it."""
    standing = st.session_state.get(state.BATCH)
    if standing is None or standing.id != f"{model} {given.id}":
        forget()
        standing = _begin(given, f"{model} {given.id}", settings)
        st.session_state[state.BATCH] = standing
    if standing.refusal:
        st.error(text.plain(standing.refusal, 600), icon=":material/error:")
    elif standing.waiting and not standing.stopped:
        _work(standing, model, settings)
    else:
        _finished(standing)


def forget() -> None:
    """Drop the batch of this visit, if there is one."""
    standing = st.session_state.pop(state.BATCH, None)
    if standing is not None:
        _clear(standing)


def _clear(standing: Standing) -> None:
    for upload in standing.unpacked:
        uploads.delete(upload)
    standing.unpacked.clear()


def _begin(given: Batch, name: str, settings: Settings) -> Standing:
    standing = Standing(name)
    try:
        with st.spinner("Taking them in …"):
            for file in given.files:
                if is_zip(file.name):
                    file.seek(0)
                    prefix = f"{file.name}/" if len(given.files) > 1 else ""
                    upload, found = uploads.unpack(
                        file, settings, prefix=prefix, by=state.mark(settings)
                    )
                    standing.unpacked.append(upload)
                    standing.waiting += found
                else:
                    standing.waiting.append(Source(file.name, file.getvalue()))
        _check(standing, settings)
    except TuskerError as refusal:
        _clear(standing)
        standing.waiting.clear()
        standing.refusal = str(refusal)
    except BaseException:  # somebody left in the middle
        _clear(standing)
        raise
    standing.total = len(standing.waiting)
    return standing


def _check(standing: Standing, settings: Settings) -> None:
    count = len(standing.waiting)
    if count > settings.batch_pictures:
        raise LimitExceeded(
            f"Expected at most {settings.batch_pictures:,} pictures at once, found {count:,}. "
            f"Leave some out; the host can raise {settings.variable('batch_pictures')}."
        )


@st.fragment(run_every=0.2)
def _work(standing: Standing, model: str, settings: Settings) -> None:
    if standing.waiting and not standing.stopped:
        _slice(standing, model, settings)
    if standing.stopped or standing.refusal or not standing.waiting:
        st.rerun()
    line, stop = st.columns([4, 1], vertical_alignment="center")
    said = [f"{standing.done:,} of {standing.total:,}", f"{standing.rate:,.0f} pictures/s"]
    left = len(standing.waiting) / standing.rate
    if left >= 1:
        said.append(f"about {text.duration(left)} left")
    line.progress(standing.done / standing.total, text=" · ".join(said))
    stop.button(
        "Cancel",
        icon=":material/stop_circle:",
        width="stretch",
        on_click=_stop,
        args=(standing,),
        key="cancel batch",
    )
    st.caption("Stay on this page until it is done.")


def _slice(standing: Standing, model: str, settings: Settings) -> None:
    """Answer as many pictures as half a second is enough for."""
    began = time.monotonic()
    before = standing.seconds
    try:
        crew = resources.crew(model)
        for upload in standing.unpacked:
            uploads.get(settings, upload.id)  # else it would be forgotten one day
        while standing.waiting and standing.seconds - before <= SLICE:
            rows = batch.answers(iter(crew).__next__, standing.waiting[:AT_ONCE])
            standing.rows += [row for row in rows if row is not None]
            del standing.waiting[:AT_ONCE]
            standing.seconds = before + time.monotonic() - began
    except TuskerError as refusal:
        standing.refusal = str(refusal)
    if not standing.waiting:
        _clear(standing)


def _stop(standing: Standing) -> None:
    standing.stopped = True


def _go_on(standing: Standing) -> None:
    standing.stopped = False


def _finished(standing: Standing) -> None:
    if standing.waiting:
        st.info(
            f"Stopped after {standing.done:,} of {standing.total:,} files.",
            icon=":material/cancel:",
        )
        st.button("Go on", icon=":material/play_circle:", on_click=_go_on, args=(standing,))
    rows = standing.rows
    if not rows:
        if not standing.waiting:
            st.info("No pictures were found in it.", icon=":material/help:")
        return
    st.subheader(text.count(len(rows), "picture"))
    verdicts = Counter(row.verdict for row in rows)
    said = [f"{verdicts[one]:,} {what}" for one, what in OUTCOMES.items() if verdicts[one]]
    st.markdown(" · ".join(said))
    st.caption(f"{text.duration(standing.seconds)} · {standing.rate:,.0f} pictures/s")
    with st.container(horizontal=True):
        for form, (name, kind) in FORMS.items():
            st.download_button(
                name,
                _packed(standing.id, len(rows), form, rows),
                file_name=f"predictions.{form}",
                mime=kind,
                icon=":material/download:",
                on_click="ignore",
            )
    _table(rows)
    _bars(rows)


@st.cache_data(scope="session", max_entries=3, show_spinner=False)
def _packed(name: str, count: int, form: str, _rows: list[Row]) -> bytes:
    del name, count  # what the cache goes by
    return table.packed(_rows, form)


def _table(rows: list[Row]) -> None:
    shown = [dict(zip(table.COLUMNS, table.cells(row), strict=True)) for row in rows[:SHOWN]]
    found: dict[str, list[object]] = {
        title: [line[column] or "" for line in shown] for column, title in TEXTS.items()
    }
    for column, title in SHARES.items():
        found[title] = [None if line[column] is None else 100 * line[column] for line in shown]
    order = [title for title in TITLES if any(found[title])]
    st.dataframe(
        {title: found[title] for title in order},
        hide_index=True,
        alt="What was said of each picture",
        column_config={
            title: st.column_config.NumberColumn(format="%.1f %%") for title in SHARES.values()
        },
    )
    if len(rows) > SHOWN:
        st.caption(f"The first {SHOWN:,} of {len(rows):,}; the files to download have all.")


def _bars(rows: list[Row]) -> None:
    sure = Counter(row.predictions[0].label for row in rows if row.verdict is Verdict.SURE)
    common = sure.most_common(BARS)
    if not common:
        return
    labels, counts = zip(*common, strict=True)
    st.plotly_chart(
        batch_chart.label_counts(labels, counts),
        width="stretch",
        config={"displayModeBar": False},
        alt="; ".join(f"{label} {count:,}" for label, count in common),
    )
    if len(sure) > BARS:
        rest = sure.total() - sum(counts)
        st.caption(f"{text.count(rest, 'picture')} went to {len(sure) - BARS:,} other labels.")
