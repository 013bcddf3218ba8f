import io
import zipfile
from pathlib import Path

from core.archive.sources import Source
from core.model.batch import Row
from core.model.classifier import Prediction
from core.model.decision import Verdict
from core.predict.sorting import SortedPaths, copy, write_zip


def row(file: str, label: str = "rose", verdict: Verdict | None = Verdict.SURE) -> Row:
    return Row(file, (Prediction(label, 0, 0.9),), verdict)


def test_a_picture_goes_to_its_class_and_a_doubtful_one_to_a_folder_of_its_verdict() -> None:
    places = SortedPaths()
    assert places.of(row("trip/1.jpg")) == "rose/1.jpg"
    assert places.of(row("2.jpg", verdict=Verdict.NOT_SURE)) == "_not sure/2.jpg"
    unlike = places.of(row("3.jpg", verdict=Verdict.UNLIKE))
    assert unlike == "_not like the training pictures/3.jpg"
    assert places.of(Row("4.jpg", problem="broken")) == "_not readable/4.jpg"


def test_two_pictures_never_get_the_same_path_even_if_case_is_ignored() -> None:
    places = SortedPaths()
    paths = [places.of(row(name)) for name in ("a/1.jpg", "b/1.jpg", "c/1.JPG")]
    assert paths == ["rose/1.jpg", "rose/1 (2).jpg", "rose/1 (3).JPG"]


def test_class_names_that_no_folder_can_have_stay_apart() -> None:
    places = SortedPaths()
    labels = ("a/b", "a_b", "..", "_not sure", "A:B")
    folders = [places.of(row("1.jpg", label)).split("/")[0] for label in labels]
    assert folders == ["a_b", "a_b (2)", "unnamed", "not sure", "A_B (3)"]


def test_long_and_reserved_names_become_names_that_every_system_accepts() -> None:
    places = SortedPaths()
    long = places.of(row("x" * 300 + ".jpg")).partition("/")[2]
    assert long.endswith("x.jpg") and len(long) <= 255
    wide = places.of(row("字" * 104 + ".jpg")).partition("/")[2]
    assert wide.endswith(".jpg") and len(wide.encode()) <= 255
    assert places.of(row("aux.jpg", "con")) == "_con/_aux.jpg"
    assert places.of(row("a" * 199 + " ." + "b" * 30)).partition("/")[2].strip(" .")


def test_a_zip_and_a_folder_hold_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"one")
    pictures = [
        (row("1.jpg"), Source("1.jpg", tmp_path / "1.jpg")),
        (row("2.jpg", "tulip"), Source("2.jpg", b"two")),
        (Row("3.jpg", problem="gone"), Source("3.jpg", None, "gone")),
    ]
    zipped = io.BytesIO()
    write_zip(zipped, pictures)
    paths = SortedPaths()
    for prediction, source in pictures:
        if source.content is not None:
            copy(source.content, tmp_path / "sorted" / paths.of(prediction))
    expected = {"rose/1.jpg": b"one", "tulip/2.jpg": b"two"}
    with zipfile.ZipFile(zipped) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == expected
    for name, content in expected.items():
        assert (tmp_path / "sorted" / name).read_bytes() == content
