"""A bundle that is named on the command line is made ready once."""

import os

import pytest

from core.bundles import ImportedModel, imported
from core.errors import BadArchive, BadInput
from core.predict import lookup


@pytest.fixture
def bundle(packed, tmp_path):
    """`bundle("best")`: a run and the path of its bundle."""

    def write(preset):
        done, stream = packed(preset)
        path = tmp_path / f"{preset}.zip"
        path.write_bytes(stream.getvalue())
        return done, path

    return write


@pytest.fixture
def built(monkeypatch):
    """Grows by one whenever a network is built."""
    times = []
    build = ImportedModel.build
    monkeypatch.setattr(
        ImportedModel, "build", lambda *arguments: (times.append(None), build(*arguments))[1]
    )
    return times


def test_it_is_built_once_whatever_its_file_is_called(bundle, built, tmp_path):
    done, path = bundle("best")
    first = lookup.find(str(path), done.settings)
    assert first.title == "best"
    path.rename(tmp_path / "another name")
    second = lookup.find(str(tmp_path / "another name"), done.settings)
    assert built == [None]
    assert first.labels == second.labels


def test_another_content_is_another_model(bundle, built):
    done, path = bundle("best")
    lookup.find(str(path), done.settings)
    path.write_bytes(path.read_bytes()[:-2] + b"\1\0!")  # with a comment at its end
    lookup.find(str(path), done.settings)
    assert len(built) == 2


def test_a_frozen_one_needs_nothing_built(bundle, built):
    done, path = bundle("quick")
    assert lookup.find(str(path), done.settings).labels == done.run.dataset().classes
    assert built == []


def test_it_is_no_brought_model_of_anybody(bundle):
    done, path = bundle("quick")
    lookup.find(str(path), done.settings)
    assert not (done.settings.home / "brought").exists()


def test_what_cannot_be_read_is_refused_and_leaves_nothing(tmp_path, settings):
    path = tmp_path / "bad.zip"
    path.write_bytes(b"PK\3\4 bad")
    with pytest.raises(BadArchive):
        lookup.find(str(path), settings)
    assert not list((settings.home / "bundles").glob("*"))


def test_what_failed_half_way_is_tried_again(bundle, monkeypatch):
    done, path = bundle("best")

    def fail(*_):
        raise BadInput("no")

    with monkeypatch.context() as patch:
        patch.setattr(ImportedModel, "build", fail)
        with pytest.raises(BadInput):
            lookup.find(str(path), done.settings)
    assert list((done.settings.home / "bundles").iterdir()) == []
    assert lookup.find(str(path), done.settings).labels


def test_of_many_the_longest_unused_go(bundle, monkeypatch, tmp_path):
    monkeypatch.setattr(imported, "CACHED_BUNDLES", 2)
    done, path = bundle("quick")
    found = []
    for number in range(3):
        copy = tmp_path / f"{number}.zip"
        comment = str(number).encode()
        copy.write_bytes(path.read_bytes()[:-2] + b"\1\0" + comment)
        found.append(imported.open_bundle(copy, done.settings).path)
        os.utime(found[-1], (1000 + number, 1000 + number))
    assert [place.exists() for place in found] == [False, True, True]
