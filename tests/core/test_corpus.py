"""Files made to break readers: none crashes, hangs, takes much memory or escapes its folder.

`pytest -m corpus -s` prints how many were accepted and refused, and the slowest and largest.
"""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

SECONDS, MEGABYTES = 2, 200


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(("kind", "expected"), [("images", 182), ("archives", 211)])
def test_no_file_of_the_corpora_does_any_harm(kind, expected, corpora, tmp_path, capsys):
    files = sorted(p for p in (corpora / kind).rglob("*") if p.is_file())
    assert len(files) >= expected, "the corpora are incomplete"
    (tmp_path / "neighbour").write_text("mine")
    surroundings = hashes(corpora)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.core.corpus",
            kind,
            str(tmp_path / "scratch"),
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    tried = [json.loads(line) for line in done.stdout.splitlines()]
    crashes = [t for t in tried if t["outcome"].startswith("crash")]
    if done.returncode:
        crashes.append({"after": tried[-1:], "error": done.stderr[-2_000:]})
    slowest = max(tried, key=lambda t: t["seconds"])
    largest = max(tried, key=lambda t: t["megabytes"])
    with capsys.disabled():
        print(f"\n{kind}: {len(files)} files tried, each in two ways")
        for way in dict.fromkeys(t["way"] for t in tried):
            outcomes = Counter(t["outcome"].split(":")[0] for t in tried if t["way"] == way)
            print(
                f"  {way:8} accepted {outcomes['accepted']:3}   refused {outcomes['refused']:3}   "
                f"crashes {outcomes['crash']}"
            )
        print(f"  crashes and escapes {len(crashes)} and {sum(t['escaped'] for t in tried)}")
        print(f"  slowest {slowest['seconds']:.2f} s ({slowest['file']})")
        print(f"  most memory {largest['megabytes']:.0f} MB ({largest['file']})")
    assert not crashes
    assert len(tried) == 2 * len(files)
    assert not [t["file"] for t in tried if t["escaped"]]
    assert slowest["seconds"] < SECONDS, slowest
    assert largest["megabytes"] < MEGABYTES, largest
    assert all(t["outcome"] == "accepted" or t["outcome"].endswith((".", "…")) for t in tried)
    assert hashes(corpora) == surroundings
    assert {p.name for p in tmp_path.iterdir()} <= {"neighbour", "scratch"}
