"""The rules for archives of every format."""

import io
import random
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from core.archive.inspection import CLUTTER
from core.archive.unpacking import NESTED, OTHER_FILE, extract
from core.errors import BadArchive, LimitExceeded
from core.settings import Settings
from tests.core import sevenzips
from tests.core.zips import Part, build

Pack = Callable[[Mapping[str, bytes]], Path]


def zipped(files: Mapping[str, bytes]) -> bytes:
    return build(*(Part(name, content, method=8) for name, content in files.items()))


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


FORMATS = {
    "zip": zipped,
    "tar": tarred,
    "tgz": lambda files: tarred(files, "w:gz"),
    "7z": sevenzips.build,
}


@pytest.fixture(params=FORMATS)
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Pack:
    """Writes files into an archive of the format, under a name without its extension."""

    def write(files: Mapping[str, bytes]) -> Path:
        path = tmp_path / "archive"
        path.write_bytes(FORMATS[request.param](files))
        return path

    return write


@pytest.mark.parametrize(
    "name", ["/a/1.jpg", "a/../../1.jpg", "..", "C:/1.jpg", "c:\\a", "a\\..\\..\\1.jpg"]
)
def test_a_name_that_leads_out_refuses_the_archive(pack: Pack, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadArchive, match="must stay inside"):
        extract(pack({"a/0.jpg": b"0", name: b"1"}), tmp_path / "out", Settings())
    assert not (tmp_path / "out").exists()


LONG = "a" * 250 + "/1.jpg"


@pytest.mark.parametrize(
    ("files", "limits", "words"),
    [
        (dict.fromkeys("abcd", b""), {"archive_entries": 3}, "up to 3 .* TUSKER_ARCHIVE_ENTRIES"),
        ({"a": bytes(3 << 20)}, {"expanded_megabytes": 2}, "these have 3.*EXPANDED_MEGABYTES"),
        ({"a": random.Random(0).randbytes(2 << 20)}, {"archive_megabytes": 1}, "_MEGABYTES"),
    ],
    ids=["entries", "unpacked", "packed"],
)
def test_the_limits_are_the_settings(pack: Pack, tmp_path: Path, files, limits, words) -> None:
    with pytest.raises(LimitExceeded, match=words):
        extract(pack(files), tmp_path / "out", Settings(**limits))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pack", ["zip", "tgz", "7z"], indirect=True)
def test_a_bomb_is_refused_before_it_is_unpacked(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded, match="TUSKER_EXPANSION_RATIO"):
        extract(pack({f"a/{n}": bytes(9 << 20) for n in range(8)}), tmp_path / "out", Settings())
    assert len(extract(pack({"a": bytes(5 << 20)}), tmp_path / "out", Settings()).members) == 1


def test_the_names_of_an_archive_are_bounded_together(pack: Pack, tmp_path: Path) -> None:
    limits = Settings(archive_entries=20)
    short = {f"{number}/{LONG[60:]}": b"" for number in range(20)}
    assert len(extract(pack(short), tmp_path / "out", limits).members) == 20
    with pytest.raises(BadArchive, match="names in this archive have"):
        extract(pack({f"{number}/{LONG}": b"" for number in range(20)}), tmp_path / "out2", limits)


def test_large_files_clutter_and_archives_inside_are_left_out(pack: Pack, tmp_path: Path) -> None:
    files = {
        "a/1.jpg": b"1",
        "a/2.jpg": bytes(2 << 20),
        "a/._1.jpg": b"of macOS",
        "a/3.zip": b"PK\3\4 and more",
        "a/4.7z": b"7z\xbc\xaf\x27\x1c and more",
        "5.docx": b"PK\3\4 and more",
        "6.npz": b"PK\3\4 and more",
        "7.nii.gz": b"\x1f\x8b and more",
    }
    found = extract(pack(files), tmp_path / "out", Settings(picture_megabytes=1))
    assert [member.name for member in found.members] == ["a/1.jpg"]
    reasons = {each.name: each.reason for each in found.skipped}
    assert "TUSKER_PICTURE_MEGABYTES" in reasons.pop("a/2.jpg")
    assert {reasons.pop(name) for name in ("5.docx", "6.npz", "7.nii.gz")} == {OTHER_FILE}
    assert reasons == {"a/._1.jpg": CLUTTER, "a/3.zip": NESTED, "a/4.7z": NESTED}
