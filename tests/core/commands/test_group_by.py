"""`--group-by` of train, compare and evaluate."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import backbones
from core.__main__ import main
from core.backbones import Backbone
from core.bakeoff import compare
from core.runs import open_folder
from tests import shapes


@dataclass(frozen=True)
class CommandResult:
    """A run that a command has trained, and what it has printed."""

    run: Path
    out: str
    err: str


@pytest.fixture(scope="module")
def commands() -> dict[tuple[str, ...], CommandResult]:
    """What has been trained, by its options."""
    return {}


@pytest.fixture
def train(
    commands: dict[tuple[str, ...], CommandResult],
    tiny: Backbone,
    tmp_path_factory: pytest.TempPathFactory,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., CommandResult]:
    """`train("--group-by", "prefix")`: a training on pictures of sites, done once."""

    def train_once(*options: str) -> CommandResult:
        if options not in commands:
            folder = tmp_path_factory.mktemp("sites")
            source, run = str(shapes.sites_zip(folder)), folder / "run"
            words = ["train", source, "--backbone", "tiny", "--out", str(run), "--json"]
            assert main([*words, *options]) == 0
            commands[options] = CommandResult(run, *capfd.readouterr())
        return commands[options]

    return train_once


@pytest.fixture
def plain(train: Callable[..., CommandResult]) -> CommandResult:
    """A training without groups."""
    return train()


@pytest.fixture
def grouped(train: Callable[..., CommandResult]) -> CommandResult:
    """A training by sites, the prefixes of the file names."""
    return train("--group-by", "prefix")


@pytest.fixture
def sites(tiny: Backbone, tmp_path: Path) -> Path:
    return shapes.sites_zip(tmp_path)


def test_a_grouped_training_prints_the_inflation(grouped: CommandResult) -> None:
    assert "Kept together in training or test: 12 groups by file-name prefix" in grouped.err
    printed = json.loads(grouped.out)
    assert printed["grouped_by"] == "prefix"
    assert printed["groups_in_test"] in (1, 2)  # 15 % of twelve
    assert printed["inflation"]["difference"]["low"] > 0
    assert "groups" in {finding["code"] for finding in printed["findings"]}


def test_detected_groups_are_reported_with_their_option(plain: CommandResult) -> None:
    assert "12 groups by file-name prefix, such as site00" in plain.err
    assert "--group-by prefix" in plain.err
    assert "not seen in training" not in plain.out + plain.err


def test_backbones_are_compared_on_folds_of_groups(
    sites: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compare, "available", lambda _: (backbones.get("tiny"),))
    accuracies = []
    for options in ([], ["--group-by", "prefix"]):
        assert main(["compare", str(sites), "--json", *options]) == 0
        (contender,) = json.loads(capfd.readouterr().out)["contenders"]
        accuracies.append(contender["accuracy"]["value"])
    assert accuracies[1] < accuracies[0]


def test_an_evaluation_by_groups_has_wider_intervals(
    plain: CommandResult, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other_zip = shapes.sites_zip(tmp_path, first=12, sites=8, name="other.zip")
    capfd.readouterr()
    widths = []
    for options in ([], ["--group-by", "prefix"]):
        assert main(["evaluate", str(plain.run), str(other_zip), "--json", *options]) == 0
        accuracy = json.loads(capfd.readouterr().out)["accuracy"]
        widths.append(accuracy["high"] - accuracy["low"])
    assert widths[1] > 1.5 * widths[0]


def test_pictures_of_groups_that_the_model_knows_are_left_out_of_an_evaluation(
    plain: CommandResult, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Twelve of the 24 pictures of sites 0 and 1 are those of the training.
    other_zip = shapes.sites_zip(tmp_path, sites=2, per_site=24, name="other.zip")
    new_sites = shapes.sites_zip(tmp_path, first=12, sites=4, name="new.zip")
    with zipfile.ZipFile(new_sites) as new_archive, zipfile.ZipFile(other_zip, "a") as archive:
        for name in new_archive.namelist():
            archive.writestr(name, new_archive.read(name))
    capfd.readouterr()
    left_out = []
    for options in ([], ["--group-by", "prefix"]):
        assert main(["evaluate", str(plain.run), str(other_zip), "--json", *options]) == 0
        left_out.append(json.loads(capfd.readouterr().out)["left_out"])
    assert left_out[0] < 24 < left_out[1] == 48


def test_an_evaluation_of_a_grouped_run_uses_only_new_groups(
    grouped: CommandResult, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run, options = grouped.run, ["--group-by", "prefix"]
    # Sites 10 to 15, of which 10 and 11 were trained with or tested, in pictures not seen.
    other_zip = shapes.sites_zip(tmp_path, first=10, sites=6, per_site=24, name="other.zip")
    trained_run = {e.group_name for e in open_folder(run).dataset().examples if e.split != "test"}
    new = {f"site{number}" for number in range(10, 16)} - trained_run
    assert len(new) < 6
    capfd.readouterr()
    assert main(["evaluate", str(run), str(other_zip), "--json", *options]) == 0
    report = json.loads(capfd.readouterr().out)
    assert f"on {len(new)} groups not seen in training" in report["headline"]
    assert (report["pictures"], report["left_out"]) == (24 * len(new), 24 * (6 - len(new)))


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        ("colour", "Expected folder, prefix, day, device or FILE.csv:column; found 'colour'."),
        ("folder", "Expected folders above or below those of the classes to group by"),
        ("day", "Expected the day in the EXIF data of the pictures, found none."),
        ("nowhere.csv:site", "Expected a table at nowhere.csv; found none there."),
        ("prefix:x", "found 'prefix:x'"),
        ("{table}:plaice", "the same value; found place in sites.csv."),
    ],
)
def test_bad_group_by_options_are_refused(
    by: str, sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sites = shapes.sites_zip(tmp_path, sites=2, per_site=6)
    table = tmp_path / "sites.csv"
    rows = [f"site00_{number:04}.jpg,{number // 2}" for number in range(4)]
    table.write_text("\n".join(["file,place", *rows]))
    assert main(["train", str(sites), "--group-by", by.format(table=table)]) == 2
    answer = capfd.readouterr()
    assert sentence in answer.err
    assert "Traceback" not in answer.err


def test_groups_are_not_called_new_where_others_vary_in_the_names(
    grouped: CommandResult, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """All pictures are of one site, so that their names are grouped by what follows it."""
    trained = {
        e.group_name for e in open_folder(grouped.run).dataset().examples if e.split != "test"
    }
    site = int(min(trained).removeprefix("site"))
    pictures, other_zip = shapes.sites_zip(tmp_path, first=site, per_site=48), tmp_path / "days.zip"
    with zipfile.ZipFile(pictures) as archive, zipfile.ZipFile(other_zip, "w") as days:
        for number, name in enumerate(archive.namelist()[:48]):
            day = f"{name.split('/')[0]}/site{site:02}_day{number // 8}_{number}.jpg"
            days.writestr(day, archive.read(name))
    capfd.readouterr()
    assert main(["evaluate", str(grouped.run), str(other_zip), "--group-by", "prefix"]) == 2
    assert "found 48 that it learned from" in capfd.readouterr().err


def test_an_evaluation_without_the_groups_of_the_training_says_so(
    grouped: CommandResult, plain: CommandResult, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other_zip = shapes.sites_zip(tmp_path, first=12, sites=2, name="other.zip")
    said = []
    for run in (grouped.run, plain.run):
        capfd.readouterr()
        assert main(["evaluate", str(run), str(other_zip)]) == 0
        said.append("--group-by prefix leaves them out" in capfd.readouterr().err)
    assert said == [True, False]
