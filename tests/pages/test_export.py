import html
import shutil
from typing import Any

import pytest

from core import runs
from core.evaluation import describe
from core.evaluation.report import Footprint
from core.export import card
from core.export.formats import FORMATS, INT8, ONNX
from core.jobs import State
from core.jobs.folder import PRIVATE
from core.jobs.queue import Queue
from core.model import storage
from core.runs.filenames import DATASET, FOOTPRINT
from core.runs.run import Run
from core.runs.verification import FileVerification, Verification
from core.settings import Settings
from core.system import visitors
from tests.pages.conftest import NAMES
from tests.pages.visitor import Visitor, plain_text

FILES = {"Report as one HTML file", "Report as JSON", "Download MODEL_CARD.md"}


def test_the_model_the_report_and_the_card_can_be_downloaded(visitor: Visitor, run: Run) -> None:
    visitor.open("reports", run=run.id, view="Export")
    groups = [heading.value for heading in visitor.at.header]
    assert groups[-4:] == ["The model", "In your code", "The report", "The model card"]
    assert set(visitor.buttons()) >= FILES
    assert visitor.download("Download MODEL_CARD.md").decode() == card.card(run)
    assert run.report().headline in html.unescape(
        visitor.download("Report as one HTML file").decode()
    )


def test_the_report_file_of_a_damaged_or_deleted_run_says_why_there_is_none(
    visitor: Visitor, run: Run
) -> None:
    visitor.open("reports", run=run.id, view="Export")
    (run.path / DATASET).unlink()
    assert b"<p>dataset.json of this run cannot" in visitor.download("Report as one HTML file")
    shutil.rmtree(run.path)
    assert b"It may have been deleted" in visitor.download("Report as one HTML file")


def test_the_card_on_the_page_does_not_render_names(visitor: Visitor, run: Run) -> None:
    visitor.open("reports", run=run.id, view="Export")
    (shown,) = [text for text in visitor.markdown_texts() if "## Limits" in text]
    for name in NAMES:
        assert name in plain_text(shown)
        assert name not in shown, "it would be rendered"
    assert describe(run.report().accuracy) in shown
    assert not [line for line in shown.splitlines() if line.startswith(("# ", "## "))]


def test_time_size_and_parameters_are_shown(visitor: Visitor, run: Run) -> None:
    run.footprint.write(Footprint(milliseconds=4.26, megabytes=18.71, parameters=4_123_456))
    visitor.open("reports", run=run.id, view="Export")
    shown = {metric.label: metric.value for metric in visitor.at.metric}
    assert shown["Time per picture"] == "4.3 ms"
    assert shown["Size"] == "19 MB"
    assert shown["Parameters"] == "4.1 million"
    (run.path / FOOTPRINT).unlink()
    assert "Its speed and size were not measured." in visitor.rerun().text()


def test_a_file_that_could_not_be_made_is_explained(visitor: Visitor, run: Run) -> None:
    reason = f"{storage.LITERT} was not made: {NAMES[0]} is no name."
    failed = FileVerification(file=storage.LITERT, passed=False, reason=reason)
    run.verification.write(Verification(pictures=12, accuracy=0.875, results=(failed,)))
    visitor.open("reports", run=run.id, view="Export")
    assert reason in visitor.text()
    assert visitor.buttons().count("Prepare") == len(FORMATS)
    assert "In your code" not in visitor.text()


def test_a_run_without_job_files_can_be_shown(visitor: Visitor, run: Run) -> None:
    for name in PRIVATE:
        (run.path / name).unlink(missing_ok=True)
    visitor.open("reports", run=run.id, view="Export")
    assert any(label.startswith("Download the bundle") for label in visitor.buttons())
    visitor.open("train", run=run.id)
    assert any(label.startswith("Download the bundle") for label in visitor.buttons())


@pytest.fixture
def verified_run(run: Run) -> Run:
    """A run with files of three formats that passed and one that did not."""
    for name in (storage.LITERT, storage.KERAS, ONNX):
        (run.model_folder / name).write_bytes(name.encode())
    figures: dict[str, Any] = {"agreement": 1.0, "difference": 2e-7, "accuracy": 0.9}
    figures |= {"milliseconds": 4.26, "pictures": 12}
    passed = [
        FileVerification(file=name, passed=True, runtime="a program 1.0", **figures)
        for name in (storage.LITERT, storage.KERAS, ONNX)
    ]
    withheld = FileVerification(
        file=INT8, passed=False, reason=f"{INT8} gets 3 % right, [so](x) it was."
    )
    results = (*passed, withheld)
    run.verification.write(Verification(pictures=12, accuracy=0.875, results=results))
    return run


def test_each_format_is_shown_with_its_verification_and_withheld_ones_with_the_reason(
    visitor: Visitor, verified_run: Run
) -> None:
    visitor.open("reports", run=verified_run.id, view="Export")
    (table,) = [frame.value for frame in visitor.at.dataframe if "Same class" in frame.value]
    assert list(table["Format"]) == ["LiteRT", "Keras", "ONNX"]
    assert set(table["Same class"]) == {"100 %"}
    assert set(table["Largest difference"]) == {"under 0.0001"}
    assert set(table["Accuracy"]) == {"90.0 %"}
    assert set(table["Time per picture"]) == {"4.3 ms"}
    assert "The report's accuracy on 12 test pictures is 87.5 %" in visitor.text()
    assert "classifier-int8.tflite gets 3 % right, [so](x) it was." in visitor.text()
    assert visitor.buttons().count("Download") == 3
    assert visitor.buttons().count("Prepare") == 2
    assert "Verified on 12 test pictures" in visitor.text()


def test_a_press_requests_a_format_and_it_can_be_cancelled(
    visitor: Visitor, verified_run: Run, host: Settings
) -> None:
    Queue("train", host).add(verified_run.path.with_name("f" * 32))  # so that it waits
    visitor.open("reports", run=verified_run.id, view="Export")
    visitor.press_key("prepare saved-model")
    assert verified_run.export_job.spec().arguments == {"formats": ["saved-model"]}
    assert visitor.buttons().count("Preparing") == 1
    assert "Trainings go first." in visitor.text()
    visitor.press("Cancel")
    assert visitor.buttons().count("Preparing") == 0
    assert verified_run.export_job.recorded().state is State.CANCELLED


def test_only_the_owner_can_have_formats_prepared(
    visitor: Visitor, verified_run: Run, public: None
) -> None:
    visitors.set_owner(verified_run.path, "somebody else")
    visitor.open("reports", run=verified_run.id, view="Export")
    assert "Prepare" not in visitor.buttons()
    assert visitor.buttons().count("Download") == 3


def test_the_button_says_how_large_the_chosen_formats_are(
    visitor: Visitor, verified_run: Run
) -> None:
    (verified_run.model_folder / ONNX).write_bytes(bytes(3 * 2**20))
    visitor.open("reports", run=verified_run.id, view="Export")
    formats = visitor.field("Formats in the bundle")
    assert formats.value == [storage.LITERT, storage.KERAS, ONNX]
    assert "Download the bundle (3.1 MB)" in visitor.buttons()
    formats.set_value([storage.LITERT])
    assert [name for name in visitor.rerun().buttons() if "bundle" in name and "kB" in name]


def test_the_code_for_each_language_is_filled_with_the_model(
    visitor: Visitor, verified_run: Run
) -> None:
    visitor.open("reports", run=verified_run.id, view="Export")
    language = visitor.field("Language and file")
    assert language.options == [
        "Python, LiteRT",
        "Python, Keras",
        "Python, ONNX",
        "JavaScript, ONNX",
        "Kotlin, LiteRT",
    ]
    for option in language.options:
        visitor.fill("Language and file", option)
        (written,) = [code.value for code in visitor.at.code]
        assert "SIZE" in written
        assert "224" in written or "32" in written


def test_the_sample_says_that_it_comes_without_its_model(visitor: Visitor) -> None:
    visitor.open("reports", run=runs.SAMPLE.name, view="Export")
    assert "The sample has no model files to download." in visitor.text()
    assert set(visitor.buttons()) >= FILES
    assert not [label for label in visitor.buttons() if "bundle" in label]
