"""The detector tells out-of-distribution pictures, on synthetic clouds."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load, save

from core.model import ood
from core.model.ood import OodDetector

WIDTH = 64


def clouds(n, classes=3, *, seed=0, centres=0, spread=0.2, width=WIDTH):
    """Embeddings like those of a backbone: nothing below 0, a cloud a class, and their labels."""
    middles = np.random.default_rng(centres).gamma(1.0, size=(classes, width))
    labels = np.arange(n) % classes
    noise = spread * np.random.default_rng([7, seed]).normal(size=(n, width))
    return np.maximum(middles[labels] + noise, 0).astype(np.float32), labels


def fit(embeddings, labels):
    return ood.fit(embeddings, labels, np.arange(len(labels)))


def test_pictures_of_other_classes_are_out_of_distribution():
    detector = fit(*clouds(120))
    scores = detector.ood_score(clouds(60, seed=1, centres=5)[0])
    assert (scores > 1).all()
    assert scores.dtype == np.float32
    assert scores.shape == (60,)


@pytest.mark.parametrize(("n", "classes"), [(60, 3), (150, 10), (400, 2)])
def test_new_pictures_of_known_classes_exceed_the_threshold_as_rarely_as_promised(n, classes):
    rates = []
    for seed in range(12):
        detector = fit(*clouds(n, classes, seed=seed))
        rates.append((detector.ood_score(clouds(500, classes, seed=100 + seed)[0]) > 1).mean())
    promised = 1 - ood.IN_DISTRIBUTION_SHARE
    assert promised / 4 < np.mean(rates) < 2 * promised


def test_the_threshold_comes_from_held_out_pictures():
    """With as few pictures as this, those that were fitted are far nearer than new ones."""
    embeddings, labels = clouds(24)
    detector = fit(embeddings, labels)
    assert detector.ood_score(embeddings).max() < 0.97
    assert (detector.ood_score(clouds(300, seed=9)[0]) > 1).mean() < 0.12


def test_near_duplicates_are_not_held_out_from_each_other():
    """Each picture is there twice; a fit with one of the two knows the other too well."""
    embeddings, labels = clouds(30)
    twice, both = np.repeat(embeddings, 2, axis=0), np.repeat(labels, 2)
    apart = ood.fit(twice, both, np.repeat(np.arange(30), 2))
    mixed = fit(twice, both)
    new = clouds(600, seed=3)[0]
    assert (apart.ood_score(new) > 1).mean() < (mixed.ood_score(new) > 1).mean()


def test_directions_in_which_a_class_varies_count_less():
    """One feature varies a lot within classes: a step along it is nothing new."""
    embeddings, labels = clouds(200, spread=0.05)
    embeddings[:, 0] = np.random.default_rng(1).uniform(0, 30, 200)
    detector = fit(embeddings, labels)
    along, across = embeddings[:3].copy(), embeddings[:3].copy()
    along[:, 0] = 15 - along[:, 0] / 2
    across[:, 1] += 15
    assert (detector.ood_score(along) <= 1).all()
    assert (detector.ood_score(across) > 2).all()


def test_the_same_pictures_give_the_same_file_which_scores_as_before():
    first, second = (fit(*clouds(90)) for _ in range(2))
    assert save(first.arrays()) == save(second.arrays())
    loaded = OodDetector.from_arrays(load(save(first.arrays())))
    new = clouds(40, seed=4)[0]
    np.testing.assert_array_equal(loaded.ood_score(new), first.ood_score(new))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", np.zeros((3, WIDTH))),
        ("means", np.zeros((0, WIDTH), np.float32)),
        ("means", np.zeros(WIDTH, np.float32)),
        ("means", np.full((3, WIDTH), np.nan, np.float32)),
        ("directions", np.zeros((2, WIDTH - 1), np.float32)),
        ("directions", np.full((2, WIDTH), np.inf, np.float32)),
        ("directions", np.ones((2, WIDTH), np.float32)),
        ("threshold", np.zeros(1, np.float32)),
        ("threshold", np.full(1, np.nan, np.float32)),
        ("threshold", np.ones(2, np.float32)),
    ],
)
def test_damaged_arrays_are_refused(name, value):
    arrays = fit(*clouds(90)).arrays()
    with pytest.raises(ValueError, match="must"):
        OodDetector.from_arrays(arrays | {name: value})


def test_a_missing_array_is_refused():
    arrays = fit(*clouds(90)).arrays()
    for name in arrays:
        with pytest.raises(LookupError):
            OodDetector.from_arrays({n: a for n, a in arrays.items() if n != name})


@pytest.mark.parametrize(
    ("embeddings", "labels"),
    [
        (np.empty((0, WIDTH), np.float32), np.empty(0, np.int64)),
        (np.ones((1, WIDTH), np.float32), np.zeros(1, np.int64)),
        (clouds(8, classes=8)[0], np.arange(8)),  # a picture a class
        (np.ones((40, WIDTH), np.float32), np.arange(40) % 2),  # all the same
        (np.zeros((40, WIDTH), np.float32), np.arange(40) % 2),
    ],
)
def test_too_few_or_equal_pictures_give_no_detector(embeddings, labels):
    assert fit(embeddings, labels) is None


def test_one_class_is_enough():
    detector = fit(*clouds(40, classes=1))
    assert (detector.ood_score(clouds(40, classes=1, centres=3)[0]) > 1).all()


def test_labels_need_not_start_at_0_or_be_without_gaps():
    embeddings, labels = clouds(90)
    np.testing.assert_array_equal(
        fit(embeddings, 5 + 3 * labels).ood_score(embeddings),
        fit(embeddings, labels).ood_score(embeddings),
    )


def test_a_class_of_a_single_picture_does_not_move_the_threshold():
    embeddings, labels = clouds(90)
    lonely = clouds(1, centres=8)[0]
    detector = fit(np.concatenate([embeddings, lonely]), np.append(labels, 3))
    assert detector.ood_score(lonely)[0] < 0.01
    assert detector.threshold == pytest.approx(fit(embeddings, labels).threshold, rel=0.1)


def test_an_empty_embedding_and_one_with_negative_features_get_a_number():
    embeddings, labels = clouds(90)
    embeddings -= 0.1
    detector = fit(embeddings, labels)
    odd = np.stack([np.zeros(WIDTH), -embeddings[0]]).astype(np.float32)
    strange = detector.ood_score(odd)
    assert np.isfinite(strange).all()
    assert (strange > 1).all()


def test_the_length_of_an_embedding_does_not_change_its_score():
    embeddings, labels = clouds(90)
    detector = fit(embeddings, labels)
    np.testing.assert_allclose(
        detector.ood_score(3 * embeddings), detector.ood_score(embeddings), atol=1e-4
    )


def test_the_sample_has_equally_many_pictures_of_each_class():
    labels = np.repeat([0, 1, 2], [500, 500, 7])
    selected = ood.balanced_sample(labels, 300)
    assert np.bincount(labels[selected]).tolist() == [100, 100, 7]
    assert (np.diff(selected) > 0).all()
    of_many = ood.balanced_sample(np.arange(9000) % 300, 300)
    assert len(of_many) == 300 * ood.MINIMUM_PER_CLASS


def test_memory_does_not_grow_with_the_number_of_pictures():
    random = np.random.default_rng(0)
    labels = np.arange(20_000) % 100
    middles = random.random((100, 1280), dtype=np.float32)
    embeddings = middles[labels] + random.random((20_000, 1280), dtype=np.float32)
    tracemalloc.start()
    detector = fit(embeddings, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < embeddings.nbytes * 2
    assert sum(array.nbytes for array in detector.arrays().values()) < 1_000_000


def test_scoring_does_not_import_scikit_learn(tmp_path):
    path = tmp_path / "novelty.safetensors"
    path.write_bytes(save(fit(*clouds(90)).arrays()))
    program = (
        "import sys, numpy; from safetensors.numpy import load_file; from core.model import ood; "
        f"found = ood.OodDetector.from_arrays(load_file({str(path)!r})); "
        f"found.ood_score(numpy.ones((2, {WIDTH}), numpy.float32)); "
        "assert not {'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
