"""What people take away: chosen, packed, and without a word of whose machine it was."""

import io
import json
import zipfile
from datetime import datetime

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema

from core import backbones
from core.errors import RunDamaged
from core.evaluation import Report
from core.export import packing, parts
from core.export.formats import FORMATS, INT8, ONNX, SAVED_MODEL
from core.export.train_program import BACKBONE_FILE
from core.model import storage
from core.runs.verification import Verification
from core.training.config import TrainingConfig
from tests.core import trainings

PROGRAMS = {"predict.py", "predict_keras.py", "predict_onnx.py", "predict_saved_model.py"}
FILES = {form.file for form in FORMATS} - {SAVED_MODEL}


def open_bundle(trained, chosen=None):
    return zipfile.ZipFile(
        io.BytesIO(trainings.bundle_bytes(trained.run, trained.settings, chosen))
    )


@pytest.mark.parametrize("file", [storage.LITERT, SAVED_MODEL, storage.WEIGHTS])
def test_a_file_that_changed_after_it_was_verified_is_not_downloaded(trained_run, file):
    trained = trained_run()
    path = trained.run.model_folder / file
    if path.is_dir():
        (path / "saved_model.pb").unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(RunDamaged, match=file):
        trainings.bundle_bytes(trained.run, trained.settings)
    for form in FORMATS:
        if form.file == file:
            with pytest.raises(RunDamaged, match=file):
                packing.write_format(trained.run, form, io.BytesIO())


@pytest.mark.parametrize("preset", ["quick", pytest.param("best", marks=pytest.mark.slow)])
def test_the_bundle_has_all_formats_programs_and_descriptions(trained_run, preset):
    trained = trained_run(preset)
    with open_bundle(trained) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.getinfo("predict.py").external_attr >> 16 == 0o644
        dated = datetime(*archive.getinfo("predict.py").date_time).timestamp()
        assert abs(dated - trained.run.manifest().completed_at) <= 2, "the same each time"
        content = {name: archive.read(name) for name in names}
    assert len(names) == len(set(names))
    tops = {name.partition("/")[0] for name in names}
    assert tops >= FILES | PROGRAMS | {SAVED_MODEL} | packing.DESCRIPTIONS.keys()
    assert content["labels.txt"].decode().splitlines() == list(trained.run.dataset().classes)
    assert TrainingConfig(**json.loads(content["config.json"])) == trained.run.config()
    assert Report.model_validate_json(content["report.json"]) == trained.run.report()
    assert Verification.model_validate_json(content["verification.json"]) == (
        trained.run.verification()
    )
    assert content["MODEL_CARD.md"].decode().startswith("# ")
    assert "MIT License" in content["LICENCES.md"].decode()
    for secret in (trained.run.id, str(trained.settings.home), str(trained.pictures), "/tests/"):
        assert not [name for name in names if secret.encode() in content[name]], "whose it was"
    with zipfile.ZipFile(io.BytesIO(content[storage.KERAS])) as keras_archive:
        layers = json.loads(keras_archive.read("config.json"))["config"]["layers"]
    kinds = {layer["class_name"] for layer in layers}
    kinds |= {node.op_type for node in onnx.load_from_string(content[ONNX]).graph.node}
    assert not {kind for kind in kinds if "Random" in kind or kind == "Lambda"}


def test_only_the_chosen_formats_and_their_programs_are_in_the_bundle(trained_run):
    trained = trained_run()
    with open_bundle(trained, [ONNX]) as archive:
        names = set(archive.namelist())
    assert ONNX in names
    assert not names & (FILES - {ONNX})
    assert names & PROGRAMS == {"predict_onnx.py"}


def test_the_bundle_has_the_backbone_once_it_is_prepared(trained_run):
    trained = trained_run()
    for part in trained.settings.home.glob(f"backbones/*/*{BACKBONE_FILE}"):
        part.unlink()
    row = backbones.get("tiny")
    with open_bundle(trained) as archive:
        assert BACKBONE_FILE not in archive.namelist()
    parts.backbone_file(row, trained.settings)
    with open_bundle(trained) as archive:
        assert BACKBONE_FILE in archive.namelist()


def test_a_saved_model_is_downloaded_as_a_zip_and_other_files_as_they_are(trained_run):
    trained = trained_run()
    for form in FORMATS:
        packing.write_format(trained.run, form, file := io.BytesIO())
        content = file.getvalue()
        if form.file == SAVED_MODEL:
            names = zipfile.ZipFile(io.BytesIO(content)).namelist()
            assert f"{SAVED_MODEL}/saved_model.pb" in names
        else:
            assert content == (trained.run.model_folder / form.file).read_bytes()


def test_the_program_uses_the_int8_file_if_it_is_the_only_one(trained_run):
    trained = trained_run()
    with open_bundle(trained, [INT8]) as archive:
        assert f'HERE / "{INT8}"' in archive.read("predict.py").decode()
    with open_bundle(trained) as archive:
        assert f'HERE / "{storage.LITERT}"' in archive.read("predict.py").decode()


def test_failed_and_missing_files_are_left_out(trained_run):
    trained = trained_run()
    verification = trained.run.verification()
    failed = [
        result.model_copy(update={"passed": result.file != ONNX, "reason": "It lied."})
        for result in verification.results
    ]
    trained.run.verification.write(verification.model_copy(update={"results": tuple(failed)}))
    (trained.run.model_folder / storage.KERAS).unlink()
    with open_bundle(trained) as archive:
        names = set(archive.namelist())
    assert not names & {ONNX, storage.KERAS, "predict_onnx.py", "predict_keras.py"}
    assert {storage.LITERT, INT8} <= names


def test_the_programs_use_the_threshold_of_the_owner(trained_run):
    trained = trained_run()
    trained.run.annotate(lambda annotations: annotations.model_copy(update={"threshold": 0.75}))
    with open_bundle(trained) as archive:
        for program in PROGRAMS:
            assert "THRESHOLD = 0.75" in archive.read(program).decode()


def test_files_contain_their_labels_where_the_format_allows(trained_run):
    trained = trained_run()
    folder, labels = (
        trained.run.model_folder,
        "".join(f"{c}\n" for c in trained.run.dataset().classes),
    )
    for name in (storage.LITERT, INT8):
        network = schema.ModelT.InitFromObj(schema.Model.GetRootAs((folder / name).read_bytes(), 0))
        entries = {entry.name: network.buffers[entry.buffer].data for entry in network.metadata}
        assert bytes(entries[b"labels.txt"]).decode() == labels
        assert b"RGB pictures of 32" in network.description
        assert [tensor.name for tensor in network.signatureDefs[0].inputs] == [b"picture"]
    network = onnx.load(folder / ONNX)
    assert {entry.key: entry.value for entry in network.metadata_props}["labels.txt"] == labels
    assert network.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert (folder / SAVED_MODEL / "assets.extra" / "labels.txt").read_text() == labels


def test_every_file_agrees_with_the_report(trained_run):
    for preset in ("quick", "best"):
        verification = trained_run(preset).run.verification()
        assert len(verification.results) == len(FORMATS)
        for result in verification.results:
            assert result.passed, result.reason
            assert result.megabytes > 0
            assert result.milliseconds > 0
            if result.file != INT8:
                assert result.agreement == 1
                assert result.difference < 1e-3
                assert np.isclose(result.accuracy, verification.accuracy)
