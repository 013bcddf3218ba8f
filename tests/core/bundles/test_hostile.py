"""Whatever a stranger packs as a bundle: a sentence, at once, in little memory."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from core.bundles import bundle, imported
from core.errors import LimitExceeded
from core.settings import Settings
from tests.core.bundles import hostile

ROOT = Path(__file__).parents[3]
MEGABYTES = 100
IMPORT_ALL = """
import json, os, sys
from pathlib import Path
from core.bundles import imported
from core.errors import BadInput
from core.settings import Settings
from tests.core.corpus import memory

folder = Path(sys.argv[1])
settings = Settings(home=folder.parent / "home")
before = set(sys.modules)
refusals, opened = {}, []
sys.addaudithook(
    lambda event, what: opened.append([event, str(what[0])])
    if event in ("pickle.find_class", "os.system", "subprocess.Popen", "exec", "compile")
    or event == "open" and len(what) > 1 and isinstance(what[1], str) and what[1][:1] in "wax"
    else None
)
peak = memory("VmHWM")
for path in sorted(folder.iterdir()):
    with path.open("rb") as stream:
        try:
            imported.import_bundle(stream, path.stem, settings)
        except BadInput as refusal:
            refusals[path.name] = str(refusal)
growth = memory("VmHWM") - peak
print(json.dumps({
    "refusals": refusals, "megabytes": growth, "modules": sorted(set(sys.modules) - before),
    "opened": opened, "home": settings.home.exists(),
}))
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a separate process makes of all of them."""
    folder = tmp_path_factory.mktemp("hostile") / "bundles"
    folder.mkdir()
    for number, make in enumerate(hostile.BUNDLES.values()):
        (folder / f"{number:03}").write_bytes(make())
    process = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout)
    assert list(folder.parent.iterdir()) == [folder]
    return result


def test_every_hostile_bundle_is_refused_without_memory_or_execution(
    outcome: dict,
) -> None:
    for number, name in enumerate(hostile.BUNDLES):
        assert f"{number:03}" in outcome["refusals"], f"{name} was accepted"
        sentence = outcome["refusals"][f"{number:03}"]
        assert sentence.endswith(".") and len(sentence) < 400, name
    assert outcome["megabytes"] < MEGABYTES
    assert not outcome["home"]
    assert not {"tensorflow", "keras", "pickle", "h5py"} & {
        name.partition(".")[0] for name in outcome["modules"]
    }
    assert outcome["opened"] == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a shape bomb", "overflow computing buffer size"),
        ("overlapping offsets", "invalid offset for tensor `head.0.bias`"),
        ("half precision", "is not float32"),
        ("the largest number", "not finite or too large"),
        ("a header of spaces", "a header of 2,097,154 bytes is more than it may have"),
        ("four hidden layers", "hidden: Tuple should have at most 3 items"),
        ("an empty array of exabytes", "the shape of 'spare' is impossible"),
        ("a hundred dimensions", "the shape of 'spare' is impossible"),
        ("millions of objects for hashes", "more than 1,000,000 lists"),
        ("a head without a bias", "head.0.bias is missing"),
        ("a head of more classes", "has the shape (32, 3), not (32, 2)"),
        ("a hole among the trained layers", "trunk.8.kernel is missing"),
        ("an unknown backbone", "a backbone called"),
        ("weights that expand to 256 MB", "is larger than this zip says"),
        ("weights of 128 MB", "such a model has at most"),
        ("encrypted", "without a password"),
        ("a climbing name", "may lead out"),
        ("two files of one name", "model.json in this bundle"),
        ("a word too many", "custom_objects"),
    ],
)
def test_the_refusal_names_the_fault(name: str, reason: str, outcome: dict) -> None:
    assert reason in outcome["refusals"][f"{list(hostile.BUNDLES).index(name):03}"]


def test_other_files_of_a_bundle_are_not_read(settings: Settings) -> None:
    other_files = {
        "classifier.keras": zipfile.ZipFile.__name__.encode() + hostile.RUNS,
        "classifier.h5": hostile.RUNS,
        "classifier.tflite": b"\0" * 4096,
        "predict.py": b"raise SystemExit",
        "weights.pkl": hostile.RUNS,
        "saved/variables/variables.index": hostile.RUNS,
    }
    content = bytearray(hostile.zipped(hostile.bundle_files() | other_files))
    for name in other_files:  # reading any of them would show that its bytes are not what they were
        content[content.index(name.encode()) + len(name)] ^= 0xFF
    model = imported.import_bundle(io.BytesIO(content), "mine", settings)
    names = {path.name for path in model.path.iterdir()}
    assert {"model.json", "weights.safetensors", "novelty.safetensors", "looks.json"} < names
    assert not names & set(other_files)


def test_the_stored_weights_are_written_from_the_checked_arrays(settings: Settings) -> None:
    entries = {"__metadata__": {"a": "b"}, "head.0.kernel": hostile.GOOD}
    header = json.dumps(entries | {"head.0.bias": hostile.BIAS}).encode() + b" " * 99
    weights = hostile.tensors(header, bytes(264))
    content = hostile.zipped(hostile.bundle_files(weights=weights))
    model = imported.import_bundle(io.BytesIO(content), "mine", settings)
    stored = (model.path / "weights.safetensors").read_bytes()
    assert stored == save({name: np.zeros_like(array) for name, array in hostile.head().items()})


def test_a_bundle_that_is_too_large_for_this_host_names_the_limit(settings: Settings) -> None:
    small = settings.model_copy(update={"archive_megabytes": 1})
    content = hostile.zipped(hostile.bundle_files() | {"classifier.keras": bytes(1 << 21)})
    with pytest.raises(LimitExceeded, match="TUSKER_ARCHIVE_MEGABYTES"):
        bundle.read(io.BytesIO(content), small)
