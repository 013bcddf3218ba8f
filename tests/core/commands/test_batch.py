"""Folders, zips and tables on the command line."""

import csv
import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.jobs.workers import ROOT
from core.predict import lookup
from core.settings import Settings
from tests.core.commands.conftest import Command, Refusal
from tests.core.jobs.at_work import wait_until
from tests.shapes import draw, encoded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures, one of them in a zip without folders, one unreadable, and notes."""
    path = tmp_path / "given"
    path.mkdir()
    for number in (10, 9, 8, 7):
        (path / f"{number}.jpg").write_bytes(encoded(draw(number % 3, seed=number)))
    (path / "bad.jpg").write_bytes(b"no picture")
    (path / "notes.txt").write_text("none of it")
    with zipfile.ZipFile(tmp_path / "flat.zip", "w") as archive:
        archive.writestr("z.png", encoded(draw(1, seed=1), "PNG"))
    return path


def test_folders_zips_and_pictures_become_one_table_in_their_order(
    command: Command, folder: Path, tmp_path: Path, settings: Settings
) -> None:
    tables = {form: tmp_path / f"out.{form}" for form in ("csv", "jsonl", "xlsx")}
    inputs = [folder / "8.jpg", tmp_path / "flat.zip", folder]
    options = [word for form, path in tables.items() for word in (f"--{form}", path)]
    answer = command("predict", *inputs, *options)
    assert answer.returncode == 2
    out, err = answer.stdout, answer.stderr
    assert out.startswith("7 pictures: ") and out.count("\n") == 1
    assert "1 not readable" in out and "pictures/s" in out
    assert [line.partition(": ")[0] for line in err.splitlines()] == [str(folder / "bad.jpg")]
    rows = list(csv.DictReader(tables["csv"].read_text().splitlines()))
    assert [row["file"] for row in rows] == [
        str(folder / "8.jpg"),
        str(tmp_path / "flat.zip/z.png"),
        *(str(folder / name) for name in ("7.jpg", "8.jpg", "9.jpg", "10.jpg", "bad.jpg")),
    ]
    assert rows[-1]["problem"].startswith("Not a picture")
    classifier = lookup.find("", settings)
    for row in (rows[0], rows[2]):
        answer = classifier.answer(classifier.load(Path(row["file"])))
        best, second = classifier.top(answer.probabilities, 2)
        assert (row["label"], row["next label"]) == (best.label, second.label)
        assert float(row["probability"]) == pytest.approx(best.probability, abs=1e-5)
    lines = [json.loads(line) for line in tables["jsonl"].read_text().splitlines()]
    assert [line["file"] for line in lines] == [row["file"] for row in rows]
    assert zipfile.is_zipfile(tables["xlsx"])


def test_the_summary_can_be_json(command: Command, folder: Path, tmp_path: Path) -> None:
    (folder / "bad.jpg").unlink()
    answer = command("predict", folder, "--csv", tmp_path / "out.csv", "--json")
    summary = json.loads(answer.stdout)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert summary["pictures"] == sum(summary["labels"].values()) + summary["not_sure"] == 4
    assert summary["unreadable"] == 0


def test_a_folder_without_pictures_is_refused_in_a_sentence(
    refusal: Refusal, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("none of it")
    assert "found none" in refusal("predict", tmp_path)


def test_a_table_is_written_only_to_a_separate_file(
    refusal: Refusal, folder: Path, tmp_path: Path
) -> None:
    picture, table = folder / "7.jpg", tmp_path / "out"
    before = picture.read_bytes()
    for options, sentence in (
        (("--csv", tmp_path), "found a folder."),
        (("--csv", "/dev/null"), "found something that is no file."),
        (("--xlsx", tmp_path / "none" / "out.xlsx"), "but none can be made there."),
        (("--xlsx", picture), "which is an input."),
        (("--csv", table, "--jsonl", table), "which is another table."),
    ):
        assert refusal("predict", picture, *options).endswith(sentence)
    assert picture.read_bytes() == before
    assert not table.exists()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_a_cancel_leaves_no_file(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "out"
    home.mkdir()
    for copy in range(400):
        (folder / f"copy{copy}.jpg").write_bytes((folder / "7.jpg").read_bytes())
    words = ["predict", folder, "--csv", home / "out.csv", "--xlsx", home / "out.xlsx"]
    process = subprocess.Popen(
        [sys.executable, "-m", "core", *map(str, words)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        wait_until(lambda: process.poll() is not None or list(home.iterdir()))
        process.send_signal(number)
        out, err = process.communicate()
    finally:
        process.kill()
    assert (process.returncode, out) == (130, b"")
    assert err.splitlines()[-1] == b"Cancelled."
    assert not list(home.iterdir())
