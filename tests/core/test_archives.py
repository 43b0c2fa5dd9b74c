"""One wanted file comes out of an archive, or nothing does."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from satchel.archives import (
    BLOCK,
    MAX_NAME_RECORD,
    RATIO_SLACK,
    extract_member,
    is_archive_url,
    is_weights,
)
from satchel.errors import ArchiveError

WEIGHTS = bytes(range(256)) * 40
LORA = "output/flux_train_replicate/lora.safetensors"
FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT}


def entry(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes], form: str = "pax") -> Path:
    with tarfile.open(path, "w", format=FORMATS[form]) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return path


TRAINING = (
    entry("output", type=tarfile.DIRTYPE),
    entry("output/flux_train_replicate/config.yaml", b"trigger_word: INKWSH"),
    entry(LORA, WEIGHTS),
    entry("output/flux_train_replicate/captions/1.txt", b"a heron"),
)


def take(archive: Path, tmp_path: Path, max_bytes: int = 1 << 20) -> str:
    return extract_member(archive, tmp_path / "out", wanted=is_weights, max_bytes=max_bytes)


@pytest.mark.parametrize("form", FORMATS)
def test_the_weights_come_out_of_a_training(tmp_path, form):
    assert take(tar(tmp_path / "a.tar", *TRAINING, form=form), tmp_path) == LORA
    assert (tmp_path / "out").read_bytes() == WEIGHTS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "out"]


def test_a_compressed_archive_is_unpacked_on_the_way(tmp_path):
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(tar(tmp_path / "a.tar", *TRAINING).read_bytes()))

    assert take(packed, tmp_path) == LORA
    assert (tmp_path / "out").read_bytes() == WEIGHTS


@pytest.mark.parametrize("form", ["pax", "gnu"])
def test_long_and_foreign_names_are_read(tmp_path, form):
    name = "output/" + "水墨" * 60 + "/lora.safetensors"

    assert take(tar(tmp_path / "a.tar", entry(name, WEIGHTS), form=form), tmp_path) == name


def test_an_existing_file_is_not_overwritten(tmp_path):
    (tmp_path / "out").write_bytes(b"mine")

    with pytest.raises(FileExistsError):
        take(tar(tmp_path / "a.tar", *TRAINING), tmp_path)
    assert (tmp_path / "out").read_bytes() == b"mine"


HOSTILE = {
    "a symbolic link": entry("x", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": entry("x", type=tarfile.LNKTYPE, linkname=LORA),
    "a device": entry("x", type=tarfile.CHRTYPE),
    "a pipe": entry("x", type=tarfile.FIFOTYPE),
    "a sparse file": entry("x", type=tarfile.GNUTYPE_SPARSE),
    "an entry of an unknown kind": entry("x", type=b"Z"),
    "leaves its folder": entry("a/../../x", b"1"),
    "leaves its folder: '/etc/x'": entry("/etc/x", b"1"),
    r"leaves its folder: 'a\\..\\x'": entry(r"a\..\x", b"1"),
    "leaves its folder: 'C:/x'": entry("C:/x", b"1"),
    "holds several files that would do": entry("other.safetensors", b"2"),
}


@pytest.mark.parametrize("reason", HOSTILE)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_hostile_entry_refuses_the_whole_archive(tmp_path, reason, place):
    order = (HOSTILE[reason], *TRAINING) if place == "before" else (*TRAINING, HOSTILE[reason])

    with pytest.raises(ArchiveError, match=reason.replace("\\", "\\\\")):
        take(tar(tmp_path / "a.tar", *order), tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_link_that_is_called_like_the_weights_is_no_file(tmp_path):
    link = entry("lora.safetensors", type=tarfile.SYMTYPE, linkname="/etc/passwd")

    with pytest.raises(ArchiveError, match="symbolic link"):
        take(tar(tmp_path / "a.tar", link), tmp_path)


def test_the_size_of_the_wanted_file_is_capped(tmp_path):
    archive = tar(tmp_path / "a.tar", *TRAINING)

    with pytest.raises(ArchiveError, match="more than 10239"):
        take(archive, tmp_path, max_bytes=len(WEIGHTS) - 1)
    assert take(archive, tmp_path, max_bytes=len(WEIGHTS)) == LORA


@pytest.mark.parametrize("name", ["notes.txt", "lora.safetensors"])
def test_what_unpacks_to_many_times_its_size_is_refused(tmp_path, name):
    zeros = bytes(RATIO_SLACK * 2)
    packed = tmp_path / "bomb.tar.gz"
    packed.write_bytes(gzip.compress(tar(tmp_path / "a", entry(name, zeros)).read_bytes(), 9))

    with pytest.raises(ArchiveError, match="20 times its size"):
        take(packed, tmp_path, max_bytes=1 << 40)
    assert not (tmp_path / "out").exists()


def test_an_archive_without_weights_says_so(tmp_path):
    companion = entry("output/._lora.safetensors", b"1")

    with pytest.raises(ArchiveError, match="holds no model file"):
        take(tar(tmp_path / "a.tar", TRAINING[1], companion), tmp_path)


def raw_header(**changes: bytes) -> bytes:
    """A header with fields put over it, and a checksum that fits."""
    offsets = {"size": 124, "type": 156, "name": 0}
    block = bytearray(tarfile.TarInfo("lora.safetensors").tobuf(tarfile.USTAR_FORMAT))
    for key, value in changes.items():
        block[offsets[key] : offsets[key] + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


BROKEN = {
    "no tar archive": b"PK\x03\x04" + bytes(600),
    "no tar archive, or it is damaged": raw_header()[:300],
    "ends too early": raw_header(size=b"00000002000\0") + b"short",
    "it ends too early": raw_header(size=b"\x80\0\0\0\x3f" + b"\xff" * 7) + b"short",
    "a size in it is negative": raw_header(size=b"\xff" * 12),
    "far too long": raw_header(type=b"x", size=f"{MAX_NAME_RECORD + 1:011o}\0".encode()),
    "a damaged record": raw_header(type=b"x", size=b"00000000014\0") + b"99 path=x\n".ljust(BLOCK),
    "it holds a sparse file": raw_header(type=b"x", size=b"00000000026\0")
    + b"22 GNU.sparse.major=1\n".ljust(BLOCK, b"\0"),
    "a size in it is no number": raw_header(type=b"x", size=b"00000000013\0")
    + b"11 size=-1\n".ljust(BLOCK, b"\0")
    + raw_header(),
    "ends too early.": raw_header(type=b"x", size=b"00000000034\0")
    + b"28 size=9999999999999999999\n".ljust(BLOCK, b"\0")
    + raw_header(),
    "compressed data is broken": gzip.compress(raw_header(size=b"00000002000\0") + WEIGHTS)[:60],
    "holds no model file": b"",
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_archive_is_told_with_its_reason(tmp_path, reason):
    archive = tmp_path / "a.tar"
    archive.write_bytes(BROKEN[reason])

    with pytest.raises(ArchiveError, match=reason) as caught:
        take(archive, tmp_path)
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_checksum_that_does_not_fit_is_damage(tmp_path):
    archive = tmp_path / "a.tar"
    block = bytearray(raw_header())
    block[0] ^= 1
    archive.write_bytes(bytes(block))

    with pytest.raises(ArchiveError, match="damaged"):
        take(archive, tmp_path)


def test_sizes_beyond_the_octal_field_are_read(tmp_path):
    archive = tmp_path / "a.tar"
    archive.write_bytes(raw_header(size=b"\x80" + (9 << 30).to_bytes(11, "big")))
    os.truncate(archive, BLOCK + (9 << 30))  # zeros that take no space

    with pytest.raises(ArchiveError, match=f"has {9 << 30} bytes"):
        take(archive, tmp_path)


@pytest.mark.parametrize(
    ("url", "archive"),
    [
        ("https://replicate.delivery/xezq/A/trained_model.tar", True),
        ("https://replicate.delivery/a.TAR.GZ?x=1", True),
        ("https://huggingface.co/a/b/resolve/main/x.safetensors", False),
        ("https://civitai.com/api/download/models/1?format=.tar", False),
    ],
)
def test_which_addresses_serve_archives(url, archive):
    assert is_archive_url(url) is archive
