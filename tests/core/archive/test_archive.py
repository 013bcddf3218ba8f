import hashlib
import io
import os
import stat
import struct
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from core.archive import inspection, unpacking
from core.errors import BadArchive, BadInput, LimitExceeded, NotEnoughResources
from core.settings import Settings
from core.system import capacity
from tests.core.zips import Part, build

LIMITS = Settings(archive_entries=100, expanded_megabytes=50)


def extract(content: bytes, folder: Path, limits: Settings = LIMITS) -> unpacking.Extraction:
    path = folder / "upload.zip"
    path.write_bytes(content)
    return unpacking.extract(path, folder / "out", limits)


def names(unpacked: unpacking.Extraction) -> list[str]:
    return [member.name for member in unpacked.members]


def snapshot(folder: Path) -> dict[str, str]:
    """Every path below a folder, with a hash of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file() and not path.is_symlink()
        else stat.filemode(path.lstat().st_mode)
        for path in folder.rglob("*")
    }


def test_the_files_of_a_zip_are_extracted_under_generated_names(tmp_path):
    buffer = io.BytesIO()
    contents = {f"f/{i}.jpg": os.urandom(200_000 if i == 3 else i) for i in range(12)}
    with zipfile.ZipFile(buffer, "w") as target:
        target.mkdir("f")
        for number, (name, content) in enumerate(contents.items()):
            kind = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            target.writestr(name, content, kind)
    unpacked = extract(buffer.getvalue(), tmp_path)
    assert {m.name: m.path.read_bytes() for m in unpacked.members} == contents
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"{i:06d}" for i in range(12)]
    assert not unpacked.skipped


class Unseekable(io.BytesIO):
    """Makes `zipfile` write sizes after the data."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise OSError

    tell = seek


@pytest.mark.parametrize("make", [io.BytesIO, Unseekable])
@pytest.mark.parametrize("before", [b"", b"MZ program"])
def test_zips_with_64_bit_fields_and_streamed_zips_are_read(make, before, tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 0)
    target = make()
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written,
        written.open("a.jpg", "w", force_zip64=True) as out,
    ):
        out.write(b"content")
    assert b"PK\6\6" in target.getvalue()
    unpacked = extract(before + target.getvalue(), tmp_path)
    assert unpacked.members[0].path.read_bytes() == b"content"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(build(Part("a"), before=b"MZ program"), ["a"], id="after a program"),
        pytest.param(build(Part("a\\b\\1.jpg", system=0)), ["a/b/1.jpg"], id="made on Windows"),
        pytest.param(
            build(Part("née", flags=0), Part("é".encode("cp437"), flags=0)),
            ["née", "é"],
            id="UTF-8 without its flag, and code page 437",
        ),
        pytest.param(build(Part("a/B"), Part("A/b")), ["a/B", "A/b"], id="differ by case"),
        pytest.param(build(Part("a"), Part("b")) + b"more", ["a", "b"], id="followed by some"),
        pytest.param(build(Part("a"), Part("b")) + bytes(5_000), ["a", "b"], id="by more"),
        pytest.param(
            build(Part(b"a\\b.jpg", local_name=b"a/b.jpg")), ["a/b.jpg"], id="two separators"
        ),
        pytest.param(
            build(Part("a"), Part("b/", b"", local_name=b"c/"), Part("d")),
            ["a", "d"],
            id="folder that contradicts the directory",
        ),
        pytest.param(
            build(Part("a"), Part("__MACOSX/._1", local_name=b"__MACOSX/._2"), Part("d")),
            ["a", "d"],
            id="clutter that contradicts the directory",
        ),
    ],
)
def test_unusual_but_valid_zips_are_read(content, expected, tmp_path):
    assert names(extract(content, tmp_path)) == expected


UNSAFE = {
    "climbing backslash from Windows": [Part("a\\..\\..\\b", system=0)],
    "zero byte": [Part("a\0.jpg")],
    "invalid UTF-8": [Part(b"\xff\xfe")],
    "a very long name": [Part("a" * 5_000)],
    "encryption": [Part("a", flags=1)],
    "strong encryption": [Part("a", flags=1 << 6)],
    "encrypted directory": [Part("a", flags=1 << 13)],
    "bzip2": [Part("a", method=12)],
    "deflate64": [Part("a", method=9)],
    "another name in the local header": [Part("a", local_name=b"b")],
    "two sizes when stored": [Part("a", size=4)],
    "larger than declared": [Part("a", b"x" * 999, method=8, size=10)],
    "beyond the end": [Part("a", offset=9_999_999)],
    "in the directory": [Part("a"), Part("b", offset=40)],
    "overlapping": [Part("a", b"x" * 500), Part("b", b"x" * 500, offset=0)],
    "inside another": [Part("a", build(Part("b"))[:36] + b"x" * 20), Part("b", offset=31)],
}


@pytest.mark.parametrize("parts", UNSAFE.values(), ids=UNSAFE.keys())
def test_unsafe_zips_are_refused_and_leave_nothing(parts, tmp_path):
    (tmp_path / "secret").write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(BadArchive):
        extract(build(*parts, Part("ordinary.jpg")), tmp_path)
    (tmp_path / "upload.zip").unlink()
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("last", [Part("b", local_name=b"c"), Part("b", offset=0)])
def test_all_headers_are_checked_before_any_file_is_written(last, tmp_path):
    def written(*_: object) -> None:
        raise AssertionError("unpacked")

    (tmp_path / "upload.zip").write_bytes(build(Part("a"), last))
    with pytest.raises(BadArchive):
        unpacking.extract(tmp_path / "upload.zip", tmp_path / "out", LIMITS, written)


def test_files_that_were_in_the_destination_before_survive_a_refusal(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(BadArchive):
        extract(build(Part("b"), *UNSAFE["larger than declared"]), tmp_path)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine"]


LEFT_OUT = {
    "equal names": [Part("a/b"), Part("a/b")],
    "equal up to composition": [Part("\u00e9"), Part("e\u0301")],
    "equal once cleaned": [Part("a/b"), Part("./a//b")],
    "a link": [Part("a"), Part("b", b"/etc/passwd", mode=stat.S_IFLNK | 0o777)],
    "a device": [Part("a"), Part("b", mode=stat.S_IFCHR | 0o666)],
    "a pipe": [Part("a"), Part("b", mode=stat.S_IFIFO | 0o666)],
}


@pytest.mark.parametrize("parts", LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_what_is_no_file_or_has_a_name_twice_is_left_out(parts, tmp_path):
    found = extract(build(*parts, Part("ordinary.jpg")), tmp_path)
    assert len(found.members) == 2
    assert len(found.skipped) == 1
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("count", [1, 3, 60_000])
def test_a_wrong_number_of_entries_is_refused(count, tmp_path):
    with pytest.raises(BadInput):
        extract(build(Part("a"), Part("b"), count=count), tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a zip"),
        (b"Rar!\x1a\x07\0" + bytes(99), "RAR"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "Zstandard"),
        (b"\x1f\x8b\x08" + bytes(99), "gzip"),
        (build(Part("a"))[:-9], "missing or damaged"),
    ],
)
def test_other_files_are_refused_by_their_format(content, words, refused):
    refused(content, words)


def test_a_zip_in_the_comment_is_checked_like_any_other(refused):
    refused(build(Part("a"), comment=build(Part("../evil"))), "lead out")


def test_the_end_of_a_zip_is_not_one_that_its_comment_quotes(tmp_path):
    quoted = b"PK\5\6" + bytes(18) + b"and more"
    assert names(extract(build(Part("a"), comment=quoted), tmp_path)) == ["a"]


def test_damaged_files_are_skipped_and_the_others_kept(tmp_path):
    parts = [
        Part("good"),
        Part("checksum", checksum=1),
        Part("short", b"abc", method=8, size=9),
        Part("rubbish", method=8, packed=b"\xff\xff\xff"),
    ]
    unpacked = extract(build(*parts), tmp_path)
    assert names(unpacked) == ["good"]
    skipped = {s.name: s.reason for s in unpacked.skipped}
    assert skipped == dict.fromkeys(("checksum", "short", "rubbish"), unpacking.DAMAGED)
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_clutter_and_nested_archives_are_skipped(tmp_path):
    clutter = [
        "a/1.jpg.supplemental-metadata.json",
        "a/IMG_2.HEIC.suppl(1).json",
        "__MACOSX/a/._1.jpg",
        "a/.DS_Store",
        "a/Thumbs.db",
        "$RECYCLE.BIN/S-1/$R1.jpg",
        "a/desktop.ini",
        ".git/config",
        "a/.hidden/1.jpg",
    ]
    nested = Part("a/more.jpg", build(Part("x")))
    table = Part("PKW.csv", b"PKW,LKW\n0,1\n")
    sheet = Part("Labels.XLSX", build(Part("xl/workbook.xml")))
    unpacked = extract(
        build(*map(Part, clutter), Part("a/1.jpg"), Part("b/", b""), nested, table, sheet), tmp_path
    )
    assert names(unpacked) == ["a/1.jpg", "PKW.csv"]
    assert {s.name: s.reason for s in unpacked.skipped} == {
        **dict.fromkeys(clutter, inspection.CLUTTER),
        "a/more.jpg": unpacking.NESTED,
        "Labels.XLSX": unpacking.SPREADSHEET,
    }


def bomb(kind: str) -> bytes:
    """Two megabytes that would become two gigabytes, or millions of entries."""
    if kind == "entries":
        number, part = 40_000, build(Part("aaaa", b""))
        end = struct.pack("<4H2IH", 0, 0, number, number, 50 * number, 34, 0)
        return part[:34] + part[34:84] * number + b"PK\5\6" + end
    packed = Part("a", bytes(2 << 20), method=8).body
    count = {"one": 2, "thousand": 1_000}[kind]
    body, size = packed * (1_000 // count), 2 * (2_000 << 19) // count
    return build(*(Part(f"{i}.jpg", method=8, packed=body, size=size) for i in range(count)))


@pytest.mark.parametrize("kind", ["one", "thousand", "entries"])
def test_a_bomb_is_refused_in_little_memory(kind, tmp_path):
    path = tmp_path / "bomb.zip"
    path.write_bytes(bomb(kind))
    assert 1_900_000 < path.stat().st_size < 2_300_000
    program = f"""
        import pathlib
        from core.archive import unpacking
        from core.errors import LimitExceeded
        from core.settings import Settings
        from tests.core.corpus import memory
        before = memory("VmHWM")
        try:
            unpacking.extract(pathlib.Path({str(path)!r}), pathlib.Path({str(tmp_path / "out")!r}),
                            Settings())
        except LimitExceeded:
            print(memory("VmHWM") - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert float(done.stdout) < 50, "megabytes"
    assert not (tmp_path / "out").exists()


def test_time_is_limited(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 400))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with pytest.raises(LimitExceeded, match="TUSKER_INTAKE_SECONDS"):
        extract(build(*(Part(f"{i}") for i in range(9))), tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_zip_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(capacity, "free_disk", lambda _: capacity.RESERVE + 4)
    with pytest.raises(NotEnoughResources):
        extract(build(Part("a", b"12345")), tmp_path)
    assert not (tmp_path / "out").exists()
    assert names(extract(build(Part("a", b"1234")), tmp_path)) == ["a"]


def test_cancelling_leaves_nothing(tmp_path):
    (tmp_path / "upload.zip").write_bytes(build(*(Part(f"{i}") for i in range(80))))

    def cancel(what: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpacking.extract(tmp_path / "upload.zip", tmp_path / "out", LIMITS, cancel)
    assert not (tmp_path / "out").exists()


def test_a_packed_folder_is_extracted_unchanged(tmp_path):
    files = {"rose/1.jpg": b"one", "tulip\\2.jpg": b"two", "=1+1/é.jpg": b"three"}
    target = tmp_path / "folder.zip"
    unpacking.pack(((n, io.BytesIO(c)) for n, c in files.items()), target, LIMITS)
    unpacked = unpacking.extract(target, tmp_path / "out", LIMITS)
    assert {m.name: m.path.read_bytes() for m in unpacked.members} == {
        name.replace("\\", "/"): content for name, content in files.items()
    }


@pytest.mark.parametrize(
    ("files", "error"),
    [
        *(([(name, 1)], BadArchive) for name in ("../a", "/a", "a/../../b", "C:\\a")),
        ([("a", 2 << 20)], LimitExceeded),
        ([("a", 1), ("b", 1), ("c", 1)], LimitExceeded),
    ],
)
def test_a_folder_that_is_unsafe_or_too_large_is_not_packed(files, error, tmp_path):
    limits = Settings(archive_entries=2, archive_megabytes=1)
    streams = ((name, io.BytesIO(bytes(size))) for name, size in files)
    with pytest.raises(error):
        unpacking.pack(streams, tmp_path / "folder.zip", limits)
    assert not (tmp_path / "folder.zip").exists()


PIECES = ["a", "B", "..", ".", "/", "\\", "C:", "\x00", "~", "é", "\u202e", "*", "=1", "<b>", "😀"]
NAMES = st.one_of(
    st.lists(st.sampled_from([*PIECES, "", " "]), min_size=1, max_size=6).map("/".join),
    st.text(max_size=40),
)


@property_settings(max_examples=150, deadline=None)
@given(entries=st.lists(st.tuples(NAMES, st.sampled_from([0, 3])), max_size=6))
def test_no_name_leads_out_of_the_destination(entries, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    (folder / "secret").write_text("mine")
    before = snapshot(folder)
    parts = [
        Part(name.encode("utf-8", "replace"), bytes([i]), system=system)
        for i, (name, system) in enumerate(entries)
    ]
    try:
        members = extract(build(*parts), folder).members
    except BadInput:
        members = ()
        assert not (folder / "out").exists()
    written = {f"out/{member.path.name}" for member in members} | {"out", "upload.zip"}
    after = snapshot(folder)
    assert {name: digest for name, digest in after.items() if name not in written} == before
    for member in members:
        assert not {"", ".", ".."} & set(member.name.split("/"))
        assert "\0" not in member.name


def test_only_the_innermost_empty_folders_are_listed():
    many = [f"{'deep/' * 500}{n}" for n in range(5_000)]
    folders = ["a", "a/b", "a/b/c", "a-b", "used", "used/no", "used/yes", *many]
    empty = unpacking.empty_folders(folders, ["used/yes/1.jpg", "used/yes.jpg", "a.jpg"])
    assert empty == ("a/b/c", "a-b", "used/no", *many)


def test_a_file_in_very_many_folders_refuses_the_archive(tmp_path):
    assert names(extract(build(Part("a/" * 49 + "1.jpg")), tmp_path)) == ["a/" * 49 + "1.jpg"]
    with pytest.raises(BadArchive, match=r"up to 49 folders; a/a/.* is in 2,000"):
        extract(build(Part("a/" * 2_000 + "1.jpg")), tmp_path)
