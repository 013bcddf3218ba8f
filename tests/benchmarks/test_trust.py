"""Whether the figures of a report can be trusted."""

import numpy as np
import pytest

from benchmarks import jobs, planted_labels, set_coverage, trust


def test_every_cell_of_the_simulation_has_a_coverage_and_a_width():
    cells = np.array(list(trust.coverage(3, rounds=1)))
    expected = 2 * len(trust.ACCURACIES) * len(trust.CORRELATIONS) * len(trust.GROUPS)
    assert cells.shape == (expected, 2)
    assert set(cells[:, 0]) <= {0.0, 1.0}
    assert ((cells[:, 1] > 0) & (cells[:, 1] < 1)).all()


@pytest.mark.slow
def test_planted_copies_are_never_on_two_sides_of_a_split(datasets, tmp_path):
    settings = trust.jobs.new_home(tmp_path / "home")
    imported = trust.jobs.take_in(datasets / "ants_bees.zip", tmp_path / "intake", settings)
    assert trust.planted_leaks(imported, tmp_path, settings) == 0


def test_prediction_sets_are_measured_over_several_splits(imported_shapes, tiny_home, tmp_path):
    settings = jobs.new_home(tmp_path / "home", tiny_home)
    figures = set_coverage.figures("shapes", imported_shapes, settings, "tiny", 2)
    accuracy = figures["shapes: accuracy over 2 splits"].value
    covered = figures["shapes: 80 % prediction sets, coverage"]
    assert covered.value >= accuracy
    assert (covered.at_least, covered.at_most) == pytest.approx((0.78, max(0.8, accuracy) + 0.02))
    assert not list((settings.home / "runs").iterdir())


def test_planted_wrong_labels_are_searched_among_pictures_and_bursts(
    imported_shapes, tiny_home, tmp_path, monkeypatch
):
    monkeypatch.setattr(planted_labels, "SEEDS", 1)
    monkeypatch.setattr(planted_labels, "BURSTS", 12)
    settings = jobs.new_home(tmp_path / "home", tiny_home)
    figures = planted_labels.figures("shapes", imported_shapes, settings, "tiny")
    assert len(figures) == 2 * 2 * 2 * 2, "pictures, errors, rates, and recall with precision"
    recalls = [figure.value for title, figure in figures.items() if title.endswith("recall")]
    assert all(0 <= recall <= 1 for recall in recalls)
    means = planted_labels.means(figures)
    assert set(means) == {
        f"wrong labels of {kind}: mean {measure}"
        for kind in ("single pictures", "bursts of 8")
        for measure in ("recall", "precision")
    }
    recall = means["wrong labels of single pictures: mean recall"].value
    assert recall == pytest.approx(np.mean(recalls[:4]))
