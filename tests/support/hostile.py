"""Writes tests/data/hostile: what attackers hand in, small, and `index.json` with what it must say.

    python tests/support/hostile.py

Each entry of the index is `{file, says, ...}`. `error` is the code of the error that reading it
raises; without one, the file is read and `plan` holds the state of each model and how its reason
begins. A `.tar` is an archive that a training service could serve. To add one: a line below.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
FOLDER = HERE.parents[1] / "data" / "hostile"
SHA = "5c" * 32
UUID = "6b1f9a52-6a42-4a3b-8d0e-1f5a0b6f0c11"
Case = tuple[str, bytes, dict[str, Any]]


def lock(*models: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"version": 1, "models": list(models), **fields}


def model(name: str = "a.safetensors", directory: str = "loras", *urls: str) -> dict[str, Any]:
    sources = [{"kind": "https", "url": url} for url in urls]
    return {"name": name, "directory": directory, "sha256": SHA, "size": 9, "sources": sources}


def graph(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"version": 0.4, "nodes": list(nodes), "links": [], **fields}


def loader(name: Any, **fields: Any) -> dict[str, Any]:
    return {"id": 1, "type": "LoraLoader", "widgets_values": [name, 1, 1], **fields}


def instance(node_id: int, definition: str) -> dict[str, Any]:
    return {"id": node_id, "type": definition}


def defined(nodes: list[Any], *definitions: dict[str, Any]) -> dict[str, Any]:
    return graph(*nodes, definitions={"subgraphs": list(definitions)})


def as_json(name: str, value: Any, **says: Any) -> Case:
    return f"{name}.json", json.dumps(value, separators=(",", ":")).encode(), says


def refused_name(name: str, model_name: str, reason: str) -> Case:
    return as_json(name, lock(model(model_name)), plan=[["refused", reason]])


def locks() -> Iterator[Case]:
    yield refused_name("name-climbs", "../../custom_nodes/x.safetensors", "leaves its folder")
    yield refused_name("name-climbs-windows", "..\\..\\x.safetensors", "leaves its folder")
    yield refused_name("name-climbs-inside", "a/../../x.safetensors", "leaves its folder")
    yield refused_name("name-absolute", "/etc/cron.d/x.safetensors", "leaves its folder")
    yield refused_name("name-home", "~/x.safetensors", "leaves its folder")
    yield refused_name("name-unc", "\\\\server\\share\\x.safetensors", "leaves its folder")
    yield refused_name("name-drive", "C:\\x.safetensors", "that Windows forbids")
    yield refused_name("name-stream", "x.safetensors:y.safetensors", "that Windows forbids")
    yield refused_name("name-device", "NUL.safetensors", "reserves it for a device")
    yield refused_name("name-device-superscript", "com¹.safetensors", "reserves it for a device")
    yield refused_name("name-hidden", ".git/x.safetensors", "is hidden")
    yield refused_name("name-right-to-left", "a\u202esrotensefas.safetensors", "direction-changing")
    yield refused_name("name-control", "a\u001b[2J.safetensors", "invisible")
    yield refused_name("name-line-break", "a\nSet-Cookie.safetensors", "invisible")
    yield refused_name("name-nul", "a\u0000.safetensors", "invisible")
    yield refused_name("name-half-a-character", "a\ud800.safetensors", "invisible")
    yield refused_name("name-trailing-dot", "x.safetensors.", "a space or a dot")
    yield refused_name("name-long", "x" * 300 + ".safetensors", "too long")
    yield refused_name("name-html", "<img src=x onerror=alert(1)>.safetensors", "Windows forbids")
    yield refused_name("name-script", "a.py", "no model file")
    yield refused_name("name-double-extension", "a.safetensors.exe", "no model file")
    yield refused_name("name-pickle", "a.ckpt", "can run code")
    for name in ("custom_nodes", "configs", "../input", "", "LORAS/..", "loras\u202e"):
        label = name.strip("./").replace("/", "-").replace("\u202e", "-rtl") or "empty"
        if name:
            yield as_json(f"directory-{label}", lock(model(directory=name)),
                          plan=[["refused", "no model folder"]])  # fmt: skip
        else:
            yield as_json(f"directory-{label}", lock(model(directory=name)), error="lock",
                          says="models[0].directory must be a text")  # fmt: skip
    for name, url, reason in SOURCES:
        yield as_json(f"source-{name}", lock(model("a.safetensors", "loras", url)),
                      plan=[["refused", reason]])  # fmt: skip
    yield as_json("lock-version-2", {"version": 2, "models": [], "new": {"kept": True}},
                  error="lock_version", says="this Satchel reads up to 1")  # fmt: skip
    for name, version in (("0", 0), ("true", True)):
        yield as_json(f"lock-version-{name}", graph(extra={"satchel": {"version": version}}),
                      error="lock", says="object with a version")  # fmt: skip
    yield as_json("lock-twice", lock(model(), model()), error="lock", says="same directory and")
    yield as_json("lock-many", lock(*({"name": f"{n}.sft", "directory": "vae"}
                                      for n in range(10_001))),
                  error="lock", says="at most 10000")  # fmt: skip
    yield as_json("lock-many-sources", lock({**model(), "sources": [0] * 50_001}), error="lock",
                  says="more than 50000 sources")  # fmt: skip
    yield as_json("lock-size", lock({**model(), "size": 2**63}), error="lock", says="whole number")
    yield as_json("lock-negative", lock({**model(), "size": -1}), error="lock", says="whole number")
    yield as_json("lock-sha256", lock({**model(), "sha256": SHA + "\n"}), error="lock",
                  says="64 hex digits")  # fmt: skip
    yield as_json("lock-used-by", lock({**model(), "used_by": [{}]}), error="lock",
                  says="list of node ids")  # fmt: skip


SOURCES = (
    ("javascript", "javascript:alert(1)", "malformed URL"),
    ("file", "file:///etc/passwd", "malformed URL"),
    ("data", "data:application/octet-stream;base64,AA==", "malformed URL"),
    ("http", "http://civitai.com/a", "not plain https"),
    ("loopback", "https://127.0.0.1/a.safetensors", "outside the allowlist"),
    ("loopback-number", "https://2130706433/a.safetensors", "outside the allowlist"),
    ("metadata-service", "http://169.254.169.254/latest/meta-data", "not plain https"),
    ("private", "https://192.168.1.1/a.safetensors", "outside the allowlist"),
    ("ipv6", "https://[::1]/a.safetensors", "outside the allowlist"),
    ("credentials", "https://user:password@civitai.com/a", "URL with credentials"),
    ("host-as-user", "https://civitai.com@evil.example/a", "URL with credentials"),
    ("host-as-prefix", "https://civitai.com.evil.example/a", "outside the allowlist"),
    ("host-as-path", "https://evil.example/civitai.com/a", "outside the allowlist"),
    ("backslash", "https://evil.example\\@civitai.com/a", "malformed URL"),
    ("port", "https://civitai.com:22/a", "not plain https"),
    ("unicode-host", "https://civit\u0430i.com/a", "malformed URL"),
    ("line-break", "https://civitai.com/a\r\nHost: evil.example", "malformed URL"),
)


def graphs() -> Iterator[Case]:
    itself = {"id": UUID, "nodes": [instance(2, UUID), loader("inner.safetensors")]}
    yield as_json("subgraph-in-itself", defined([instance(1, UUID)], itself),
                  plan=[["missing", "does not say which bytes"]])  # fmt: skip
    levels = [{"id": f"s{n}", "nodes": [instance(m, f"s{n + 1}") for m in range(40)]}
              for n in range(7)]  # fmt: skip
    yield as_json("subgraph-explosion", defined([instance(1, "s0")], *levels),
                  error="workflow_format",
                  says="subgraphs make too many nodes")  # fmt: skip
    link = {"origin_id": -10, "origin_slot": 0, "target_slot": 0}
    wide = [
        {"id": f"s{n}", "inputs": [{"name": "w"}],
         "links": [{"id": m, "target_id": m, **link} for m in range(8)],
         "nodes": [{"id": m, "type": f"s{(n + 1) % 30}", "widgets_values": ["v.sft"],
                    "inputs": [{"name": "w", "widget": {"name": "w"}, "link": m}]}
                   for m in range(8)]}
        for n in range(30)
    ]  # fmt: skip
    yield as_json("promoted-explosion", defined([{**instance(1, "s0"), "widgets_values": ["v"]}],
                                                *wide),
                  error="workflow_format", says="subgraphs make too many nodes")  # fmt: skip
    yield ("json-deep.json", b'{"nodes":[],"links":[],"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
           {"error": "workflow_format", "says": ""})  # fmt: skip
    yield "json-digits.json", b"9" * 5000, {"error": "workflow_format", "says": "neither JSON"}
    yield as_json("graph-climbs", graph(loader("../../x.safetensors")),
                  plan=[["refused", "leaves its folder"]])  # fmt: skip
    yield as_json("graph-html", graph(loader("<script>alert(1)</script>.safetensors")),
                  plan=[["refused", "Windows forbids"]])  # fmt: skip
    yield as_json("graph-odd-shapes", graph(
        loader(None), {"id": [], "type": {}, "widgets_values": 7, "inputs": 3, "properties": []},
        {"type": "Note", "widgets_values": 5}, {"type": "Note", "widgets_values": {"a": []}},
        definitions={"subgraphs": [7, {"id": None, "nodes": 7, "links": [7, [], {}], "inputs": 3}]},
        extra=[]), plan=[])  # fmt: skip
    entry = {"name": "a.safetensors", "directory": "loras", "hash": SHA, "hash_type": "SHA256",
             "url": "https://civitai.com/api/download/models/1?token=SECRET-1"}  # fmt: skip
    yield as_json("graph-secret", graph(loader("a.safetensors", properties={"models": [entry]}),
                                        {"id": 2, "type": "Note", "widgets_values": ["hello"]}),
                  scrubbed="SECRET-1")  # fmt: skip
    blanks = "<lora:" + " " * 90_000
    yield as_json("prompt-of-blanks", graph({"id": 1, "type": "P", "widgets_values": [blanks]}),
                  plan=[])  # fmt: skip


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return b"".join((b"\x89PNG\r\n\x1a\n", header, *chunks, end))


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def containers() -> Iterator[Case]:
    media = {"error": "unreadable_media"}
    bomb = zlib.compress(bytes(17 << 20), 9)
    large = {**media, "says": "far too large"}
    yield "text-bomb.png", png(chunk(b"zTXt", b"workflow\0\0" + bomb)), large
    yield "international-bomb.png", png(chunk(b"iTXt", b"prompt\0\1\0\0\0" + bomb)), large
    yield ("long-chunk.png", png(struct.pack(">I", 0x7FFFFFFF) + b"tEXt"),
           {**media, "says": "cut short"})  # fmt: skip
    climbs = json.dumps(graph(loader("..\\..\\x.safetensors"))).encode()
    yield ("climbs.png", png(chunk(b"tEXt", b"workflow\0" + climbs)),
           {"plan": [["refused", "leaves its folder"]]})  # fmt: skip
    iinf = box(b"iinf", struct.pack(">IH", 0, 1) + box(b"infe", bytes(20)))
    items = struct.pack(">HHH", 1, 0, 65_535) * 3
    iloc = box(b"iloc", struct.pack(">IHH", 0, 0, 3) + items)
    yield ("empty-extents.avif", box(b"ftyp", b"avif0000") + box(b"meta", bytes(4) + iinf + iloc),
           {**media, "says": "far too many parts"})  # fmt: skip
    body = b"aaaa:" + b"x" * 500
    entries = b"".join(struct.pack(">HHII", 256 + n, 2, len(body) - n, 62 + n) for n in range(4))
    tiff = b"MM\0*" + struct.pack(">IH", 8, 4) + entries + bytes(4) + body
    chunk_ = b"EXIF" + struct.pack("<I", len(tiff)) + tiff
    yield ("overlapping-exif.webp", b"RIFF" + struct.pack("<I", len(chunk_) + 4) + b"WEBP" + chunk_,
           {**media, "says": "overlap"})  # fmt: skip
    yield ("entity.svg",
           b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg><metadata>'
           b"&a;</metadata></svg>",
           {"error": "workflow_format", "says": "carries none"})  # fmt: skip
    yield ("long-header.latent", struct.pack("<Q", 1 << 40) + b'{"a":1}',
           {**media, "says": "cut short"})  # fmt: skip


def tar(*entries: tuple[str, bytes, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, kind, data in entries:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def archives() -> Iterator[Case]:
    file, good = tarfile.REGTYPE, ("out/lora.safetensors", tarfile.REGTYPE, b"weights")
    for name, entry, reason in (
        ("climbs", ("../lora.safetensors", file, b"x"), "leaves its folder"),
        ("absolute", ("/lora.safetensors", file, b"x"), "leaves its folder"),
        ("drive", ("C:\\lora.safetensors", file, b"x"), "leaves its folder"),
        ("symbolic-link", ("out", tarfile.SYMTYPE, b""), "a symbolic link"),
        ("hard-link", ("out", tarfile.LNKTYPE, b""), "a hard link"),
        ("device", ("out", tarfile.CHRTYPE, b""), "a device"),
        ("second", ("b.safetensors", file, b"x"), "several files that would do"),
        ("same-name", good, "several files that would do"),
    ):
        yield f"{name}.tar", tar(good, entry), {"error": "archive", "says": reason}
    zeros = tar(("lora.safetensors", file, bytes(12 << 20)))
    yield ("bomb.tar.gz", gzip.compress(zeros, 9, mtime=0),
           {"error": "archive", "says": "times its size"})  # fmt: skip


def cases() -> Iterator[Case]:
    yield from locks()
    yield from graphs()
    yield from containers()
    yield from archives()


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    index = []
    for name, content, says in cases():
        (FOLDER / name).write_bytes(content)
        index.append({"file": name, **says})
    lines = ",\n".join(json.dumps(entry) for entry in index)
    (FOLDER / "index.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
