"""The training as a separate program: what is written, and that it reaches the same accuracy."""

import ast
import json
import operator
import re
import runpy
import subprocess
import sys
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest

from core import backbones, runs
from core.backbones import build
from core.dataset import Dataset, Example
from core.export import train_program
from core.model.storage import ModelFile
from core.training import backbone_cut, config, stages
from tests.core import trainings
from tests.core.trainings import import_dataset, tiny_config, train
from tests.shapes import draw, encoded

TINY = backbones.get("tiny")
LINES = 305
TWO_POINTS = 0.02 + 1e-9
AUGMENTATION = ("Rotation", "Zoom", "Shear", "Translation", "Brightness")


def dataset(*names, classes=("ant", "bee"), kind="JPEG"):
    """Pictures by the names of their files, each with its part before a colon."""
    examples = []
    for number, (part, name) in enumerate(text.split(":") for text in names):
        examples.append(
            Example(
                name=name,
                path=name,
                label=number % len(classes),
                sha256=f"{number:064x}",
                width=9,
                height=9,
                split=part,
                format=kind,
            )
        )
    return Dataset(name="x", classes=classes, examples=tuple(examples))


PLAIN = dataset("train:ant/0.jpg", "validation:bee/1.jpg", "test:ant/2.jpg", "train:bee/3.jpg")


def write_program(run_config, pictures=PLAIN, *, fine_tuned=None, **values):
    """The program of a run, whose fine-tuning was kept if there was one."""
    row = backbones.get(run_config.backbone)
    cut = row.stages[backbone_cut.cut_stage(run_config)].layer if run_config.fine_tunes else None
    model = {"classes": pictures.classes, "size": row.size, "crop": run_config.crop, "cut": cut}
    saved = ModelFile(backbone=row.name, **model | values)
    fine_tuned = saved.fine_tuned if fine_tuned is None else fine_tuned
    return train_program.program(run_config, saved, pictures, fine_tuned=fine_tuned)


def configure(preset="best", backbone="tiny", **values):
    run_config = config.preset(preset, backbone=backbone).model_dump(mode="json")
    for name, value in values.items():
        run_config[name] = run_config[name] | value if isinstance(value, dict) else value
    return config.parse(run_config)


def assert_in_shape(*programs):
    """As ruff has it where nobody has told it anything."""
    with tempfile.TemporaryDirectory() as folder:
        for number, program in enumerate(programs):
            Path(folder, f"{number}.py").write_text(program, encoding="utf-8")
        for command in (["check"], ["format", "--check", "--diff"]):
            ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", folder]
            process = subprocess.run(ruff, capture_output=True, text=True)
            assert process.returncode == 0, process.stdout + process.stderr


def names_in(program):
    """Names that are defined at the top, and those that are used anywhere."""
    tree = ast.parse(program)
    defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            defined |= {n.id for n in ast.walk(node.targets[0]) if isinstance(n, ast.Name)}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return defined, used


@pytest.mark.parametrize("preset", ["quick", "best"])
def test_a_program_passes_ruff_and_defines_only_what_it_uses(preset):
    names = [*backbones.BACKBONES, "tiny"]
    programs = [write_program(config.preset(preset, backbone=backbone)) for backbone in names]
    assert_in_shape(*programs)
    for backbone, program in zip(names, programs, strict=True):
        assert_holds_what_it_uses(program, preset, backbone)


def assert_holds_what_it_uses(program, preset, backbone):
    compile(program, "train.py", "exec")
    defined, used = names_in(program)
    assert defined - used == set()
    assert len(program.splitlines()) <= LINES
    for part in ("def fine_tune", "RandomFlip", "RandomRotation", "import tensorflow"):
        assert (part in program) == (preset == "best")
    for ignored in ("label_smoothing", "LOSS"):
        assert ignored not in program
    assert ("DROPOUT" in program) == (preset == "best")
    row = backbones.get(backbone)
    assert ("keras.applications" in program) == (row.recipe.family == "applications")
    assert ("backbone.keras" in program) is not row.in_keras
    assert ("preprocess_input" in program) == (row.recipe.scaling != "none")


def test_a_program_has_only_the_requested_augmentation_and_optimizer():
    knobs = ("rotation", "zoom", "shear", "shift", "brightness")
    programs = []
    for name in get_args(config.OptimizerName):
        both = {"head_phase": {"optimizer": name}, "fine_tune_phase": {"optimizer": name}}
        programs.append(write_program(configure(head={"convex_start": False}, **both)))
        optimizers = set(re.findall(r"keras\.optimizers\.(\w+)\(", programs[-1]))
        assert {optimizer.lower() for optimizer in optimizers} == {name}
    for knob_kept, layer in zip(knobs, AUGMENTATION, strict=True):
        off = {knob: 0 for knob in knobs if knob != knob_kept}
        programs.append(write_program(configure(augmentation={"views": 4, "flip": False, **off})))
        assert re.findall(r"keras\.layers\.Random(\w+)", programs[-1]) == [layer]
    for values in (
        {"preset": "quick", "head": {"hidden": (16, 8)}, "augmentation": {"views": 3}},
        {"preset": "quick", "head": {"dropout": 0}, "class_weights": False},
        {"head": {"dropout": 0}, "label_smoothing": 0.1},
        {"preset": "best", "backbone": "inceptionv3", "head": {"hidden": (64,)}},
        {"augmentation": {"views": 1}},
        {"unfreeze": {"stages": 0, "layers": 2}, "label_smoothing": 0.1},
        {"fine_tune_phase": {"optimizer": "adamw", "weight_decay": 1e-5}, "crop": 0.8125},
    ):
        programs.append(write_program(configure(**values)))
        defined, used = names_in(programs[-1])
        assert defined - used == set()
    assert_in_shape(*programs)


@pytest.mark.parametrize("preset", ["quick", "best"])
def test_views_that_are_all_the_picture_itself_are_no_part_of_the_program(preset):
    ranges = dict.fromkeys(("rotation", "zoom", "shear", "shift", "brightness"), 0)
    still = {"views": 3, "flip": False} | ranges
    run_config = configure(preset, augmentation=still, head={"hidden": (8,)})
    program = write_program(run_config)
    assert "VIEWS" not in program and "stream" not in program
    assert_in_shape(program)


@pytest.mark.parametrize("depths", [(), TINY.depths])
def test_fine_tuning_that_was_not_kept_is_no_part_of_the_program(depths):
    program = write_program(configure(augmentation={"views": 4}), cut=None, depths=depths)
    for part in ("def fine_tune", "KeepBest", "UNFREEZE", "RandomFlip", "VIEWS", "tensorflow as"):
        assert part not in program
    assert ("DEPTHS = " in program) == bool(depths)
    assert_in_shape(program)


def test_fine_tuning_of_an_earlier_model_is_no_part_of_the_program():
    program = write_program(configure(start="0" * 64), fine_tuned=False)
    assert "def fine_tune" not in program and "UNFREEZE" not in program


def test_a_hidden_head_keeps_its_views_where_fine_tuning_was_not_kept():
    run_config = configure(augmentation={"views": 4}, head={"hidden": (64,)})
    for saved in ({"cut": None}, {"cut": None, "depths": TINY.depths}):
        program = write_program(run_config, **saved)
        assert run_config.head_views == 4
        assert "VIEWS = 4" in program
        assert "RandomRotation(15.0 / 360)" in program
        assert "def fine_tune" not in program
        assert_in_shape(program)


SMOOTH = {"label_smoothing": 0.1, "head": {"dropout": 0.3}}


def test_a_solved_head_has_neither_dropout_nor_smoothing_nor_phase_settings():
    phase = {"learning_rate": 0.5, "epochs": 7, "patience": 2, "optimizer": "sgd"}
    program = write_program(configure("quick", head_phase=phase, **SMOOTH))
    assert_in_shape(program)
    for part in ("DROPOUT", "Dropout", "LOSS", "smoothing", "SGD"):
        assert part not in program
    assert "HEAD_RATE, HEAD_EPOCHS, HEAD_PATIENCE = 0.001, 100, 5" in program


def test_fine_tuning_a_solved_head_has_dropout_and_smoothing_in_its_own_phase_only():
    program = write_program(configure(**SMOOTH))
    assert_in_shape(program)
    head, rest = program.split("def fine_tune(")
    head = head.split("def train_head(")[1]
    assert "Dropout" not in head
    assert "LOSS" not in head
    assert "LOSS" in rest.split("def report(")[0]
    assert rest.count("keras.layers.Dropout(DROPOUT)") == 1


def test_a_linear_head_trained_by_gradient_steps_has_the_settings_of_its_phase():
    head = {"convex_start": False, "dropout": 0.3}
    phase = {"epochs": 20, "patience": 3}
    program = write_program(configure("quick", head=head, head_phase=phase, label_smoothing=0.1))
    assert_in_shape(program)
    assert "HEAD_RATE, HEAD_EPOCHS, HEAD_PATIENCE = 0.001, 20, 3" in program
    assert 'kernel_initializer="zeros"' not in program
    for part in ("DROPOUT = 0.3", "label_smoothing=0.1", "head.compile(optimizer, LOSS"):
        assert part in program


def test_a_continued_run_says_that_its_program_does_not_continue():
    sentence = "That run continued from an earlier model."
    assert sentence not in write_program(config.preset("quick", backbone="tiny"))
    program = write_program(configure("quick", start="0" * 64))
    assert sentence in program
    assert_in_shape(program)


def test_hostile_class_names_are_string_literals():
    programs = []
    for classes in (
        ("it's", 'a "b"', "back\\slash"),
        ("line\nbreak", "{{ config }}", '"""'),
        ("蜂", "ćma", "\u202eright to left"),
        ("cat/small", "dog/small", "dog/large"),
        tuple(f"a class with a long name {number}" for number in range(40)),
    ):
        programs.append(
            write_program(config.preset("quick", backbone="tiny"), dataset(classes=classes))
        )
        assert "\u202e" not in programs[-1]
        assigned = [n for n in ast.parse(programs[-1]).body if isinstance(n, ast.Assign)]
        (names,) = [n.value for n in assigned if ast.unparse(n.targets[0]) == "CLASSES"]
        assert tuple(ast.literal_eval(names)) == classes
    assert_in_shape(*programs)


def test_the_split_file_has_a_line_per_picture_with_its_training_class():
    pictures = dataset(
        "test:ant/0.jpg", "train:ant/corrected.jpg", "train:ant/copy.jpg", "validation:蜂/3.jpg",
        classes=("ant", "蜂"),
    )  # fmt: skip
    examples = list(pictures.examples)
    examples[2] = examples[2].model_copy(update={"sha256": examples[0].sha256})
    text = train_program.split_rows(pictures.model_copy(update={"examples": tuple(examples)}))
    rows = json.loads(text)
    assert len(text.splitlines()) == len(rows) + 2
    classes = {
        "ant/0.jpg": "ant",
        "ant/corrected.jpg": "蜂",
        "ant/copy.jpg": "ant",
        "蜂/3.jpg": "蜂",
    }
    assert {row["file"]: row["class"] for row in rows} == classes
    assert '"蜂/3.jpg"' in text
    # A program that keeps one row per hash trains on no copy of a test picture.
    assert {row["sha256"]: row["part"] for row in rows}[examples[0].sha256] == "test"


def test_heif_pictures_add_their_package():
    program = write_program(
        config.preset("quick", backbone="tiny"), dataset("train:a/1.heic", kind="HEIF")
    )
    assert_in_shape(program)
    assert "pip install tensorflow pillow numpy pillow-heif" in program
    assert "pillow_heif.register_heif_opener()" in program


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["mobilenetv2", "resnet50", "inceptionv3", "efficientnetv2b0"],
)
def test_the_network_of_keras_applications_is_cut_at_the_same_layer(name):
    row = backbones.get(name)
    trunk = build.trunk(row, "random")
    run_config = config.preset("best", backbone=name)
    program = write_program(run_config)
    keras_network = getattr(keras.applications, row.recipe.architecture)(
        include_top=False, weights=None, input_shape=(row.size, row.size, 3)
    )
    counted = [layer for layer in trunk.layers if layer.name != "rgb_to_bgr" and layer.weights]
    keras_network.set_weights([array for layer in counted for array in layer.get_weights()])
    pixels = np.random.default_rng(0).uniform(0, 255, (1, row.size, row.size, 3)).astype("float32")
    if scaling := re.search(r'keras\.(\S+)\(picture, mode="(\w+)"\)', program):
        scale = partial(operator.attrgetter(scaling[1])(keras), mode=scaling[2])
    else:
        scale = np.asarray
    outputs, expected = (
        keras_network(scale(pixels.copy()), training=False),
        trunk(pixels, training=False),
    )
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())

    cut = re.search(r'UNFREEZE_ABOVE = "(.+)"', program)[1]
    above = build.top_model(row, backbone_cut.cut_stage(run_config), trunk)
    stages.unfreeze(above, 0)
    names = [layer.name for layer in keras_network.layers]
    trainable = [
        layer
        for layer in keras_network.layers[names.index(cut) + 1 :]
        if layer.weights and not isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert [w.shape for layer in trainable for w in layer.weights] == [
        w.shape for layer in stages.trained(above) for w in layer.weights
    ]


def run_program(folder, *arguments):
    """Run `train.py` in a fresh process that finds nothing of Tusker."""
    command = [sys.executable, "-I", "train.py", *map(str, arguments)]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    return process


@pytest.fixture
def run_in_process(monkeypatch, capsys):
    """`run_here(folder, pictures)`: what `train.py` says in this process, which has TensorFlow."""

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["train.py", *map(str, arguments)])
        runpy.run_path(str(folder / "train.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def accuracy(output):
    hits, total = map(int, re.search(r"(\d+) of (\d+) test pictures correct", output).groups())
    return hits, total


def shapes_on_disk(folder, per_class=14):
    """The pictures of `shapes_dataset`, one folder deeper than when they were ingested."""
    for label, name in enumerate(("circle", "square", "triangle")):
        (folder / "all" / name).mkdir(parents=True)
        for number in range(per_class):
            content = encoded(draw(label, number, 48))
            (folder / "all" / name / f"{number:02}.jpg").write_bytes(content)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["quick", "best"])
def test_the_program_in_the_bundle_tests_on_the_same_pictures(trained_run, tmp_path, preset):
    trained = trained_run(preset)
    folder = trainings.unpack_bundle(trained, tmp_path / "bundle")
    pictures = shapes_on_disk(tmp_path / "pictures")
    (pictures / "all" / "circle" / "broken.jpg").write_bytes(b"no picture")
    output = run_program(folder, pictures).stdout
    hits, total = accuracy(output)
    expected = trained.run.report()
    assert total == len(trained.run.dataset().of("test"))
    assert hits / total >= expected.accuracy.value - 0.2
    assert "Files left out, as split.json does not know them: 1\n" in output
    table = output.split("Columns: predicted class.\n")[1].splitlines()[:3]
    assert sum(int(number) for row in table for number in row.split()[:3]) == total
    assert f"Saved as {folder / 'retrained.keras'}" in output
    loaded = keras.models.load_model(folder / "retrained.keras", compile=False)
    rows = loaded.predict(np.zeros((2, 32, 32, 3), np.uint8), verbose=0)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-4)


@pytest.mark.slow
def test_custom_settings_run_too(tiny, shapes_dataset, settings, tmp_path):
    """Hidden layers on several views, then single layers of the backbone."""
    run_config = tiny_config(
        "quick",
        head={"hidden": (24,)},
        augmentation={"views": 3},
        unfreeze={"layers": 2},
        head_phase={"optimizer": "sgd", "learning_rate": 0.05, "epochs": 30},
        fine_tune_phase={"optimizer": "adamw", "epochs": 2},
    )
    trained = train(shapes_dataset, run_config, runs.new_path(settings), settings, exports=True)
    folder = trainings.unpack_bundle(trained, tmp_path / "bundle")
    hits, total = accuracy(run_program(folder, shapes_on_disk(tmp_path / "pictures")).stdout)
    assert hits / total >= trained.run.report().accuracy.value - 0.2


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["resnet50", "mobilenetv2"])
def test_the_program_runs_with_a_network_of_keras_applications(tmp_path, backbone):
    """With random weights, as the published ones are a download."""
    program = write_program(
        configure(backbone=backbone, fine_tune_phase={"epochs": 1}, batch_size=8),
        dataset(classes=("circle", "square", "triangle")),
    )
    assert 'WEIGHTS = "imagenet"' in program
    (tmp_path / "train.py").write_text(program.replace('WEIGHTS = "imagenet"', "WEIGHTS = None"))
    said = run_program(tmp_path, shapes_on_disk(tmp_path / "pictures")).stdout
    assert accuracy(said)[1] == 6
    loaded = keras.models.load_model(tmp_path / "retrained.keras", compile=False)
    assert loaded.predict(np.zeros((1, 224, 224, 3), np.uint8), verbose=0).shape == (1, 3)


def test_unknown_pictures_are_split_and_unreadable_ones_left_out(
    trained_run, run_in_process, tmp_path
):
    folder = trainings.unpack_bundle(trained_run(), tmp_path / "bundle")
    (folder / train_program.SPLIT_FILE).unlink()
    program = (folder / "train.py").read_text()
    short, configure = re.subn(r"(HEAD_PATIENCE = \S+), \d+, \d+", r"\1, 2, 2", program)
    assert configure == 1
    (folder / "train.py").write_text(short)
    pictures = shapes_on_disk(tmp_path / "pictures")
    broken = pictures / "all" / "circle" / "broken.jpg"
    broken.write_bytes(b"no picture")
    (pictures / "all" / "circle" / ".DS_Store").write_bytes(b"clutter")
    output = run_in_process(folder, pictures)
    assert output.splitlines().count(f"Left out, as it cannot be read as a picture: {broken}") == 1
    assert ".DS_Store" not in output
    assert "so split at random: copies may be in training and test." in output
    assert accuracy(output)[1] in (
        5,
        6,
    )  # 0.15 of 14 or 15 in each class, one of them perhaps broken


def test_missing_folders_classes_and_backbones_are_refused(trained_run, run_in_process, tmp_path):
    folder = trainings.unpack_bundle(trained_run(), tmp_path / "bundle")
    with pytest.raises(SystemExit, match=r"^Expected a folder, found nowhere: python train\.py"):
        run_in_process(folder, "nowhere")
    (tmp_path / "empty").mkdir()
    message = r"^Expected pictures for train in folders called circle, square, triangle; found none"
    with pytest.raises(SystemExit, match=message):
        run_in_process(folder, tmp_path / "empty")
    (folder / train_program.BACKBONE_FILE).unlink()  # noticed before any picture is read
    with pytest.raises(SystemExit, match=r"^Expected backbone\.keras .* Prepare the Keras format"):
        run_in_process(folder, tmp_path / "empty")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("preset", ["quick", "best"])
def test_the_accuracy_is_within_two_points_of_the_report(datasets, settings, tmp_path, preset):
    source = datasets / "ants_bees.zip"
    imported = import_dataset(tmp_path / "taken", source)
    run_config = config.preset(preset)
    trained = train(imported, run_config, runs.new_path(settings), settings, exports=True)
    folder = trainings.unpack_bundle(trained, tmp_path / "bundle")
    with zipfile.ZipFile(source) as archive:
        archive.extractall(tmp_path / "pictures")
    hits, total = accuracy(run_program(folder, tmp_path / "pictures").stdout)
    expected = trained.run.report()
    assert total == len(trained.run.dataset().of("test"))
    assert abs(hits / total - expected.accuracy.value) <= TWO_POINTS
