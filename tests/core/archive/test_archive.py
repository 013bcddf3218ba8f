"""One extractor: nothing of an archive reaches the disk but its bytes, and not too many."""

import hashlib
import io
import os
import stat
import struct
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from core import archive
from core.archive import inspection
from core.errors import BadArchive, BadInput, LimitExceeded
from core.settings import Settings
from tests.core.zips import Part, build

LIMITS = Settings(archive_entries=100, expanded_megabytes=50)


def extract(content: bytes, folder: Path, limits: Settings = LIMITS) -> archive.Extraction:
    path = folder / "upload.zip"
    path.write_bytes(content)
    return archive.extract(path, folder / "out", limits)


def names(found: archive.Extraction) -> list[str]:
    return [member.name for member in found.members]


def snapshot(folder: Path) -> dict[str, str]:
    """Every path below a folder, with the hash of what is there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file() and not path.is_symlink()
        else stat.filemode(path.lstat().st_mode)
        for path in folder.rglob("*")
    }


def test_an_ordinary_zip_comes_out_whole_under_generated_names(tmp_path):
    buffer = io.BytesIO()
    contents = {f"f/{i}.jpg": os.urandom(200_000 if i == 3 else i) for i in range(12)}
    with zipfile.ZipFile(buffer, "w") as target:
        target.mkdir("f")
        for number, (name, content) in enumerate(contents.items()):
            kind = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            target.writestr(name, content, kind)
    found = extract(buffer.getvalue(), tmp_path)
    assert {m.name: m.path.read_bytes() for m in found.members} == contents
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"{i:06d}" for i in range(12)]
    assert not found.skipped


def test_zips_with_64_bit_fields_and_streamed_zips_are_read(tmp_path):
    class Pipe(io.RawIOBase):
        """A stream that cannot seek, so that sizes come after the data."""

        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:
            self.content += bytes(data)
            return len(data)

    for make in (io.BytesIO, Pipe):
        target = make()
        with (
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written,
            written.open("a.jpg", "w", force_zip64=True) as out,
        ):
            out.write(b"content")
        content = target.content if isinstance(target, Pipe) else target.getvalue()
        found = extract(content, tmp_path)
        assert found.members[0].path.read_bytes() == b"content"
        found.members[0].path.unlink()


def test_a_zip_behind_a_program_is_read(tmp_path):
    assert names(extract(build(Part("a"), before=b"MZ program"), tmp_path)) == ["a"]


REFUSED = {
    "climbing": [Part("../a")],
    "climbing inside": [Part("a/../../b")],
    "absolute": [Part("/etc/passwd")],
    "drive letter": [Part("C:/a")],
    "drive letter with backslash": [Part("c:\\a", system=0)],
    "backslash from Unix": [Part("..\\a")],
    "climbing backslash from Windows": [Part("a\\..\\..\\b", system=0)],
    "zero byte": [Part("a\0.jpg")],
    "equal names": [Part("a/b"), Part("a/b")],
    "equal up to capitals": [Part("a/B"), Part("A/b")],
    "equal up to composition": [Part("\u00e9"), Part("e\u0301")],
    "equal once cleaned": [Part("a/b"), Part("./a//b")],
    "not UTF-8, though it says so": [Part(b"\xff\xfe")],
    "a very long name": [Part("a" * 5_000)],
    "a link": [Part("a", b"/etc/passwd", mode=stat.S_IFLNK | 0o777)],
    "a device": [Part("a", mode=stat.S_IFCHR | 0o666)],
    "a pipe": [Part("a", mode=stat.S_IFIFO | 0o666)],
    "encryption": [Part("a", flags=1)],
    "strong encryption": [Part("a", flags=1 << 6)],
    "hidden directory": [Part("a", flags=1 << 13)],
    "bzip2": [Part("a", method=12)],
    "deflate64": [Part("a", method=9)],
    "another name in front of the data": [Part("a", local_name=b"b")],
    "two sizes when stored": [Part("a", size=4)],
    "more than it says": [Part("a", b"x" * 999, method=8, size=10)],
    "beyond the end": [Part("a", offset=9_999_999)],
    "in the directory": [Part("a"), Part("b", offset=40)],
}


@pytest.mark.parametrize("parts", REFUSED.values(), ids=REFUSED.keys())
def test_unsafe_zips_are_refused_and_leave_nothing(parts, tmp_path):
    ordinary = Part("ordinary.jpg")
    (tmp_path / "secret").write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(BadArchive) as refusal:
        extract(build(ordinary, *parts), tmp_path)
    after = snapshot(tmp_path)
    after.pop("upload.zip")
    assert after == before
    assert str(refusal.value).endswith(".")


def test_what_was_in_the_destination_before_survives_a_refusal(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(BadArchive):
        extract(build(Part("a"), Part("b", b"x" * 999, method=8, size=10)), tmp_path)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine"]


def test_overlapping_entries_are_refused(tmp_path):
    with pytest.raises(BadArchive, match="overlaps"):
        extract(build(Part("a", b"x" * 500), Part("b", b"x" * 500, offset=0)), tmp_path)
    twice = build(Part("a", b"x" * 500), Part("b", b"x" * 500, offset=0))
    with pytest.raises(BadArchive, match="overlaps"):
        inspection.inspect(io.BytesIO(twice), LIMITS)
    inner = build(Part("b"))[:36]
    quoted = Part("a", inner + b"x" * 20)
    with pytest.raises(BadArchive, match="overlaps"):
        extract(build(quoted, Part("b", offset=31)), tmp_path)


@pytest.mark.parametrize("count", [1, 3, 60_000])
def test_a_wrong_number_of_entries_is_refused(count, tmp_path):
    with pytest.raises(BadInput):
        extract(build(Part("a"), Part("b"), count=count), tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a zip"),
        (b"Rar!\x1a\x07\0" + bytes(99), "RAR"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "7z"),
        (b"\x1f\x8b\x08" + bytes(99), "gzip"),
        (build(Part("a"))[:-9], "missing or damaged"),
        (build(Part("a")) + b"more", "missing or damaged"),
    ],
)
def test_what_is_no_zip_is_called_what_it_is(content, says, tmp_path):
    with pytest.raises(BadArchive, match=says):
        extract(content, tmp_path)


def test_a_comment_that_looks_like_an_end_does_not_fool_it(tmp_path):
    content = build(Part("a"), comment=build(Part("../evil")))
    try:
        assert names(extract(content, tmp_path)) == ["a"]
    except BadArchive:
        assert not (tmp_path / "out").exists()


def test_damaged_members_are_left_out_and_the_others_kept(tmp_path):
    found = extract(
        build(
            Part("good"),
            Part("checksum", checksum=1),
            Part("short", b"abc", method=8, size=9),
            Part("rubbish", method=8, packed=b"\xff\xff\xff"),
        ),
        tmp_path,
    )
    assert names(found) == ["good"]
    assert {s.name: s.reason for s in found.skipped} == dict.fromkeys(
        ("checksum", "short", "rubbish"), archive.DAMAGED
    )
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_clutter_is_left_out_and_listed(tmp_path):
    clutter = [
        "__MACOSX/a/._1.jpg",
        "a/.DS_Store",
        "a/Thumbs.db",
        "a/desktop.ini",
        ".git/config",
        "a/.hidden/1.jpg",
    ]
    found = extract(build(*map(Part, clutter), Part("a/1.jpg"), Part("b/", b"")), tmp_path)
    assert names(found) == ["a/1.jpg"]
    assert [s.name for s in found.skipped] == clutter
    assert {s.reason for s in found.skipped} == {archive.CLUTTERED}


def test_archives_inside_are_not_opened(tmp_path):
    found = extract(build(Part("a/more.jpg", build(Part("x"))), Part("a/1.jpg")), tmp_path)
    assert names(found) == ["a/1.jpg"]
    assert found.skipped[0].reason == archive.NESTED


def test_windows_backslashes_are_folders(tmp_path):
    assert names(extract(build(Part("a\\b\\1.jpg", system=0)), tmp_path)) == ["a/b/1.jpg"]


def test_names_without_a_mark_are_utf_8_or_else_of_the_standard(tmp_path):
    parts = (Part("née", flags=0), Part("é".encode("cp437"), flags=0))
    assert names(extract(build(*parts), tmp_path)) == ["née", "é"]


def test_archive_limits_are_the_settings(tmp_path):
    many = build(*(Part(f"{i}", b"") for i in range(101)))
    with pytest.raises(LimitExceeded, match="TUSKER_ARCHIVE_ENTRIES"):
        extract(many, tmp_path)
    with pytest.raises(LimitExceeded, match="TUSKER_ARCHIVE_MEGABYTES"):
        extract(build(Part("a", bytes(1 << 20))), tmp_path, Settings(archive_megabytes=1))
    with pytest.raises(LimitExceeded, match="TUSKER_EXPANDED_MEGABYTES"):
        extract(build(Part("a", bytes(1 << 21))), tmp_path, Settings(expanded_megabytes=1))
    with pytest.raises(LimitExceeded, match="TUSKER_EXPANSION_RATIO"):
        extract(build(Part("a", bytes(5 << 20), method=8)), tmp_path)
    large = extract(build(Part("a", bytes(2 << 20))), tmp_path, Settings(picture_megabytes=1))
    assert "TUSKER_PICTURE_MEGABYTES" in large.skipped[0].reason


def test_many_small_bombs_are_refused_too(tmp_path):
    parts = [Part(f"{i}", bytes(3 << 20), method=8) for i in range(40)]
    with pytest.raises(LimitExceeded, match="TUSKER_EXPANSION_RATIO"):
        extract(build(*parts), tmp_path, Settings())


def bomb(path: Path, kind: str) -> None:
    """Two megabytes that would become two gigabytes, or millions of entries."""
    if kind == "entries":
        number, part = 40_000, build(Part("aaaa", b""))
        entry = part[34 : 34 + 50]
        body = part[:34] + entry * number
        end = struct.pack("<4H2IH", 0, 0, number, number, 50 * number, 34, 0)
        path.write_bytes(body + b"PK\5\6" + end)
        return
    packed = Part("a", bytes(2 << 20), method=8).body
    half, count = 2_000 << 19, {"one": 2, "thousand": 1_000}[kind]
    parts = [
        Part(
            f"{i}.jpg",
            method=8,
            packed=packed * (1_000 // count),
            size=2 * half // count,
        )
        for i in range(count)
    ]
    path.write_bytes(build(*parts))


@pytest.mark.parametrize("kind", ["one", "thousand", "entries"])
def test_a_bomb_is_refused_at_once_and_in_little_memory(kind, tmp_path):
    path = tmp_path / "bomb.zip"
    bomb(path, kind)
    assert 1_900_000 < path.stat().st_size < 2_300_000
    program = f"""
        import pathlib, resource, sys, time
        from core import archive
        from core.errors import LimitExceeded
        from core.settings import Settings
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        try:
            archive.extract(pathlib.Path({str(path)!r}), pathlib.Path({str(tmp_path / "out")!r}),
                            Settings())
        except LimitExceeded:
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            print(time.process_time() - start, used / 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 0.2
    assert megabytes < 50
    assert not (tmp_path / "out").exists()


def test_time_is_limited(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 400))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with pytest.raises(LimitExceeded, match="TUSKER_INTAKE_SECONDS"):
        extract(build(*(Part(f"{i}") for i in range(9))), tmp_path)
    assert not (tmp_path / "out").exists()


def test_cancelling_leaves_nothing(tmp_path):
    (tmp_path / "upload.zip").write_bytes(build(*(Part(f"{i}") for i in range(80))))

    def cancel(what: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.extract(tmp_path / "upload.zip", tmp_path / "out", LIMITS, cancel)
    assert not (tmp_path / "out").exists()


def test_a_folder_is_packed_and_comes_out_as_it_was(tmp_path):
    files = {"rose/1.jpg": b"one", "tulip\\2.jpg": b"two", "=1+1/é.jpg": b"three"}
    target = tmp_path / "folder.zip"
    archive.pack(((n, io.BytesIO(c)) for n, c in files.items()), target, LIMITS)
    found = archive.extract(target, tmp_path / "out", LIMITS)
    assert {m.name: m.path.read_bytes() for m in found.members} == {
        name.replace("\\", "/"): content for name, content in files.items()
    }


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "C:\\a"])
def test_a_folder_with_names_that_lead_out_is_not_packed(name, tmp_path):
    with pytest.raises(BadArchive):
        archive.pack([(name, io.BytesIO(b""))], tmp_path / "folder.zip", LIMITS)
    assert not (tmp_path / "folder.zip").exists()


def test_a_folder_that_is_too_large_is_not_packed(tmp_path):
    limits = Settings(archive_entries=2, archive_megabytes=1)
    for files in ([("a", 2 << 20)], [("a", 1), ("b", 1), ("c", 1)]):
        with pytest.raises(LimitExceeded):
            streams = ((name, io.BytesIO(bytes(size))) for name, size in files)
            archive.pack(streams, tmp_path / "folder.zip", limits)
        assert not (tmp_path / "folder.zip").exists()


PIECES = st.sampled_from(
    [
        "a",
        "B",
        "..",
        ".",
        "",
        "/",
        "\\",
        "C:",
        "\0",
        " ",
        "~",
        "é",
        "\u202e",
        "*",
        "=1",
        "<b>",
        "😀",
    ]
)
NAMES = st.one_of(st.lists(PIECES, min_size=1, max_size=6).map("/".join), st.text(max_size=40))


@property_settings(max_examples=150, deadline=None)
@given(given=st.lists(st.tuples(NAMES, st.sampled_from([0, 3])), max_size=6))
def test_no_name_leads_out_of_the_destination(given, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    (folder / "secret").write_text("mine")
    encodable = [(n.encode("utf-8", "replace"), system) for n, system in given]
    content = build(*(Part(name, bytes([i]), system=s) for i, (name, s) in enumerate(encodable)))
    before = snapshot(folder)
    try:
        found = extract(content, folder)
    except BadInput as refusal:
        found = None
        assert str(refusal)
    after = snapshot(folder)
    inside = {n for n in after if n.startswith("out")}
    assert {n: h for n, h in after.items() if n not in inside | {"upload.zip"}} == before
    if found is None:
        assert not inside
        return
    assert inside - {"out"} == {f"out/{m.path.name}" for m in found.members}
    for member in found.members:
        parts = member.name.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert "\0" not in member.name


@property_settings(max_examples=200, deadline=None)
@given(name=st.text(max_size=60), windows=st.booleans())
def test_a_clean_name_is_clean(name, windows):
    try:
        cleaned = inspection.clean(name, windows=windows)
    except BadArchive:
        return
    assert inspection.clean(cleaned, windows=windows) == cleaned
    assert not {"", ".", ".."} & (set(cleaned.split("/")) if cleaned else set())
