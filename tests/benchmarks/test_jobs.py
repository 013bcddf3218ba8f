"""Trainings in separate processes and homes."""

import zipfile

import pytest

from benchmarks import jobs
from core.settings import Settings
from core.training import config
from tests import shapes


def test_homes_share_backbones_and_measurements_but_no_features(tmp_path):
    first = jobs.new_home(tmp_path / "prepared")
    (first.home / "backbones" / "tiny").mkdir(parents=True)
    (first.home / "features").mkdir()
    (first.home / jobs.MEASURED).write_text("{}")
    second = jobs.new_home(tmp_path / "second", first.home)
    assert (second.home / "backbones" / "tiny").is_dir()
    assert (second.home / jobs.MEASURED).read_text() == "{}"
    assert not (second.home / "features").exists()
    assert second.mode == "personal"


def test_limits_are_raised_but_never_lowered(tmp_path, monkeypatch):
    monkeypatch.setenv("TUSKER_PICTURES", "50000")
    settings = jobs.new_home(tmp_path / "home", pictures=40_000, classes=300)
    assert (settings.pictures, settings.classes) == (50_000, 300)


def test_a_picture_in_two_classes_is_left_out(tmp_path):
    path = shapes.shapes_zip(tmp_path, classes=2, per_class=8)
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("circle", "square"):
            archive.writestr(f"{name}/both.jpg", shapes.encoded(shapes.draw(5, 99)))
    imported = jobs.take_in(path, tmp_path / "in", Settings(home=tmp_path))
    assert len(imported.dataset.examples) == 16
    assert not any("both" in example.name for example in imported.dataset.examples)


@pytest.mark.slow
def test_a_model_is_evaluated_before_what_follows_its_report(tmp_path, tiny_home, imported_shapes):
    home = jobs.new_home(tmp_path / "home", tiny_home)
    samples = []
    trained = jobs.train(
        imported_shapes,
        config.preset("quick", backbone="tiny"),
        home,
        lambda pid, scored: samples.append((pid, scored)),
    )
    assert 0 < trained.first_event < trained.scored < trained.ended
    assert trained.run.report().pictures == 6
    assert (trained.run.model_folder / "classifier.tflite").is_file()
    assert len({pid for pid, _ in samples}) == 1
    assert [scored for _, scored in samples] == sorted(scored for _, scored in samples)
