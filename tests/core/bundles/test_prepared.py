"""A bundle that is named on the command line is made ready once."""

import os

import pytest

from core.bundles import ImportedModel, imported
from core.errors import BadArchive, BadInput
from core.predict import lookup


@pytest.fixture
def bundle(packed_run, tmp_path):
    """`bundle("best")`: a run and the path of its bundle."""

    def write(preset):
        trained, stream = packed_run(preset)
        path = tmp_path / f"{preset}.zip"
        path.write_bytes(stream.getvalue())
        return trained, path

    return write


@pytest.fixture
def builds(monkeypatch):
    """Grows by one whenever a network is built."""
    times = []
    build = ImportedModel.build
    monkeypatch.setattr(
        ImportedModel, "build", lambda *arguments: (times.append(None), build(*arguments))[1]
    )
    return times


def test_a_bundle_is_built_once_under_any_file_name_but_again_with_another_content(
    bundle, builds, tmp_path
):
    trained, path = bundle("best")
    first = lookup.find(str(path), trained.settings)
    assert first.title == "best"
    path = path.rename(tmp_path / "another name")
    second = lookup.find(str(path), trained.settings)
    assert builds == [None]
    assert first.labels == second.labels
    path.write_bytes(path.read_bytes()[:-2] + b"\1\0!")  # with a comment at its end
    lookup.find(str(path), trained.settings)
    assert len(builds) == 2


def test_a_frozen_model_needs_no_build_and_is_not_an_imported_model(bundle, builds):
    trained, path = bundle("quick")
    assert lookup.find(str(path), trained.settings).labels == trained.run.dataset().classes
    assert builds == []
    assert not (trained.settings.home / "brought").exists()


def test_an_unreadable_bundle_is_refused_and_leaves_no_files(tmp_path, settings):
    path = tmp_path / "bad.zip"
    path.write_bytes(b"PK\3\4 bad")
    with pytest.raises(BadArchive):
        lookup.find(str(path), settings)
    assert not list((settings.home / "bundles").glob("*"))


def test_a_failed_build_is_repeated(bundle, monkeypatch):
    trained, path = bundle("best")

    def fail(*_):
        raise BadInput("no")

    with monkeypatch.context() as patch:
        patch.setattr(ImportedModel, "build", fail)
        with pytest.raises(BadInput):
            lookup.find(str(path), trained.settings)
    assert list((trained.settings.home / "bundles").iterdir()) == []
    assert lookup.find(str(path), trained.settings).labels


def test_a_bundle_that_another_process_removes_meanwhile_is_no_error(bundle):
    trained, path = bundle("quick")
    home = trained.settings.home.resolve() / "bundles"
    home.mkdir(parents=True)
    (home / "gone").symlink_to(home / "nowhere")  # listed, and without a file
    assert imported.open_bundle(path, trained.settings).path.is_dir()


def test_the_least_recently_used_bundles_are_removed(bundle, monkeypatch, tmp_path):
    monkeypatch.setattr(imported, "CACHED_BUNDLES", 2)
    trained, path = bundle("quick")
    killed = trained.settings.home.resolve() / "bundles" / ".killed"
    killed.mkdir(parents=True)
    os.utime(killed, (999, 999))
    paths = [killed]
    for number in range(3):
        copy = tmp_path / f"{number}.zip"
        comment = str(number).encode()
        copy.write_bytes(path.read_bytes()[:-2] + b"\1\0" + comment)
        paths.append(imported.open_bundle(copy, trained.settings).path)
        os.utime(paths[-1], (1000 + number, 1000 + number))
    assert [folder.exists() for folder in paths] == [False, False, True, True]
