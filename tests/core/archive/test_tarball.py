"""What is particular to tars."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from core.archive.inspection import LINK, SAME_NAME
from core.archive.unpacking import DAMAGED, extract
from core.errors import BadArchive, LimitExceeded
from core.settings import Settings

KINDS = pytest.mark.parametrize("mode", ["w", "w:gz"])
LONG = "/".join(["a folder with a long name " * 3] * 4) + "/1.jpg"


def tar(path: Path, files, mode="w", form=tarfile.PAX_FORMAT, **options) -> Path:
    """A tar of (name or TarInfo, content)."""
    with tarfile.open(path, mode, format=form, **options) as archive:
        for name, content in files:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def contents(path: Path, out: Path, **limits):
    found = extract(path, out, Settings(**limits))
    return found, {member.name: member.path.read_bytes() for member in found.members}


@KINDS
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_are_read_with_their_names_whatever_wrote_them(tmp_path, mode, form):
    files = {"rose/1.jpg": b"one" * 500, "花/2.jpg": b"", "./tulip//3.jpg": bytes(512)}
    if form != tarfile.USTAR_FORMAT:
        files[LONG] = b"four"
    path = tar(tmp_path / "a", files.items(), mode, form)
    found, read = contents(path, tmp_path / "out")
    assert read == {name.replace("./tulip//", "tulip/"): each for name, each in files.items()}
    assert not found.skipped


@KINDS
def test_what_is_no_picture_is_left_out_with_its_reason(tmp_path, mode):
    files = [
        ("a/1.jpg", b"1"),
        (link("a/2.jpg", "/etc/passwd"), b""),
        (link("a/3.jpg", "a/1.jpg", tarfile.LNKTYPE), b""),
        (link("a/4.jpg", "", tarfile.FIFOTYPE), b""),
        ("a/1.jpg", b"again"),
    ]
    found, read = contents(tar(tmp_path / "a", files, mode), tmp_path / "out")
    assert read == {"a/1.jpg": b"1"}
    assert {each.name: each.reason for each in found.skipped} == {
        "a/2.jpg": LINK,
        "a/3.jpg": LINK,
        "a/4.jpg": LINK,
        "a/1.jpg": SAME_NAME,
    }


@pytest.mark.parametrize("encoding", ["latin-1", "gb18030"])
def test_names_in_another_encoding_are_words(tmp_path, encoding):
    name = {"latin-1": "Gänseblümchen", "gb18030": "向日葵"}[encoding]
    options = {"encoding": encoding, "form": tarfile.GNU_FORMAT}
    path = tar(tmp_path / "a", [(f"{name}/1.jpg", b"1"), ("b/1.jpg", b"2")], **options)
    found, read = contents(path, tmp_path / "out")
    assert read.keys() == {f"{name}/1.jpg", "b/1.jpg"}
    assert found.encodings


def test_a_bomb_is_refused_before_it_is_unpacked(refused):
    head = tarfile.TarInfo("a/1.jpg")
    head.size = 1 << 40
    # Its end is missing, which is not noticed before.
    refused(gzip.compress(head.tobuf(tarfile.GNU_FORMAT))[:-8], "MB; these have", LimitExceeded)


@pytest.mark.parametrize("kind", [b"x", b"L", b"g", b"K"])
@pytest.mark.parametrize(
    ("size", "count"), [(2 << 20, 1), (1 << 20, 150), (0, 1 << 19)], ids=["one", "large", "many"]
)
def test_extended_headers_are_bounded(refused, kind, size, count):
    head = tarfile.TarInfo("long")
    head.type, head.size = kind, size
    entry = head.tobuf(tarfile.GNU_FORMAT) + bytes(size if count > 1 else 0)
    at_once = min(count, 1024)
    refused(gzip.compress(entry * at_once, 1) * (count // at_once), "too large")


def test_a_size_of_too_many_digits_is_not_used(tmp_path):
    info = tarfile.TarInfo("a/1.jpg")
    info.pax_headers = {"size": "9" * 5_000}
    path = tar(tmp_path / "a", [(info, b"1"), ("a/2.jpg", b"2")])
    assert contents(path, tmp_path / "out")[1] == {"a/1.jpg": b"1", "a/2.jpg": b"2"}


def test_what_is_cut_short_is_reported(tmp_path, refused):
    path = tar(tmp_path / "a", [("a/1.jpg", b"1"), ("a/2.jpg", b"2" * 5000)])
    path.write_bytes(path.read_bytes()[:4000])
    found, read = contents(path, tmp_path / "out")
    assert read == {"a/1.jpg": b"1"}
    assert [(each.name, each.reason) for each in found.skipped] == [("a/2.jpg", DAMAGED)]
    refused(gzip.compress(path.read_bytes())[:-20], "damaged or incomplete")


def test_no_damage_ends_in_anything_but_a_refusal(tmp_path):
    whole = tar(tmp_path / "a", [("花/1.jpg", b"1" * 700), (LONG, b"2")]).read_bytes()
    for at in range(0, 3072, 7):
        (tmp_path / "b").write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            extract(tmp_path / "b", tmp_path / f"out{at}", Settings())
        except (BadArchive, LimitExceeded):
            continue


@KINDS
@pytest.mark.parametrize("kind", [b"S", b"D", b"M", b"Z"])
def test_data_of_unusual_entries_are_passed_over(tmp_path, mode, kind):
    odd = tarfile.TarInfo("a/2")
    odd.type = kind
    files = [("a/1.jpg", b"1"), (odd, b"\1" * 1_500), ("a/3.jpg", b"3")]
    found, read = contents(tar(tmp_path / "a", files, mode), tmp_path / "out")
    assert read == {"a/1.jpg": b"1", "a/3.jpg": b"3"}
    assert [each.name for each in found.skipped] == ["a/2"] * (kind != b"D")
    with pytest.raises(LimitExceeded, match="TUSKER_EXPANDED_MEGABYTES"):
        files = [(odd, bytes(3 << 20)), ("a/3.jpg", b"3")]
        contents(tar(tmp_path / "b", files, mode), tmp_path / "out", expanded_megabytes=2)


def test_a_sparse_file_with_a_long_map_refuses_the_tar(refused):
    sparse = tarfile.TarInfo("a/2")
    sparse.type = tarfile.GNUTYPE_SPARSE
    head = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    refused(bytes(head) + bytes(2048), "sparse")


def test_a_gzip_file_of_several_members_and_with_padding_is_read(tmp_path, refused):
    whole = tar(tmp_path / "a", [("a/1.jpg", b"1" * 5_000), ("a/2.jpg", b"2")]).read_bytes()
    named = io.BytesIO()
    with gzip.GzipFile("a name.tar", "wb", fileobj=named) as file:
        file.write(whole[1_000:])
    path = tmp_path / "b"
    path.write_bytes(gzip.compress(whole[:1_000]) + bytes(70_000) + named.getvalue() + bytes(9))
    assert contents(path, tmp_path / "out")[1] == {"a/1.jpg": b"1" * 5_000, "a/2.jpg": b"2"}
    refused(gzip.compress(whole[:1_000]) + b"more", "damaged")


def test_a_gzip_file_of_very_many_members_is_refused(tmp_path, refused):
    whole = tar(tmp_path / "b", [("a/1.jpg", b"1")]).read_bytes()
    refused(gzip.compress(whole[:512]) + gzip.compress(b"") * 100_001, "too many parts")
