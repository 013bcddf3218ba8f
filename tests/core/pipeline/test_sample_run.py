"""The run that comes with Tusker: whole, of today's kind, read without a trace, made alike."""

import numpy as np
import pytest

from core import runs
from core.evaluation.report import VERSION
from core.intake import samples
from core.jobs import State
from core.model import storage
from core.pipeline import sample_run
from core.runs.filenames import MANIFEST
from core.runs.run import Run
from tests.shapes import draw

LARGEST = 1_500_000
"""Bytes that it may take in the repository."""


@pytest.fixture
def sample(settings):
    """The run, as pages find it."""
    return runs.get(settings, runs.SAMPLE.name)


def _files(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_every_file_is_the_one_that_its_manifest_lists(sample):
    listed = sample.manifest().files
    sample.check_files(*listed)
    assert _files(sample.path) - set(listed) == {MANIFEST, "events.jsonl", "status.json"}


def test_the_sample_is_small_and_names_no_local_path(sample):
    names = _files(sample.path)
    assert sum((sample.path / name).stat().st_size for name in names) < LARGEST
    assert not {storage.KERAS, storage.LITERT, storage.SERVING} & {
        name.split("/")[-1] for name in names
    }
    for name in names:
        if name.endswith((".json", ".jsonl")):
            assert b"/tmp" not in (sample.path / name).read_bytes()


def test_the_sample_has_every_part_of_a_report(sample, settings):
    report = sample.report()
    assert report.version == VERSION
    assert report.classes == tuple("0123456789")
    assert len(report.predictions) == len(sample.probabilities()) == len(sample.heatmaps())
    assert report.accuracy.value > 0.85
    assert report.certainty.choices
    for part in (sample.ood_scores(), sample.footprint(), sample.learning_curve()):
        assert part is not None
    assert sample.classifier(settings).appearance is not None
    assert sample.epochs()
    assert sample.kept()
    assert sample.status(settings).state is State.FINISHED
    assert all(sample.thumbnail(index).is_file() for index in range(report.pictures))


def test_its_summary_marks_it_as_the_sample(sample, settings):
    line = runs.summarise(sample, settings)
    assert line.sample and line.complete
    assert (line.name, line.state) == (samples.DIGITS, State.FINISHED)
    assert line.accuracy == sample.report().accuracy


def test_the_model_of_the_sample_predicts(sample, settings):
    classifier = sample.classifier(settings)
    answer = classifier.answer(np.asarray(draw(0, size=classifier.size)))
    assert answer.probabilities.shape == (10,)
    assert answer.probabilities.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_a_remade_sample_has_the_same_figures(sample, tmp_path):
    remade = sample_run.make(tmp_path / runs.SAMPLE.name)
    assert remade.dataset() == sample.dataset()
    assert remade.config() == sample.config()
    assert np.allclose(remade.probabilities(), sample.probabilities(), atol=1e-3)
    report, expected = remade.report(), sample.report()
    assert report.headline == expected.headline
    assert report.confusion == expected.confusion
    assert report.accuracy == expected.accuracy
    assert _files(remade.path) == _files(sample.path)
    assert Run(remade.path).manifest().files.keys() == sample.manifest().files.keys()
