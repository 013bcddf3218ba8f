"""Features on disk: what was kept is there again, whatever happened in between."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.settings import Settings
from core.training import cache
from core.training.cache import FeatureArray, FeatureCache, cache_folder, opened

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


def filled(folder, count=3):
    made = array(folder)
    made.append(names(count), arrays(count))
    return made


def fill(kept, engine, size=1000):
    """Keep `size` bytes of rows for an engine."""
    kept.array(engine, "plain", "embedding", (size,), np.uint8).append(
        names(1), np.zeros((1, size), np.uint8)
    )


def engines(folder):
    return {path.name.partition("-")[2] for path in folder.glob("v*")}


def test_what_is_appended_is_read_by_its_picture(tmp_path):
    made = filled(tmp_path)
    made.append(names(2, first=3), arrays(2, first=3))
    for opened_again in (made, array(tmp_path)):
        wanted = names(5)[::-1]
        found = opened_again.rows()[opened_again.row_indices(wanted)]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, arrays(5)[::-1])
        assert names(1)[0] in opened_again
        assert names(1, first=5)[0] not in opened_again


def test_rows_are_mapped_and_cannot_be_changed(tmp_path):
    rows = filled(tmp_path).rows()
    assert isinstance(rows, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 1


def test_an_empty_array_has_no_rows(tmp_path):
    assert array(tmp_path).rows().shape == (0, *SHAPE)


@pytest.mark.parametrize("rows", [0, 1, ROW, ROW + 1, 3 * ROW - 1, 3 * ROW])
@pytest.mark.parametrize("lines", [0, 1, LINE - 1, LINE, 2 * LINE + 5, 3 * LINE - 1, 3 * LINE])
def test_a_torn_write_costs_what_was_torn_and_nothing_else(tmp_path, rows, lines):
    filled(tmp_path)
    for name, length in (("rows", rows), ("pictures", lines)):
        os.truncate(tmp_path / name, length)
    whole = min(rows // ROW, lines // LINE)
    found = array(tmp_path)
    assert [name in found for name in names(3)] == [place < whole for place in range(3)]
    np.testing.assert_array_equal(found.rows(), arrays(whole))
    found.append(names(3)[whole:], arrays(3)[whole:])
    again = array(tmp_path)
    np.testing.assert_array_equal(again.rows()[again.row_indices(names(3))], arrays(3))


def test_without_its_names_a_array_is_empty(tmp_path):
    filled(tmp_path)
    (tmp_path / "pictures").unlink()
    assert len(array(tmp_path).rows()) == 0
    assert (tmp_path / "rows").stat().st_size == 0


def test_engines_views_and_arrays_are_kept_apart(tmp_path):
    kept = FeatureCache(tmp_path)
    places = [("a", "plain", "embedding"), ("b", "plain", "embedding")]
    places += [("a", "mirror", "embedding"), ("a", "plain", "block1_relu")]
    for number, place in enumerate(places):
        kept.array(*place, SHAPE, np.float32).append(names(1), arrays(1, first=number))
    for number, place in enumerate(places):
        found = kept.array(*place, SHAPE, np.float32).rows()
        np.testing.assert_array_equal(found, arrays(1, first=number))


def test_features_of_another_version_of_the_code_are_unknown(tmp_path, monkeypatch):
    fill(FeatureCache(tmp_path), "light")
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    later = FeatureCache(tmp_path)
    assert names(1)[0] not in later.array("light", "plain", "embedding", (1000,), np.uint8)


def test_the_longest_unused_are_forgotten_first(tmp_path):
    for age, engine in enumerate(("new", "old", "older")):
        fill(FeatureCache(tmp_path), engine)
        (used,) = tmp_path.glob(f"v*-{engine}/*/used")
        os.utime(used, (1e9 - age, 1e9 - age))
    after = FeatureCache(tmp_path)
    after.trim(3 * 1065)
    assert engines(tmp_path) == {"new", "old", "older"}
    after.trim(2 * 1065)
    assert engines(tmp_path) == {"new", "old"}
    after.trim(2 * 1065 - 1)
    assert engines(tmp_path) == {"new"}


def test_opening_a_array_counts_as_use(tmp_path):
    for age, engine in enumerate(("first", "second")):
        fill(FeatureCache(tmp_path), engine)
        (used,) = tmp_path.glob(f"v*-{engine}/*/used")
        os.utime(used, (1e9 + age, 1e9 + age))
    FeatureCache(tmp_path).array("first", "plain", "embedding", (1000,), np.uint8)
    FeatureCache(tmp_path).trim(1065)
    assert engines(tmp_path) == {"first"}


def test_views_of_an_engine_that_is_used_all_the_time_are_forgotten_too(tmp_path):
    for age in range(3):
        array = FeatureCache(tmp_path).array("same", f"view {age}", "embedding", (1000,), np.uint8)
        array.append(["0" * 64], np.zeros((1, 1000)))
        (used,) = tmp_path.glob(f"v*-same/view {age}/used")
        os.utime(used, (1e9 + age, 1e9 + age))
    kept = FeatureCache(tmp_path)
    kept.array("same", "view 1", "embedding", (1000,), np.uint8)
    kept.trim(2 * 1065)
    assert {path.name for path in tmp_path.glob("v*/*")} == {"view 1", "view 2"}
    kept.trim(0)
    assert {path.name for path in tmp_path.glob("v*/*")} == {"view 1"}


def test_what_is_in_use_is_never_forgotten(tmp_path):
    fill(FeatureCache(tmp_path), "other")
    kept = FeatureCache(tmp_path)
    fill(kept, "mine")
    kept.trim(0)
    assert engines(tmp_path) == {"mine"}


def test_a_cache_is_trimmed_when_it_is_closed(tmp_path):
    with opened(tmp_path, Settings(home=tmp_path)) as kept:
        fill(kept, "big", 2 << 20)
    with opened(tmp_path, Settings(home=tmp_path, features_megabytes=3)) as kept:
        fill(kept, "small")
    assert engines(tmp_path) == {"big", "small"}
    with opened(tmp_path, Settings(home=tmp_path, features_megabytes=1)) as kept:
        fill(kept, "small 2")
    assert engines(tmp_path) == {"small", "small 2"}


HOLD = """
import sys
from pathlib import Path
import numpy as np
from core.settings import Settings
from core.training.cache import opened

with opened(Path(sys.argv[1]), Settings(home=Path(sys.argv[1]))) as kept:
    array = kept.array("light", "plain", "embedding", (4,), np.float32)
    print("open", flush=True)
    for line in sys.stdin:
        array.append([line.strip()], np.ones((1, 4)))
        print("kept", flush=True)
"""


def test_a_second_process_works_by_itself_and_takes_nothing_from_the_first(tmp_path):
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
        with opened(tmp_path, settings) as private:
            assert private.folder != tmp_path
            mine = private.array("light", "plain", "embedding", (4,), np.float32)
            assert len(mine.rows()) == 0
            mine.append(names(1), np.zeros((1, 4)))
            print(names(2)[1], file=first.stdin, flush=True)
            assert first.stdout.readline() == "kept\n"
        assert not private.folder.exists()
        first.stdin.close()
        assert first.wait(20) == 0
    with opened(tmp_path, settings) as kept:
        assert kept.folder == tmp_path
        embeddings = kept.array("light", "plain", "embedding", (4,), np.float32)
        assert [name in embeddings for name in names(3)] == [True, True, False]
        np.testing.assert_array_equal(embeddings.rows(), np.ones((2, 4)))


def test_an_error_gives_the_cache_back(tmp_path):
    settings = Settings(home=tmp_path)
    with pytest.raises(ZeroDivisionError), opened(tmp_path, settings):
        raise ZeroDivisionError
    with opened(tmp_path, settings) as kept:
        assert kept.folder == tmp_path


def test_one_s_own_machine_keeps_features_in_one_place_and_a_host_beside_the_pictures(tmp_path):
    home, pictures = tmp_path / "home", tmp_path / "uploads" / "1" / "pictures"
    own = cache_folder(pictures, Settings(home=home, mode="personal"))
    assert own == home / "features"
    shared = cache_folder(pictures, Settings(home=home, mode="public"))
    assert shared == tmp_path / "uploads" / "1" / "features"
