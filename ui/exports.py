"""Downloads of a model: each format, prepared on demand, with its verification, and the bundle."""

from functools import partial
from typing import Any

import streamlit as st

from core import backbones, runs
from core.export import on_demand, packing
from core.export.formats import FORMATS, TITLES, Format
from core.jobs import State, scheduling
from core.model import storage
from core.runs import Run
from core.runs.verification import FileVerification, Verification
from core.settings import Settings
from ui import job_progress, state, text, widgets

SECONDS = 1
"""Seconds between two looks at files that are being prepared."""


def offer(run: Run, settings: Settings) -> None:
    """A button for the LiteRT file and one for the bundle; the other formats are in the report."""
    if run.at_work(settings) and run.verification() is None:
        job_progress.poll(
            lambda: run.verification() is not None or not run.at_work(settings),
            lambda: st.caption(":material/hourglass_top: The LiteRT file is being verified."),
            SECONDS,
        )
        return
    sizes = packing.sizes(run)
    with st.container(horizontal=True):
        if storage.LITERT in sizes:
            _download(run, FORMATS[0], "Download LiteRT")
        _bundle(run, settings, sizes, list(sizes))
    st.caption(
        "LiteRT: the model as a file for phones and small devices. Bundle: a zip with the model, "
        "its classes and programs that use it. Other formats, such as ONNX: in the report, under "
        "*Export*."
    )


def show(run: Run, settings: Settings) -> None:
    """A button for each format, its verification, and the bundle."""
    if run.id == runs.SAMPLE.name:
        st.info(
            "The sample has no model files to download. Train your own model to get some.",
            icon=":material/inventory_2:",
        )
        return

    def busy() -> bool:
        return scheduling.at_work(run.export_job, settings) or run.at_work(settings)

    if busy():
        job_progress.poll(lambda: not busy(), lambda: _rows(run, settings), SECONDS)
    else:
        _rows(run, settings)
    sizes, verification = packing.sizes(run), run.verification()
    chosen: list[str] = []
    if verification is not None and sizes:
        with st.expander("How the files were verified", icon=":material/verified:"):
            _table(verification, sizes)
        chosen = list(sizes)
        if len(sizes) > 1:
            chosen = st.multiselect(
                "Formats in the bundle",
                list(sizes),
                default=list(sizes),
                format_func=lambda file: f"{TITLES[file]}, {text.size(sizes[file])}",
                key=f"formats {run.id} {len(sizes)}",
            )
    _bundle(run, settings, sizes, chosen)
    with st.expander("What else is in it", icon=":material/folder_zip:"):
        st.markdown(
            "\n".join(
                f"- `{name}`: {description}" for name, description in packing.DESCRIPTIONS.items()
            )
        )
    row = backbones.get(run.config().backbone)
    st.caption(
        f"Input: RGB pictures of {row.size}×{row.size} pixels, 0 to 255; all scaling is inside the "
        f"model. Weights of {text.plain(row.title)}: {row.licence}."
    )


def _rows(run: Run, settings: Settings) -> None:
    waiting = on_demand.waiting(run, settings)
    sizes, verification = packing.sizes(run), run.verification()
    may_prepare = state.may_change(run.id, settings)
    for form in FORMATS:
        with st.container(border=True):
            words, button = st.columns([3, 1], vertical_alignment="center")
            words.markdown(f"**{form.title}** · {form.meaning}")
            result = verification.of(form.file) if verification else None
            with button:
                if form.file in sizes:
                    _download(run, form, "Download", width="stretch")
                elif (waits := form in waiting) or may_prepare:
                    widgets.button(
                        "Preparing" if waits else "Prepare",
                        partial(
                            on_demand.request, run, [form], settings, by=state.visitor_id(settings)
                        ),
                        icon="" if waits else "build",
                        key=f"prepare {form.name}",
                        disabled=waits or not run.complete or run.at_work(settings),
                        width="stretch",
                        about=("export", run.id),
                    )
            if form.file in sizes and result is not None:
                words.caption(_verified(result, sizes[form.file]))
            elif result is not None and form not in waiting:
                words.caption(f":material/block: {text.plain(result.reason, 600)}")
    widgets.show_refusal("export", run.id)
    _progress(run, settings, may_cancel=may_prepare)


def _progress(run: Run, settings: Settings, *, may_cancel: bool) -> None:
    job = run.export_job
    if not job.exists:
        return
    status = scheduling.status(job, settings)
    if status.state is State.FINISHED or status.state is State.CANCELLED:
        return
    if status.state.ended:
        widgets.error(status.sentence)
        return
    if status.state is State.QUEUED:
        st.caption("Waiting. Trainings go first.")
    job_progress.show(job, settings, "export", may_cancel=may_cancel)


def _verified(result: FileVerification, size: int) -> str:
    reference = "model" if result.thumbnails else "report"
    return (
        f":material/verified: Verified on {result.basis}"
        f" · {text.percent(result.agreement)} the same class as the {reference} · {text.size(size)}"
    )


def _table(verification: Verification, sizes: dict[str, int]) -> None:
    passed = [result for result in verification.results if result.file in sizes]
    st.dataframe(
        {
            "Format": [TITLES[result.file] for result in passed],
            "Same class": [text.percent(result.agreement) for result in passed],
            "Same verdict": [text.percent(result.verdicts) for result in passed],
            "Largest difference": [_difference(result) for result in passed],
            "Accuracy": [text.percent(result.accuracy) for result in passed],
            "Time per picture": [f"{result.milliseconds or 0:.1f} ms" for result in passed],
            "Size": [text.size(sizes[result.file]) for result in passed],
            "Opened with": [result.runtime for result in passed],
        },
        hide_index=True,
    )
    pictures = text.count(verification.pictures, "test picture")
    st.caption(
        f"Each file was opened again in a fresh process and evaluated by the program in the "
        f"bundle. The report's accuracy on {pictures} is {text.percent(verification.accuracy)}. "
        "Same class: as in the report. Same verdict: sure, not sure, or not like the training "
        "pictures, and as many classes in the prediction set. Largest difference: of a "
        "probability. Files that were verified on small copies are compared with the model's "
        "answers to the same copies, and their accuracy can differ from the report's."
    )


def _difference(result: FileVerification) -> str:
    if result.difference is None:
        return "–"
    return f"{result.difference:.4f}" if result.difference >= 0.0001 else "under 0.0001"


def _download(run: Run, form: Format, label: str, **more: Any) -> None:
    """A button for one file; a SavedModel, which is a folder, comes as a zip."""
    name = form.file if (run.model_folder / form.file).is_file() else f"{form.file}.zip"
    widgets.download_file(
        label,
        partial(packing.write_format, run, form),
        name,
        key=f"download {form.name} {run.id}",
        **more,
    )


def _bundle(run: Run, settings: Settings, sizes: dict[str, int], chosen: list[str]) -> None:
    total = sum(sizes[file] for file in chosen)
    total += sum(path.stat().st_size for path in packing.other_files(run, settings).values())
    widgets.download_file(
        f"Download the bundle ({text.size(total)})",
        partial(packing.write_bundle, run, settings, chosen=chosen),
        f"tusker-{run.id[:8]}.zip",
        key=f"bundle {run.id}",
    )
