"""The command line: called in this process, or as a new process where that matters."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from core import __version__, runs
from core.__main__ import main
from core.backbones import Backbone
from core.bakeoff import compare, result
from core.commands.arguments import load_settings
from core.export import card
from core.export.formats import ONNX
from core.intake import samples
from core.jobs import JobFolder, State
from core.jobs.workers import ROOT
from core.predict import lookup
from core.settings import Settings
from core.training.cache import cache_folder
from tests import shapes
from tests.core import trainings
from tests.core.commands.conftest import Command, Refusal
from tests.core.jobs.at_work import has_event, hidden_files, wait_until
from tests.core.trainings import TrainedRun

HEAVY = ("tensorflow", "keras", "sklearn", "pandas", "scipy", "h5py", "streamlit", "plotly")
ENDLESS = {
    "head": {"hidden": [4096, 4096, 4096]},
    "head_phase": {"epochs": 500, "patience": 500},
}

BanImports = Callable[..., dict[str, str]]


def tusker(*words: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """What the command line answers."""
    return subprocess.run(
        [sys.executable, "-m", "core", *map(str, words)],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture
def ban_imports(tmp_path: Path) -> BanImports:
    """`banned("keras")`: an environment in which a process cannot import keras."""

    def ban(*roots: str) -> dict[str, str]:
        folder = tmp_path / "banned"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(
            "import sys\n"
            "class Ban:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            f"        if name in {roots!r} or name.partition('.')[0] in {roots!r}:\n"
            "            raise ImportError(f'{name} is not to be imported here')\n"
            "sys.meta_path.insert(0, Ban())\n"
        )
        return {"PYTHONPATH": str(folder)}

    return ban


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two photographs, the second with a blank in its name."""
    folder = tmp_path_factory.mktemp("photographs")
    paths = [folder / "palace.jpg", folder / "a cat.jpg"]
    for path, name in zip(paths, ("Palace", "Cat"), strict=True):
        path.write_bytes(samples.photographs()[name].content)
    return paths


@pytest.fixture
def two_classes(tmp_path: Path) -> Path:
    return shapes.shapes_zip(tmp_path, classes=2, per_class=8, size=32)


def expected_lines(path: Path, settings: Settings, model: str = "", top: int = 3) -> list[str]:
    """The lines that the page's own model gives."""
    classifier = lookup.find(model, settings)
    answer = classifier.answer(classifier.load(path))
    return [
        f"{rank}: {guess.label} with probability {guess.probability:.2f}"
        for rank, guess in enumerate(classifier.top(answer.probabilities, top), start=1)
    ]


# predict


def test_the_verdict_of_a_model_is_printed(
    command: Command, trained_run: Callable[..., TrainedRun], tmp_path: Path
) -> None:
    trained = trained_run()
    run = trained.run
    classifier = run.classifier(trained.settings)
    least_certain = min(
        (trained.pictures / example.path for example in run.dataset().of("train")),
        key=lambda path: classifier.answer(classifier.load(path)).probabilities.max(),
    )
    run.annotate(lambda answer: answer.model_copy(update={"threshold": 1.0}))
    lines = command("predict", least_certain, "--model", run.path).stdout.splitlines()
    assert lines[0] == "Not sure; its best guess:"
    assert len(lines) == 4
    white = tmp_path / "white.png"
    Image.new("RGB", (64, 64), "white").save(white)
    answer = json.loads(command("predict", white, "--model", run.path, "--json").stdout)
    assert answer["verdict"] == "not like the training pictures"
    assert len(answer["predictions"]) == 3


def test_a_nearly_black_picture_is_a_warning(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "dark.png"
    Image.new("RGB", (64, 64), (15, 15, 15)).save(path)
    assert f"{path}: This picture is nearly black" in command("predict", path).stderr
    (note,) = json.loads(command("predict", path, "--json").stdout)["notes"]
    assert note.startswith("This picture is nearly black")
    table = tmp_path / "table.csv"
    assert command("predict", path, "--csv", table).stderr == ""
    assert note in table.read_text()


def test_a_prediction_imports_nothing_heavy(
    photographs: list[Path], ban_imports: BanImports, settings: Settings
) -> None:
    answer = tusker("predict", photographs[0], **ban_imports(*HEAVY, "core.intake", "core.runs"))
    lines = answer.stdout.splitlines()
    assert lines == expected_lines(photographs[0], settings)
    assert lines[0].startswith("1: ") and " with probability 0." in lines[0]


def test_predictions_of_several_pictures_have_their_names(
    command: Command, photographs: list[Path], settings: Settings
) -> None:
    answer = command("predict", *photographs, "--top", 1)
    printed = [
        line for path in photographs for line in (str(path), *expected_lines(path, settings, top=1))
    ]
    assert answer.stdout.splitlines() == printed


def test_json_is_one_object_per_picture(command: Command, photographs: list[Path]) -> None:
    answer = command("predict", *photographs, "--json", "--top", 2)
    assert (answer.returncode, answer.stderr) == (0, "")
    objects = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [prediction["file"] for prediction in objects] == [str(path) for path in photographs]
    for prediction in objects:
        assert prediction.keys() == {"file", "predictions", "verdict", "prediction_set", "notes"}
        assert prediction["verdict"] == "sure"
        first, second = prediction["predictions"]
        assert first.keys() == {"label", "index", "probability"}
        assert 1 >= first["probability"] >= second["probability"] >= 0
        assert isinstance(first["index"], int) and isinstance(first["label"], str)


def test_an_unreadable_picture_is_reported_and_the_others_are_predicted(
    command: Command, photographs: list[Path], tmp_path: Path
) -> None:
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear Sir or Madam")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    answer = command("predict", letter, photographs[0], tmp_path / "gone.jpg", nothing, "--json")
    assert answer.returncode == 2
    assert [json.loads(line)["file"] for line in answer.stdout.splitlines()] == [
        str(photographs[0])
    ]
    complaints = answer.stderr.splitlines()
    assert [line.partition(": ")[0] for line in complaints] == [
        str(letter),
        str(tmp_path / "gone.jpg"),
        str(nothing),
    ]
    assert complaints[1].endswith("Expected a picture, found no such file.")


def test_the_version_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"tusker {__version__}\n"


def test_a_refusal_reaches_the_shell_as_one_line_and_exit_code_2() -> None:
    answer = tusker("backbones", TUSKER_PICTURES="many")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert re.fullmatch(r"TUSKER_PICTURES is 'many': [^\n]*\.\n", answer.stderr)


# compare


def test_backbones_are_compared_in_a_table_or_as_json(
    tiny: Backbone,
    two_classes: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(compare, "available", lambda _: (tiny,))
    assert main(["compare", str(two_classes), "--json", "--seed", "3"]) == 0
    comparison = result.Comparison.model_validate_json(capfd.readouterr().out)
    assert (comparison.conditions.seed, comparison.pictures + comparison.held_out) == (3, 16)
    assert [candidate.backbone for candidate in comparison.candidates] == [tiny.name]
    assert main(["compare", str(two_classes), "--seed", "3"]) == 0
    head, row, sentence = capfd.readouterr().out.splitlines()
    assert head.split()[0] == "backbone"
    assert row.split()[0] == tiny.name
    assert sentence.startswith("Tiny, the only one available, was correct on ")


# a trained model


def test_a_damaged_run_is_refused(
    refusal: Refusal,
    trained_run: Callable[..., TrainedRun],
    photographs: list[Path],
    two_classes: Path,
) -> None:
    run = trained_run("quick").run
    weights = run.model_folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert "weights.safetensors" in refusal("predict", photographs[0], "--model", run.path)
    (run.path / "manifest.json").write_text("{")
    assert "manifest.json of this run cannot be read" in refusal(
        "predict", photographs[0], "--model", run.path
    )
    assert "manifest.json of this run cannot be read" in refusal("evaluate", run.path, two_classes)


def test_a_bundle_predicts_and_is_evaluated_as_its_run(
    command: Command, trained_run: Callable[..., TrainedRun], two_classes: Path, tmp_path: Path
) -> None:
    run = (trained := trained_run("quick")).run
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(trainings.bundle_bytes(run, trained.settings))
    path = trained.pictures / run.dataset().of("train")[0].path
    for _ in range(2):  # made ready, then known
        answer = command("predict", path, "--model", bundle)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert answer.stdout.splitlines() == expected_lines(path, trained.settings, run.id)
    scored = [
        command("evaluate", *named, two_classes, "--json")
        for named in (("--model", bundle), (run.path,))
    ]
    assert [answer.returncode for answer in scored] == [0, 0]
    assert "that the model learned from, only the files themselves" in scored[0].stderr
    assert "Copies" in scored[1].stderr, "a run has fingerprints of its pictures"
    from_bundle, from_run = (json.loads(answer.stdout)["predictions"] for answer in scored)
    assert [p["predicted"] for p in from_bundle] == [p["predicted"] for p in from_run]


def test_labels_that_contradict_and_small_pictures_are_said_in_an_evaluation(
    trained_run: Callable[..., TrainedRun], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = shapes.shapes_zip(tmp_path, classes=2, per_class=4, size=64)
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("square/copy.jpg", archive.read("circle/00.jpg"))
        archive.writestr("square/small.jpg", shapes.encoded(shapes.draw(1, 0, size=20)))
    assert main(["evaluate", str(trained_run("quick").run.path), str(source)]) == 0
    said = capfd.readouterr().err
    assert "Warning: 1 picture is in two classes at once." in said
    assert "Note: 1 picture is smaller than 32 pixels." in said


def test_a_training_can_start_from_a_bundle(
    command: Command, trained_run: Callable[..., TrainedRun], two_classes: Path, tmp_path: Path
) -> None:
    trained = trained_run("best")
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(trainings.bundle_bytes(trained.run, trained.settings))
    answer = command("train", two_classes, "--from", bundle, "--out", tmp_path / "run")
    assert answer.returncode == 0, answer.stderr
    run = runs.open_folder(tmp_path / "run")
    before = load_file(trained.run.model_folder / "weights.safetensors")
    after = load_file(run.model_folder / "weights.safetensors")
    trunk = [name for name in before if name.startswith("trunk.")]
    assert trunk
    for name in trunk:
        np.testing.assert_array_equal(after[name], before[name])
    assert f"knows {len(run.dataset().classes)} of these classes" in answer.stderr


# train


def test_the_card_of_a_run_is_printed_by_its_folder_and_by_its_id(
    trained_run: Callable[..., TrainedRun], capfd: pytest.CaptureFixture[str]
) -> None:
    run = trained_run("quick").run
    for name in (str(run.path), run.id):
        assert main(["card", name]) == 0
        assert capfd.readouterr().out == card.card(run)


def test_an_unfinished_run_has_no_card(
    refusal: Refusal, trained_run: Callable[..., TrainedRun]
) -> None:
    run = trained_run("quick").run
    (run.path / "manifest.json").unlink()
    assert "is unfinished" in refusal("card", run.path)


def test_a_quick_training_needs_no_tensorflow_and_ends_with_a_line_of_json(
    two_classes: Path, tmp_path: Path, ban_imports: BanImports
) -> None:
    out = tmp_path / "new" / "run"
    answer = tusker(
        "train",
        two_classes,
        "--out",
        out,
        "--seed",
        3,
        "--json",
        **ban_imports("tensorflow", "keras"),
    )
    assert answer.returncode == 0, answer.stderr
    assert "until results" not in answer.stderr
    summary = json.loads(answer.stdout.splitlines()[-1])
    assert summary.keys() >= {"test_accuracy", "macro_f1", "classes", "seconds", "run"}
    assert summary["classes"] == ["circle", "square"]
    assert 0 <= summary["test_accuracy"] <= 1 and 0 <= summary["macro_f1"] <= 1
    assert summary["seconds"] > 0
    run = runs.open_folder(Path(summary["run"]))
    assert run.path == out and run.complete
    assert (run.config().seed, run.config().preset) == (3, "quick")
    assert run.job.recorded().state is State.FINISHED


def test_a_run_is_exported_and_packed(
    trained_run: Callable[..., TrainedRun], tmp_path: Path, command: Command
) -> None:
    run, bundle = trained_run().run, tmp_path / "bundle.zip"
    answer = command("export", run.path, "--format", "onnx")
    note = f"Note: {ONNX} was verified on small copies of 6 test pictures.\n"
    assert (answer.returncode, answer.stderr) == (0, note)
    assert answer.stdout == f"{run.model_folder / ONNX}\n"
    answer = command("export", run.path, "--format", "onnx", "--bundle", bundle)
    assert (answer.returncode, answer.stderr, answer.stdout) == (0, note, f"{bundle}\n")
    assert f"model/{ONNX}" in run.manifest().files
    with zipfile.ZipFile(bundle) as archive:
        assert {ONNX, "predict_onnx.py"} <= set(archive.namelist())
    nowhere = command("export", run.path, "--format", "onnx", "--bundle", tmp_path / "no" / "b.zip")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "none can be made there" in nowhere.stderr
    refused = command("export", run.path, "--format", "coreml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "'coreml'. Choose from: int8, keras, litert, onnx, saved-model." in refused.stderr


def test_every_preset_is_estimated_as_text_or_json(command: Command, two_classes: Path) -> None:
    answer = command("estimate", two_classes)
    assert answer.returncode == 0, answer.stderr
    names = [line.partition(": About ")[0] for line in answer.stdout.splitlines()]
    assert names == ["Quick", "Balanced", "Best"]

    answer = command("estimate", two_classes, "--preset", "balanced", "--json")
    assert answer.returncode == 0, answer.stderr
    estimate = json.loads(answer.stdout)
    assert estimate["preset"] == "balanced"
    assert estimate["scored"] > 0
    assert estimate["memory"] > estimate["disk"] > 0


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EACCES, "Permission denied", "/proc/x"), "/proc/x: Permission denied.\n"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk: No space left on device.\n"),
    ],
)
def test_write_errors_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: OSError,
    sentence: str,
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("core.__main__.app", fail)
    assert main(["info"]) == 1
    assert capfd.readouterr().err == sentence


def test_a_time_budget_leaves_out_steps_and_names_them(command: Command, two_classes: Path) -> None:
    answer = command("estimate", two_classes, "--preset", "best", "--minutes", "0.01")
    assert answer.returncode == 0, answer.stderr
    left_out = "Left out to fit into the time budget: fine-tuning and the comparison of backbones."
    assert left_out in answer.stderr
    assert answer.stdout.startswith("Best: About ")


def test_a_folder_is_trained_on_in_place_and_not_changed(
    command: Command, tiny: Backbone, two_classes: Path, tmp_path: Path, settings: Settings
) -> None:
    pictures = tmp_path / "pictures"
    shutil.unpack_archive(two_classes, pictures)
    before = {path: path.stat().st_mtime_ns for path in (pictures, *pictures.rglob("*"))}
    answer = command("train", pictures, "--backbone", tiny.name)
    assert answer.returncode == 0, answer.stderr
    assert "until results" in answer.stderr
    assert {path: path.stat().st_mtime_ns for path in (pictures, *pictures.rglob("*"))} == before
    headline, choice, where, _ = answer.stdout.splitlines()
    assert "test pictures correct: " in headline
    assert "cross-validation on" in choice
    (run,) = runs.list_runs(settings)
    assert where == f"Run: {run.path}"
    assert not Path(run.job.spec().arguments["pictures"]).parent.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("paint", "paint"),
        ("prepare resnet51", "resnet51"),
        ("compare gone.zip", "found nothing there"),
        ("card docs", "Expected a run folder"),
        ("card {id}", "No run with this id"),
        ("predict", "images"),
        ("predict {picture} --model resnet51", "No backbone, run, run folder or bundle is called"),
        ("predict {picture} --model {id}", "No run with this id is on this machine."),
        ("predict {picture} --model resnet50", "Run: python -m core prepare resnet50"),
        ("predict {picture} --model core", "Expected a run folder at core"),
        ("predict {picture} --top 0", "--top"),
        ("predict {picture} --top three", "--top"),
        ("predict {picture} --colour", "--colour"),
        ("evaluate {zip}", "Expected a model and an archive or folder"),
        ("evaluate --model tiny {zip} {zip}", "Expected a model and an archive or folder"),
        ("evaluate efficientnet-lite0 {zip}", "found circle and square"),
        ("train nowhere.zip", "Expected an archive or a folder at nowhere.zip, found nothing"),
        ("train " + "x" * 300, "found nothing there."),
        ("train README.md", "This is not a zip."),
        ("train docs/decisions", "No readable pictures in decisions."),
        ("train {zip} --preset fast", "presets quick, balanced, best"),
        ("train {zip} --backbone resnet51", "resnet51"),
        ("train {zip} --seed -1", "--seed"),
        ("train {zip} --seed 99999999999", "seed"),
        ("train {zip} --out core", "Expected a new or empty folder at core, but it holds"),
        ("train {zip} --out README.md", "none can be made there"),
        ("train {zip} --out README.md/run", "none can be made there"),
        ("train {folder} --out {folder}/run", "outside the pictures"),
        ("train {zip} --config nowhere.json", "Expected a JSON file of settings"),
        ("train {zip} --config README.md", "README.md is not JSON"),
        ("train {zip} --config {config}", "head_phase.epochs: "),
        ("train {zip} --config {config} --preset quick", "--preset or --config"),
        ("train {zip} --config {started}", "Import its bundle again"),
        ("train {zip} --from gone.zip", "does not exist"),
        ("train {zip} --from {zip}", "found a zip without model.json"),
        ("train {zip} --from {zip} --backbone tiny", "found both"),
    ],
)
def test_bad_arguments_are_refused(
    refusal: Refusal,
    words: str,
    sentence: str,
    photographs: list[Path],
    two_classes: Path,
    tmp_path: Path,
    settings: Settings,
) -> None:
    names = {"zip": two_classes, "picture": photographs[0], "id": "0" * 32}
    names |= {name: tmp_path / name for name in ("folder", "config", "started")}
    (tmp_path / "config").write_text('{"head_phase": {"epochs": -3}}')
    (tmp_path / "started").write_text(json.dumps({"start": "0" * 64}))
    shutil.unpack_archive(two_classes, tmp_path / "folder")
    assert sentence in refusal(*words.format(**names).split())
    assert not settings.home.exists() or not runs.list_runs(settings)


def interrupted(path: Path, two_classes: Path, config: Path, number: int) -> tuple[int, str]:
    """Start a training that takes hours and stop it with a signal once it learns."""
    words = [sys.executable, "-m", "core", "train", two_classes, "--out", path, "--config", config]
    # In the background of a shell, Ctrl-C is switched off for the tests and what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    try:
        job = JobFolder(path)
        wait_until(lambda: process.poll() is not None or has_event(job, "validation pictures"))
        process.send_signal(number)
        _, complaint = process.communicate()
    finally:
        process.kill()
    return process.returncode, complaint


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interrupted_training_is_cancelled_and_leaves_no_partial_files(
    number: int, tiny: Backbone, two_classes: Path, tmp_path: Path
) -> None:
    config, path = tmp_path / "config.json", tmp_path / "run"
    config.write_text(json.dumps(ENDLESS | {"backbone": tiny.name}))
    code, stderr = interrupted(path, two_classes, config, number)
    assert code == 130
    assert stderr.splitlines()[-1] == "Cancelled."
    run = runs.open_folder(path)
    assert run.job.recorded().state is State.CANCELLED
    assert not run.complete
    assert hidden_files(path) == []
    assert not Path(run.job.spec().arguments["pictures"]).parent.exists()


# backbones


def test_backbones_are_listed_with_what_they_cost(command: Command) -> None:
    lines = command("backbones").stdout.splitlines()
    assert len(lines) == 8
    assert lines[0].startswith("efficientnet-lite0") and lines[0].endswith("ready")
    rows = [json.loads(line) for line in command("backbones", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == [line.split()[0] for line in lines]
    assert [row["ready"] for row in rows] == [True] + [False] * 7
    assert all(row["size"] and row["parameters"] and row["licence"] for row in rows)


def test_preparing_a_ready_backbone_prints_its_path(command: Command) -> None:
    answer = command("prepare", "efficientnet-lite0")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert Path(answer.stdout.strip()).is_file()


def test_features_are_kept_in_the_home_whatever_the_mode_of_the_pages(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSKER_MODE", "public")
    assert cache_folder(tmp_path, load_settings()) == settings.home / "features"


def test_pictures_are_copied_into_class_folders(
    command: Command, photographs: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "sorted"
    answer = command("predict", *photographs, "--sort-into", folder)
    copied = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")}
    assert copied == {"palace/palace.jpg", "tiger cat/a cat.jpg"}
    assert answer.stdout.startswith("2 pictures: ")
    repeated = command("predict", *photographs, "--sort-into", folder)
    assert repeated.returncode == 2
    assert "Expected a new or empty folder" in repeated.stderr
