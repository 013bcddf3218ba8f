"""Features on disk: what was kept is there again, whatever happened in between."""

import hashlib
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from core.settings import Settings
from core.training import cache
from core.training.cache import FeatureArray, FeatureCache, cache_folder, open_cache

ROOT = Path(__file__).parents[3]
SHAPE = (2, 3)
ROW = 2 * 3 * 4
LINE = 64 + 1


def names(count, first=0):
    return [hashlib.sha256(bytes([number])).hexdigest() for number in range(first, first + count)]


def arrays(count, first=0):
    """An array a picture, no two alike."""
    return np.arange(first, first + count, dtype=np.float32)[:, None, None] + np.zeros(SHAPE)


def array(folder):
    return FeatureArray(folder, SHAPE, np.float32)


def filled_array(folder, count=3):
    feature_array = array(folder)
    feature_array.append(names(count), arrays(count))
    return feature_array


def fill(cache, engine, size=1000):
    """Keep `size` bytes of rows for an engine."""
    cache.array(engine, "plain", "embedding", (size,), np.uint8).append(
        names(1), np.zeros((1, size), np.uint8)
    )


def engines(folder):
    return {path.name.partition("-")[2] for path in folder.glob("v*")}


def test_appended_rows_are_read_by_their_pictures(tmp_path):
    feature_array = filled_array(tmp_path)
    feature_array.append(names(2, first=3), arrays(2, first=3))
    for opened_again in (feature_array, array(tmp_path)):
        reversed_names = names(5)[::-1]
        rows = opened_again.rows()[opened_again.row_indices(reversed_names)]
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, arrays(5)[::-1])
        assert names(1)[0] in opened_again
        assert names(1, first=5)[0] not in opened_again


def test_rows_are_mapped_and_cannot_be_changed(tmp_path):
    rows = filled_array(tmp_path).rows()
    assert isinstance(rows, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 1


@pytest.mark.parametrize("rows", [0, 1, ROW, ROW + 1, 3 * ROW - 1, 3 * ROW])
@pytest.mark.parametrize("lines", [0, 1, LINE - 1, LINE, 2 * LINE + 5, 3 * LINE - 1, 3 * LINE])
def test_a_torn_write_loses_only_the_torn_rows(tmp_path, rows, lines):
    filled_array(tmp_path)
    for name, length in (("rows", rows), ("pictures", lines)):
        os.truncate(tmp_path / name, length)
    complete = min(rows // ROW, lines // LINE)
    truncated = array(tmp_path)
    assert [name in truncated for name in names(3)] == [index < complete for index in range(3)]
    np.testing.assert_array_equal(truncated.rows(), arrays(complete))
    truncated.append(names(3)[complete:], arrays(3)[complete:])
    reopened = array(tmp_path)
    np.testing.assert_array_equal(reopened.rows()[reopened.row_indices(names(3))], arrays(3))


@pytest.mark.parametrize("missing", ["rows", "pictures"])
def test_an_array_that_was_deleted_in_part_is_empty(tmp_path, missing):
    filled_array(tmp_path)
    (tmp_path / missing).unlink()
    assert len(array(tmp_path).rows()) == 0
    assert not any((tmp_path / name).stat().st_size for name in ("rows", "pictures"))


def test_engines_views_and_arrays_are_kept_apart(tmp_path):
    cache = FeatureCache(tmp_path)
    keys = [("a", "plain", "embedding"), ("b", "plain", "embedding")]
    keys += [("a", "mirror", "embedding"), ("a", "plain", "block1_relu")]
    for number, key in enumerate(keys):
        cache.array(*key, SHAPE, np.float32).append(names(1), arrays(1, first=number))
    for number, key in enumerate(keys):
        rows = cache.array(*key, SHAPE, np.float32).rows()
        np.testing.assert_array_equal(rows, arrays(1, first=number))


def test_features_of_another_version_of_the_code_are_unknown(tmp_path, monkeypatch):
    fill(FeatureCache(tmp_path), "light")
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    later = FeatureCache(tmp_path)
    assert names(1)[0] not in later.array("light", "plain", "embedding", (1000,), np.uint8)


def test_the_least_recently_used_features_are_removed_first(tmp_path):
    for age, engine in enumerate(("new", "old", "older")):
        fill(FeatureCache(tmp_path), engine)
        (view,) = tmp_path.glob(f"v*-{engine}/*")
        os.utime(view, (1e9 - age, 1e9 - age))
    after = FeatureCache(tmp_path)
    after.trim(3 * 1065)
    assert engines(tmp_path) == {"new", "old", "older"}
    after.trim(2 * 1065)
    assert engines(tmp_path) == {"new", "old"}
    after.trim(2 * 1065 - 1)
    assert engines(tmp_path) == {"new"}


def test_opening_an_array_counts_as_use(tmp_path):
    for age, engine in enumerate(("first", "second")):
        fill(FeatureCache(tmp_path), engine)
        (view,) = tmp_path.glob(f"v*-{engine}/*")
        os.utime(view, (1e9 + age, 1e9 + age))
    FeatureCache(tmp_path).array("first", "plain", "embedding", (1000,), np.uint8)
    FeatureCache(tmp_path).trim(1065)
    assert engines(tmp_path) == {"first"}


def test_unused_views_of_a_used_engine_are_removed_too(tmp_path):
    for age in range(3):
        array = FeatureCache(tmp_path).array("same", f"view {age}", "embedding", (1000,), np.uint8)
        array.append(["0" * 64], np.zeros((1, 1000)))
        (view,) = tmp_path.glob(f"v*-same/view {age}")
        os.utime(view, (1e9 + age, 1e9 + age))
    cache = FeatureCache(tmp_path)
    cache.array("same", "view 1", "embedding", (1000,), np.uint8)
    cache.trim(2 * 1065)
    assert {path.name for path in tmp_path.glob("v*/*")} == {"view 1", "view 2"}
    cache.trim(0)
    assert {path.name for path in tmp_path.glob("v*/*")} == {"view 1"}


def test_a_cache_is_trimmed_when_it_is_closed(tmp_path):
    with open_cache(tmp_path, Settings(home=tmp_path)) as cache:
        fill(cache, "big", 2 << 20)
    with open_cache(tmp_path, Settings(home=tmp_path, features_megabytes=3)) as cache:
        fill(cache, "small")
    assert engines(tmp_path) == {"big", "small"}
    with open_cache(tmp_path, Settings(home=tmp_path, features_megabytes=1)) as cache:
        fill(cache, "small 2")
    assert engines(tmp_path) == {"small", "small 2"}


def test_a_cache_is_trimmed_and_released_when_a_training_fails(tmp_path):
    with open_cache(tmp_path, Settings(home=tmp_path)) as cache:
        fill(cache, "big", 2 << 20)
    settings = Settings(home=tmp_path, features_megabytes=1)
    with pytest.raises(ZeroDivisionError), open_cache(tmp_path, settings) as cache:
        fill(cache, "small")
        raise ZeroDivisionError
    assert engines(tmp_path) == {"small"}
    with open_cache(tmp_path, settings) as cache:
        assert cache.folder == tmp_path, "it is still locked"


def test_views_of_a_dataset_in_the_cache_are_counted(tmp_path):
    cache = FeatureCache(tmp_path)
    for engine, view in product(["a-1-litert", "b-1-litert"], ["plain", "mirror"]):
        cache.array(engine, view, "embedding", (4,), np.float32).append(names(3), np.ones((3, 4)))
    assert cache.count("a", "embedding", ["plain", "mirror"], names(3)) == 2 * 3
    assert cache.count("a", "embedding", ["plain"], names(2)) == 2
    assert cache.count("c", "embedding", ["plain"], names(3)) == 0
    assert cache.count("a", "block_10", ["plain"], names(3)) == 0
    assert cache.count("a", "embedding", ["plain"], names(3, first=9)) == 0


HOLD = """
import sys
from pathlib import Path
import numpy as np
from core.settings import Settings
from core.training.cache import open_cache

with open_cache(Path(sys.argv[1]), Settings(home=Path(sys.argv[1]))) as kept:
    array = kept.array("light", "plain", "embedding", (4,), np.float32)
    print("open", flush=True)
    for line in sys.stdin:
        array.append([line.strip()], np.ones((1, 4)))
        print("kept", flush=True)
"""


def test_a_second_process_has_a_cache_of_its_own(tmp_path):
    settings = Settings(home=tmp_path)
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with first:
        assert first.stdin
        assert first.stdout
        assert first.stdout.readline() == "open\n"
        print(names(1)[0], file=first.stdin, flush=True)
        assert first.stdout.readline() == "kept\n"
        with open_cache(tmp_path, settings) as private:
            assert private.folder != tmp_path
            private_array = private.array("light", "plain", "embedding", (4,), np.float32)
            assert len(private_array.rows()) == 0
            private_array.append(names(1), np.zeros((1, 4)))
            print(names(2)[1], file=first.stdin, flush=True)
            assert first.stdout.readline() == "kept\n"
        assert not private.folder.exists()
        first.stdin.close()
        assert first.wait() == 0
    with open_cache(tmp_path, settings) as cache:
        assert cache.folder == tmp_path
        embeddings = cache.array("light", "plain", "embedding", (4,), np.float32)
        assert [name in embeddings for name in names(3)] == [True, True, False]
        np.testing.assert_array_equal(embeddings.rows(), np.ones((2, 4)))


def test_features_are_in_the_home_on_a_personal_machine_and_beside_the_pictures_on_a_host(tmp_path):
    home, pictures = tmp_path / "home", tmp_path / "uploads" / "1" / "pictures"
    personal = cache_folder(pictures, Settings(home=home, mode="personal"))
    assert personal == home / "features"
    shared = cache_folder(pictures, Settings(home=home, mode="public"))
    assert shared == tmp_path / "uploads" / "1" / "features"
