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
APART = """
import json, os, resource, sys
from pathlib import Path
from core.bundles import imported
from core.errors import BadInput
from core.settings import Settings

given = Path(sys.argv[1])
settings = Settings(home=given.parent / "home")
before = set(sys.modules)
said, opened = {}, []
sys.addaudithook(
    lambda event, what: opened.append([event, str(what[0])])
    if event in ("pickle.find_class", "os.system", "subprocess.Popen", "exec", "compile")
    or event == "open" and len(what) > 1 and isinstance(what[1], str) and what[1][:1] in "wax"
    else None
)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sorted(given.iterdir()):
    with path.open("rb") as stream:
        try:
            imported.import_bundle(stream, path.stem, settings)
        except BadInput as refusal:
            said[path.name] = str(refusal)
more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
print(json.dumps({
    "said": said, "kilobytes": more, "modules": sorted(set(sys.modules) - before),
    "opened": opened, "home": settings.home.exists(),
}))
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a separate process makes of all of them."""
    folder = tmp_path_factory.mktemp("hostile") / "bundles"
    folder.mkdir()
    for number, make in enumerate(hostile.BUNDLES.values()):
        (folder / f"{number:03}").write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", APART, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(folder.parent.iterdir()) == [folder]
    return found


def test_each_is_refused_in_a_sentence_in_little_memory_without_running_anything(
    tried: dict,
) -> None:
    for number, what in enumerate(hostile.BUNDLES):
        assert f"{number:03}" in tried["said"], f"{what} was accepted"
        sentence = tried["said"][f"{number:03}"]
        assert sentence.endswith(".") and len(sentence) < 400, what
    assert tried["kilobytes"] < MEGABYTES * 1024
    assert not tried["home"]
    assert not {"tensorflow", "keras", "pickle", "h5py"} & {
        name.partition(".")[0] for name in tried["modules"]
    }
    assert tried["opened"] == []


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("a shape bomb", "overflow computing buffer size"),
        ("overlapping offsets", "invalid offset for tensor `head.0.bias`"),
        ("half precision", "is not float32"),
        ("the largest number", "not finite or too large"),
        ("a header of spaces", "a header of 2,097,154 bytes is more than it may have"),
        ("four hidden layers", "hidden: Tuple should have at most 3 items"),
        ("a head without a bias", "head.0.bias is missing"),
        ("a head of more classes", "has the shape (32, 3), not (32, 2)"),
        ("a hole among the trained layers", "trunk.8.kernel is missing"),
        ("an unknown backbone", "a backbone called"),
        ("weights that expand to a gigabyte", "is larger than this zip says"),
        ("weights that say they do", "such a model has at most"),
        ("encrypted", "without a password"),
        ("a climbing name", "may lead out"),
        ("two files of one name", "model.json in this bundle"),
        ("a word too many", "custom_objects"),
    ],
)
def test_the_sentence_says_what_was_found(what: str, why: str, tried: dict) -> None:
    assert why in tried["said"][f"{list(hostile.BUNDLES).index(what):03}"]


def test_other_files_are_left_unread_even_where_they_would_do_harm(settings: Settings) -> None:
    others = {
        "classifier.keras": zipfile.ZipFile.__name__.encode() + hostile.RUNS,
        "classifier.h5": hostile.RUNS,
        "classifier.tflite": b"\0" * 4096,
        "predict.py": b"raise SystemExit",
        "weights.pkl": hostile.RUNS,
        "saved/variables/variables.index": hostile.RUNS,
    }
    content = bytearray(hostile.zipped(hostile.whole() | others))
    for name in others:  # reading any of them would show that its bytes are not what they were
        content[content.index(name.encode()) + len(name)] ^= 0xFF
    made = imported.import_bundle(io.BytesIO(content), "mine", settings)
    kept = {path.name for path in made.path.iterdir()}
    assert {"model.json", "weights.safetensors", "novelty.safetensors", "looks.json"} < kept
    assert not kept & set(others)


def test_what_is_stored_is_written_from_the_checked_values(settings: Settings) -> None:
    entries = {"__metadata__": {"a": "b"}, "head.0.kernel": hostile.GOOD}
    header = json.dumps(entries | {"head.0.bias": hostile.BIAS}).encode() + b" " * 99
    weights = hostile.tensors(header, bytes(264))
    content = hostile.zipped(hostile.whole(weights=weights))
    model = imported.import_bundle(io.BytesIO(content), "mine", settings)
    stored = (model.path / "weights.safetensors").read_bytes()
    assert stored == save({name: np.zeros_like(array) for name, array in hostile.head().items()})


def test_a_bundle_that_is_too_large_for_this_host_names_the_limit(settings: Settings) -> None:
    small = settings.model_copy(update={"archive_megabytes": 1})
    content = hostile.zipped(hostile.whole() | {"classifier.keras": bytes(1 << 21)})
    with pytest.raises(LimitExceeded, match="TUSKER_ARCHIVE_MEGABYTES"):
        bundle.read(io.BytesIO(content), small)
