import base64
import io
from collections.abc import Callable

import pytest
from PIL import Image

from core import runs
from core.errors import LimitExceeded
from core.evaluation import Estimate, Report
from core.intake.uploads import Upload
from core.jobs import State
from core.jobs.events import Epoch, Note
from core.jobs.queue import Queue
from core.runs import Run
from core.settings import Settings
from core.training import config
from tests.pages.conftest import NAMES, seal
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded, zipped

STEPS = ("1 · Pictures", "2 · Method", "3 · Start")
FIRST = [STEPS[0], *(f":gray[{step}]" for step in STEPS[1:])]


def _disabled(visitor: Visitor) -> set[str]:
    """Labels of the numbers that cannot be changed."""
    return {field.label for field in visitor.at.number_input if field.disabled}


def test_the_sample_is_uploaded_and_trained_with_one_press_each(
    visitor: Visitor,
    dispatchers: None,
    host: Settings,
    run_of_visitor: Callable[[Visitor], Run],
) -> None:
    visitor.open("train")
    assert visitor.headings() == FIRST
    visitor.press("Use the sample")
    upload_id = visitor.at.query_params["upload"]
    visitor.wait_until(lambda: visitor.headings() == [*STEPS])
    assert "Handwritten digits · 10 classes · 400 pictures" in visitor.text()
    visitor.at.session_state["strips"] = True
    assert len(visitor.rerun().at.image) >= 10, "a strip of pictures for each class, unfolded"

    visitor.choose("Quick", "quick").press("Start training")
    run = run_of_visitor(visitor)
    assert "upload" not in visitor.at.query_params, (
        "the link of a run does not hand out its pictures"
    )
    assert run.pictures is not None and run.pictures.parent.name in upload_id
    assert run.config() == config.preset("quick").model_copy(
        update={"augmentation": config.Augmentation(flip=False)}  # digits are not mirrored
    )
    assert "10 classes · 400 pictures" in visitor.text()
    assert "Cancel" in visitor.buttons()
    visitor.press("Cancel")
    visitor.wait_until(lambda: "Cancelled" in visitor.text())
    assert run.status(host).state is State.CANCELLED


def test_advanced_settings_are_used(
    visitor: Visitor, upload: Upload, run_of_visitor: Callable[[Visitor], Run]
) -> None:
    visitor.open("train", upload=upload.id).choose("Best", "best")
    visitor.fill("Batch size", 8).fill("Seed", 7).fill("Test share", 0.25)
    visitor.fill("Views of each picture", 3)
    visitor.fill("Rotation (degrees)", 30.0).fill("Hidden layers", "64, 16")
    visitor.fill("Stages to unfreeze", 1).fill("Features", "depths")
    visitor.fill("Optimiser", "sgd", first=True).fill("Momentum", 0.5, first=True)
    visitor.fields("Optimiser")[1].set_value("adamw")
    visitor.rerun().fields("Weight decay")[1].set_value(0.01)
    visitor.rerun().press("Start training")
    run_config = run_of_visitor(visitor).config()
    assert run_config.preset == "custom"
    assert (run_config.batch_size, run_config.seed, run_config.test) == (8, 7, 0.25)
    assert run_config.augmentation.rotation == 30
    assert run_config.head.hidden == (64, 16)
    assert (run_config.unfreeze.stages, run_config.features) == (1, "depths")
    best = config.preset("best")
    assert run_config.head_phase == best.head_phase.model_copy(
        update={"optimizer": "sgd", "momentum": 0.5}
    ), "the rest is the preset's"
    assert run_config.fine_tune_phase == best.fine_tune_phase.model_copy(
        update={"optimizer": "adamw", "weight_decay": 0.01}
    )


def test_pictures_and_settings_are_the_same_after_a_visit_to_another_page(
    visitor: Visitor, upload: Upload, run_of_visitor: Callable[[Visitor], Run]
) -> None:
    visitor.open("train", upload=upload.id).choose("Best", "best")
    visitor.fill("Time budget (minutes)", 9.0).fill("Seed", 7).fill("Hidden layers", "32")
    visitor.fill("Mirror", False).fill("Class weights", True).fill("Name of the run", "Of May")
    visitor.fill("Optimiser", "sgd", first=True)
    visitor.choose("Balanced", "balanced").fill("Seed", 8).choose("Best", "best")
    visitor.open("reports").open("train")
    assert visitor.at.query_params["upload"] == upload.id
    assert visitor.value("Time budget (minutes)") == 9
    visitor.press("Start training")
    run = run_of_visitor(visitor)
    used = run.config()
    assert (used.seed, used.head.hidden, used.class_weights) == (7, (32,), True)
    assert not used.augmentation.flip
    assert used.head_phase.optimizer == "sgd"
    assert run.annotations().name == "Of May"
    assert visitor.open("reports").open("train").headings() == FIRST
    visitor.open("train", upload=upload.id)
    assert not visitor.value("Name of the run"), "another run, another name"


def test_pictures_that_were_left_do_not_come_back(visitor: Visitor, upload: Upload) -> None:
    assert visitor.open("train", upload=upload.id).headings() == [*STEPS]
    assert visitor.open("train").headings() == FIRST
    visitor.open("train", upload=upload.id).press("Choose other pictures")
    assert visitor.open("reports").open("train").headings() == FIRST


def test_settings_that_do_not_fit_together_say_so_and_cannot_be_started(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id).fill("Hidden layers", "64, many")
    assert visitor.button("Start training").disabled
    assert visitor.at.error
    visitor.fill("Hidden layers", "64").fill("Test share", 0.95)
    assert visitor.button("Start training").disabled
    assert "Test share: expected 0.05 to 0.5, found 0.95." in visitor.text()
    visitor.fill("Test share", 0.2)
    assert not visitor.button("Start training").disabled
    assert not visitor.at.error


def test_settings_without_effect_cannot_be_changed_and_views_are_previewed(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    solved = {"Batch size", "Label smoothing"}
    assert {"Rotation (degrees)", *solved} <= _disabled(visitor)
    assert "Test share" not in _disabled(visitor)
    shown = len(visitor.at.image)
    visitor.fill("Views of each picture", 3)
    assert "Rotation (degrees)" not in _disabled(visitor)
    assert len(visitor.at.image) > shown
    assert "One of your pictures, as it will be varied" in visitor.text()
    assert not solved & _disabled(visitor.fill("Hidden layers", "64"))
    optimisers = {"Momentum", "Weight decay"}
    assert optimisers <= _disabled(visitor)
    for optimiser, used in (("sgd", "Momentum"), ("adamw", "Weight decay")):
        visitor.fill("Optimiser", optimiser, first=True)
        assert not visitor.fields(used)[0].disabled, "of the head"
        assert visitor.fields(used)[1].disabled, "nothing is fine-tuned"
        assert visitor.fields(*optimisers - {used})[0].disabled
    assert not visitor.field("Features").disabled
    visitor.fill("Backbone", "resnet50")
    assert visitor.field("Features").disabled, "it has one depth"


def test_settings_count_while_advanced_is_folded(
    visitor: Visitor, upload: Upload, run_of_visitor: Callable[[Visitor], Run]
) -> None:
    visitor.open("train", upload=upload.id).fill("Seed", 7).fill("Test share", 0.95)
    visitor.at.session_state["advanced"] = False
    visitor.rerun()
    assert not visitor.fields("Seed")
    assert visitor.button("Start training").disabled
    assert "Correct what is marked under Advanced" in visitor.text()
    visitor.at.session_state["advanced"] = True
    visitor.rerun().fill("Test share", 0.25)
    visitor.at.session_state["advanced"] = False
    visitor.rerun().press("Start training")
    used = run_of_visitor(visitor).config()
    assert (used.seed, used.test) == (7, 0.25)


def test_an_upload_with_its_own_test_set_leaves_its_share_without_effect(visitor: Visitor) -> None:
    pictures = {
        f"{split}/{label}/{number}.jpg": encoded(draw(label, number + 20 * (split == "test")))
        for split in ("train", "test")
        for label in range(2)
        for number in range(8)
    }
    visitor.open("train").upload(("split.zip", zipped(pictures)))
    visitor.wait_until(lambda: "Start training" in visitor.buttons())
    assert "Test share" in _disabled(visitor)
    assert "Validation share" not in _disabled(visitor)
    assert "has its own test pictures" in visitor.text()


def test_strips_show_the_central_square_of_each_picture(visitor: Visitor) -> None:
    wide = {
        f"{label}/{number}.png": encoded(draw(label, number).resize((240, 120)), "PNG")
        for label in range(2)
        for number in range(8)
    }
    visitor.open("train").upload(("wide.zip", zipped(wide)))
    visitor.wait_until(lambda: "Start training" in visitor.buttons())
    shown = [part.url for image in visitor.at.image for part in image.proto.imgs]
    urls = [url for url in shown if url.startswith("data:")]  # not those of findings
    assert len(urls) == 16 + 8, "and those of a class from which some can be moved"
    for url in urls:
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as shown:
            assert shown.width == shown.height


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no zip at all", "zip"),
        (zipped({f"{n}.jpg": encoded(draw(0, n)) for n in range(9)}), "class folders"),
    ],
    ids=["no zip", "no folders"],
)
def test_a_bad_zip_is_refused_in_a_sentence_and_others_can_be_chosen(
    visitor: Visitor, content: bytes, why: str
) -> None:
    visitor.open("train").upload(("flowers.zip", content))
    visitor.wait_until(lambda: visitor.at.error)
    (refusal,) = visitor.at.error
    assert why in refusal.value
    assert refusal.value.rstrip().endswith(("\\.", "…")), "a sentence"
    assert "Traceback" not in visitor.text()
    assert visitor.headings() == FIRST
    visitor.press("Choose other pictures")
    assert "upload" not in visitor.at.query_params
    assert visitor.at.file_uploader


def test_files_that_were_left_out_are_listed_with_the_reason(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    (label,) = [e.label for e in visitor.at.expander if "1 file" in e.label]
    assert "left out" in label or "skipped" in label
    ((file, why),) = visitor.table("File", "Why")
    assert file.endswith("=broken.jpg")
    assert why.endswith(".")
    listed = visitor.download("Download as CSV").decode()
    assert why in listed


def test_findings_and_the_names_of_classes_are_shown(visitor: Visitor, upload: Upload) -> None:
    visitor.open("train", upload=upload.id)
    sentences = [finding.sentence for finding in upload.intake().findings]
    assert sentences
    for shown in (*sentences, *NAMES):
        assert shown in visitor.text()


def set_gain(run: Run, low: float) -> Report:
    """Let the gain of a run over its baseline be at least this; returns its report."""
    report = run.report()
    gain = report.baseline.gain.model_copy(update={"low": low})
    accuracy = Estimate(value=1, low=0, high=1)  # that of the model does not show a gain
    baseline = report.baseline.model_copy(update={"gain": gain, "accuracy": accuracy})
    run.report.write(report.model_copy(update={"baseline": baseline}))
    seal(run)
    return report


def test_a_finished_run_leads_to_predict_and_to_its_report(visitor: Visitor, run: Run) -> None:
    set_gain(run, 0.1)
    visitor.open("train", run=run.id)
    assert f"on {run.report().pictures} pictures that the training has not seen" in visitor.text()
    assert visitor.at.success and "always predicting" not in visitor.text()
    assert visitor.charts(), "its curves"
    visitor.press("Read the report")
    assert visitor.at.query_params["run"] == run.id
    assert run.report().headline in visitor.text()
    visitor.open("train", run=run.id).press("Try it")
    assert visitor.at.selectbox[0].value == run.id


def test_an_accuracy_that_may_be_that_of_the_most_common_class_is_not_called_a_success(
    visitor: Visitor, run: Run
) -> None:
    report = set_gain(run, -0.1)
    visitor.open("train", run=run.id)
    assert not visitor.at.success
    common = report.classes[report.baseline.label]
    assert f"Not shown to be better than always predicting {common}." in visitor.text()


def test_progress_that_names_a_class_is_not_rendered(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in(State.RUNNING)
    with run.job.lock().acquire():
        for name in NAMES:
            run.job.events.append(Note(sentence=f"Pictures of {name} were repeated."))
            assert name in visitor.open("train", run=run.id).text()


@pytest.mark.parametrize("page", ["train", "reports"])
def test_progress_and_curves_appear_with_their_first_point(
    visitor: Visitor, run_in: Callable[..., Run], page: str
) -> None:
    run = run_in(State.RUNNING)
    with run.job.lock().acquire():
        assert not visitor.open(page, run=run.id).charts()
        run.job.events.append(
            Epoch(
                phase="head", unit="iteration", epoch=1, epochs=9, loss=1, accuracy=0.5, seconds=0
            )
        )
        assert len(visitor.rerun().charts()) == 1
        assert visitor.headings() == ["Training"]
        assert "Training the head: iteration 1 of at most 9" in visitor.text()
        assert "Cancel" in visitor.buttons()


def test_the_model_can_be_tried_before_its_file_is_verified(visitor: Visitor, run: Run) -> None:
    verification = run.verification()
    run.verification.path.unlink()
    run.job.begin()
    with run.job.lock().acquire():
        visitor.open("train", run=run.id)
        assert "The LiteRT file is being verified." in visitor.text()
        assert "Try it" in visitor.buttons(), "nobody has to wait for it"
        assert not visitor.at.download_button
        run.verification.write(verification)
        visitor.open("train", run=run.id)
        assert "Download LiteRT" in visitor.buttons()
        failed = verification.results[0].model_copy(update={"passed": False})
        run.verification.write(verification.model_copy(update={"results": (failed,)}))
        visitor.open("train", run=run.id)
        assert "is being verified" not in visitor.text()
        assert "Download LiteRT" not in visitor.buttons()


def test_a_safe_remedy_is_applied_and_can_be_undone(visitor: Visitor) -> None:
    content = encoded(draw(0, size=64, seed=99))
    pictures = {
        f"{name}/{i}.png": encoded(draw(label, size=64, seed=i))
        for label, name in enumerate(("Daisy", "rose", "daisy"))
        for i in range(4)
    }
    visitor.open("train").upload(
        ("twice.zip", zipped(pictures | {"Daisy/x.png": content, "rose/x.png": content}))
    )
    visitor.wait_until(lambda: "in two classes" in visitor.text())
    assert visitor.headings() == [*STEPS], "nothing blocks"
    assert "2 classes · 12 pictures" in visitor.text()
    assert "Merge into Daisy: done." in visitor.text()
    visitor.press_key("undo 1")  # merges come first
    assert visitor.headings() == FIRST
    assert "2 classes · 14 pictures" in visitor.text()

    later = Visitor().open("train", upload=visitor.at.query_params["upload"])
    assert later.headings() == FIRST, "it is not applied again"
    later.press("Leave out 2 pictures")
    assert later.headings() == [*STEPS]
    assert "2 classes · 12 pictures" in later.text()


def test_two_tabs_start_two_separate_trainings(upload: Upload, host: Settings) -> None:
    tabs = [Visitor().open("train", upload=upload.id) for _ in range(2)]
    for tab in tabs:
        tab.press("Start training")
    first, second = runs.list_runs(host)
    assert {tab.at.query_params["run"] for tab in tabs} == {first.id, second.id}
    tabs[0].rerun()  # what a second click of the same tab comes to: the button is gone
    assert "Start training" not in tabs[0].buttons()
    assert len(Queue("train", host).tickets()) == len(runs.list_runs(host)) == 2


@pytest.mark.parametrize(
    "check", ["core.jobs.scheduling.enqueue", "core.jobs.quotas.check_minutes"]
)
def test_a_refused_start_says_why_and_creates_no_run(
    visitor: Visitor, upload: Upload, host: Settings, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LimitExceeded("At most 9 minutes.")

    visitor.open("train", upload=upload.id)
    monkeypatch.setattr(check, refuse)
    visitor.press("Start training")
    assert "At most 9 minutes." in visitor.text()
    assert "run" not in visitor.at.query_params
    assert not runs.list_runs(host)


@pytest.mark.parametrize(
    ("name", "sentence"), [("run", "No run with this id"), ("upload", "no longer here")]
)
def test_a_link_to_nothing_says_so_and_the_page_can_be_used(
    visitor: Visitor, name: str, sentence: str
) -> None:
    visitor.open("train", **{name: "0" * 32})
    assert sentence in visitor.text()
    assert visitor.at.file_uploader
