"""Zips of strangers: what each tries, and what it is refused with."""

from __future__ import annotations

import io
import json
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

from satchel.workflow.archives import MAX_ENTRIES

from .graphs import api_graph, api_node, ui_graph, ui_node

UI = ui_graph(ui_node(1, "VAELoader", ["a.safetensors"]))
API = api_graph(api_node("VAELoader", vae_name="a.safetensors"))


def zipped(*entries: tuple[Any, Any], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name or ZipInfo, content: bytes or JSON)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that are there twice
        for name, content in entries:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            archive.writestr(name, data)
    return file.getvalue()


def info(name: str, mode: int = 0o100644, written: str | None = None) -> zipfile.ZipInfo:
    """An entry with a mode; `written` replaces its name, whatever `zipfile` thinks of that."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    if written is not None:
        entry.filename = entry.orig_filename = written
    return entry


def encrypted() -> bytes:
    """The flag in both headers is what says so."""
    content = bytearray(zipped(("a.json", UI), method=zipfile.ZIP_STORED))
    content[6] |= 1
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def overlapping() -> bytes:
    """The second entry of the list points at the first one's bytes."""
    content = bytearray(zipped(("a.txt", b"x" * 100), ("b.txt", b"x" * 100),
                               method=zipfile.ZIP_STORED))  # fmt: skip
    second = content.rfind(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    return bytes(content)


def with_size(declared: int) -> bytes:
    """An entry that says another size than it has."""
    content = bytearray(zipped(("a.json", UI), method=zipfile.ZIP_STORED))
    entry = content.rfind(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", declared)
    return bytes(content)


def many_entries(count: int) -> bytes:
    """A record that claims as many entries; nothing may look for them one by one."""
    content = bytearray(zipped(("a.json", UI)))
    end = content.rfind(b"PK\x05\x06")
    content[end + 8 : end + 12] = struct.pack("<HH", count, count)
    return bytes(content)


def large_directory() -> bytes:
    content = bytearray(zipped(("a.json", UI)))
    end = content.rfind(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", 2**31)
    return bytes(content)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "climbing": (lambda: zipped(("../evil.json", UI)), "not harmless"),
    "climbing inside": (lambda: zipped(("a/../../evil.json", UI)), "not harmless"),
    "climbing with backslashes": (lambda: zipped((info("x", written="..\\e.json"), UI)),
                                  "not harmless"),
    "absolute": (lambda: zipped(("/etc/evil.json", UI)), "not harmless"),
    "on a drive": (lambda: zipped(("C:/evil.json", UI)), "not harmless"),
    "on a share": (lambda: zipped((info("x", written="\\\\host\\x.json"), UI)), "not harmless"),
    "hidden": (lambda: zipped((".bashrc", b"x")), "not harmless"),
    "a device of Windows": (lambda: zipped(("con.json", UI)), "not harmless"),
    "a stream of Windows": (lambda: zipped(("a.json:x", UI)), "not harmless"),
    "turned around": (lambda: zipped(("a\u202enosj.exe", UI)), "not harmless"),
    "an empty name": (lambda: zipped((info("x", written=""), UI)), "not harmless"),
    "a link": (lambda: zipped((info("a.json", stat.S_IFLNK | 0o777), b"/etc/passwd")), "a link"),
    "a device": (lambda: zipped((info("a.json", stat.S_IFCHR | 0o600), b"")), "a device"),
    "a pipe": (lambda: zipped((info("a.json", stat.S_IFIFO | 0o600), b"")), "no file"),
    "twice": (lambda: zipped(("a.json", UI), ("a.json", API)), "is there twice"),
    "twice but for case": (lambda: zipped(("a.json", UI), ("A.JSON", API)), "is there twice"),
    "twice but for accents": (lambda: zipped(("\u00e9.txt", b""), ("e\u0301.txt", b"")),
                              "is there twice"),
    "a file that is a folder": (lambda: zipped(("a", b"x"), ("a/b.json", UI)), "below a file"),
    "a folder that is a file": (lambda: zipped(("a/b.json", UI), ("a", b"x")), "is there twice"),
    "too deep": (lambda: zipped(("/".join("abcdefghijklmnopqrstuvwxyz"), b"x")), "too deep"),
    "a bomb": (lambda: zipped(("a.json", b"\0" * 50_000_000)), "far more than it holds"),
    "encrypted": (encrypted, "is encrypted"),
    "packed oddly": (lambda: zipped(("a.json", UI), method=zipfile.ZIP_LZMA), "not supported"),
    "overlapping": (overlapping, "overlap"),
    "longer than it is": (lambda: with_size(100_000), "not as long as it says"),
    "shorter than it is": (lambda: with_size(10), "damaged"),
    "too many entries": (lambda: many_entries(MAX_ENTRIES + 1), "entries"),
    "a huge list": (large_directory, "entries"),
    "cut short": (lambda: zipped(("a.json", UI))[:-30], "damaged"),
    "only a start": (lambda: b"PK\x03\x04" + b"\0" * 100, "damaged"),
    "only an end": (lambda: b"PK\x05\x06" + b"\xff" * 18, "entries"),
}  # fmt: skip
