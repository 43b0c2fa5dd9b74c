"""What `dev.py fuzz` feeds: traps of a given size that once were, or could be, slow or greedy.

Each trap is small to write and says what it attacks; `mutations` bends files that are whole.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

Trap = Callable[[int], bytes]
"""About so many bytes."""
_UUID = "6b1f9a52-6a42-4a3b-8d0e-1f5a0b6f0c11"


def filled(unit: str, head: str = "", tail: str = "") -> Trap:
    """One text over and over."""

    def make(size: int) -> bytes:
        data = unit.encode()
        return head.encode() + data * (size // len(data)) + tail.encode()

    return make


def _node(values: Any, kind: str = "Custom", **fields: Any) -> dict[str, Any]:
    return {"id": 1, "type": kind, "widgets_values": values, **fields}


def _graph(*nodes: Any, **fields: Any) -> bytes:
    return json.dumps({"version": 0.4, "nodes": list(nodes), "links": [], **fields}).encode()


def text_in_node(unit: str, kind: str = "Custom", pieces: int = 1) -> Trap:
    """Widgets of one node with long texts."""

    def make(size: int) -> bytes:
        return _graph(_node([unit * (size // pieces // len(unit))] * pieces, kind))

    return make


def values_in_node(make_value: Callable[[int], Any], each: int, **fields: Any) -> Trap:
    """Very many values in one node, each of some bytes."""

    def make(size: int) -> bytes:
        return _graph(_node([make_value(at) for at in range(size // each)], **fields))

    return make


def _subgraph(definition_id: str, *nodes: Any, **fields: Any) -> dict[str, Any]:
    return {"id": definition_id, "name": "S", "nodes": list(nodes), "links": [], **fields}


def _with_definitions(nodes: list[Any], definitions: list[Any]) -> bytes:
    return _graph(*nodes, definitions={"subgraphs": definitions})


def many_instances(size: int) -> bytes:
    """Thousands of nodes of one definition that is large itself, in texts, slots and links."""
    links = [{"id": n, "origin_id": -10, "origin_slot": n, "target_id": 1, "target_slot": n}
             for n in range(size // 400)]  # fmt: skip
    slots = [{"name": f"w{n}", "widget": {"name": f"w{n}"}, "link": n} for n in range(len(links))]
    inner = {**_node(["x" * (size // 4)]), "inputs": slots}
    definition = _subgraph(_UUID, inner, links=links, inputs=[{"name": s["name"]} for s in slots])
    instances = [{"id": n, "type": _UUID} for n in range(size // 200)]
    return _with_definitions(instances, [definition])


def promoted_explosion(size: int) -> bytes:
    """Widgets that lead to several widgets each, thirty definitions deep; the last to the first."""
    depth, width = 30, 8
    definitions = []
    for level in range(depth):
        below = f"id-{(level + 1) % depth}"
        nodes = [{"id": n, "type": below, "widgets_values": ["v"],
                  "inputs": [{"name": "w", "widget": {"name": "w"}, "link": n}]}
                 for n in range(width)]  # fmt: skip
        links = [{"id": n, "origin_id": -10, "origin_slot": 0, "target_id": n, "target_slot": 0}
                 for n in range(width)]  # fmt: skip
        inputs = [{"name": "w"}]
        definitions.append(_subgraph(f"id-{level}", *nodes, links=links, inputs=inputs))
    return _with_definitions([_node(["v"], "id-0")], definitions)


def nested_instances(size: int) -> bytes:
    """Seven definitions of forty nodes each, one inside of the other: 40**7 nodes."""
    definitions = [
        _subgraph(f"id-{level}", *({"id": n, "type": f"id-{level + 1}"} for n in range(40)))
        for level in range(7)
    ]
    return _with_definitions([{"id": 1, "type": "id-0"}], definitions)


def lock_and_text(size: int) -> bytes:
    """A lock of ten thousand models beside a graph of long texts that name none of them."""
    models = [{"name": f"abcdefghij{n}.safetensors", "directory": "loras"} for n in range(10_000)]
    graph = {"nodes": [_node(["abcdefgh" * (size // 10)])], "links": [],
             "extra": {"satchel": {"version": 1, "models": models}}}  # fmt: skip
    return json.dumps(graph).encode()


def lock_of(size: int, sources: int = 1) -> bytes:
    """A lock as large as asked, with so many sources in each model."""
    source = {"kind": "https", "url": "https://a/b"}
    model = {"directory": "a", "sources": [source] * sources}
    count = min(10_000, size // len(json.dumps(model)))
    return json.dumps(
        {"version": 1, "models": [{"name": f"{n}.pt", **model} for n in range(count)]}
    ).encode()


def embedded_models(size: int) -> bytes:
    """A node with as many embedded models as widgets that name them."""
    names = [f"m{n}.safetensors" for n in range(min(9_000, size // 60))]
    properties = {"models": [{"name": name} for name in names]}
    return _graph(_node(names, properties=properties))


DOCUMENT_TRAPS: dict[str, Trap] = {
    "opened lists": filled("["),
    "opened objects": filled('{"a":'),
    "empty lists": filled("[],", "[", "0]"),
    "empty objects": filled("{},", '{"nodes":[', '{}],"links":[]}'),
    "small objects": filled('{"a":{}},', "[", "0]"),
    "small nodes": filled('{"type":"a"},', '{"nodes":[', '{"type":"a"}],"links":[]}'),
    "digits": filled("9", '{"nodes":[', '],"links":[]}'),
    "distinct keys": lambda size: json.dumps({f"k{n}": 0 for n in range(size // 14)}).encode(),
    "blanks": filled(" "),
    "quotes": filled('\\"', '"'),
    "wide characters": text_in_node("\N{GRINNING FACE} a, b"),
    "small values": values_in_node(lambda n: "é.", 8),
    "numbers": values_in_node(lambda n: n % 7, 3),
    "colons": values_in_node(lambda n: "a:", 6),
    "model names": values_in_node(lambda n: f"m{n}.pt", 13),
    "one model name": values_in_node(lambda n: "m.pt", 8),
    "unlike model names": values_in_node(lambda n: f"{n}.a/b.pt x", 16),
    "bare names": values_in_node(lambda n: f"<lora:m{n}> embedding:e{n}", 30),
    "some bare names": lambda size: _graph(_node([f"<lora:m{n}> m{n}.pt" for n in range(4000)])),
    "embedded models": embedded_models,
    "opened tags": text_in_node("<lora:"),
    "opened tags, many texts": text_in_node("<lora:", pieces=100),
    "blank tags": text_in_node(" ", pieces=100),
    "tag and blanks": lambda size: _graph(_node(["<lora:" + " " * 99_000] * (size // 100_000))),
    "tag and blanks again": text_in_node("<lora: ", pieces=100),
    "embeddings": text_in_node("embedding:", pieces=100),
    "closed tags": text_in_node("<lora:a>", pieces=100),
    "links in notes": text_in_node("[a](https://a/b.safetensors)", "Note", pieces=100),
    "opened links in notes": text_in_node("[a](https://", "MarkdownNote", pieces=100),
    "brackets in notes": text_in_node("[", "Note", pieces=100),
    "addresses in notes": text_in_node("https://a ", "Note", pieces=100),
    "many instances": many_instances,
    "nested instances": nested_instances,
    "promoted widgets that multiply": promoted_explosion,
    "large lock, long text": lock_and_text,
    "lock": lock_of,
    "lock with many sources": lambda size: lock_of(size, 200),
}


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    signature = b"\x89PNG\r\n\x1a\n"
    return b"".join((signature, header, *chunks, png_chunk(b"IEND", b"")))


def _bomb(unit: bytes, packed: int) -> bytes:
    """A zlib stream of about so many bytes, of one text over and over."""
    packer, size = zlib.compressobj(9), 0
    parts: list[bytes] = []
    block = unit * (1_000_000 // len(unit))
    while size < packed and len(parts) < 300:
        parts.append(packer.compress(block))
        size += len(parts[-1])
    return b"".join((*parts, packer.flush()))


def _tiff(entries: bytes, count: int, rest: bytes) -> bytes:
    return b"MM\0*" + struct.pack(">IH", 8, count) + entries + bytes(4) + rest


def overlapping_exif(size: int) -> bytes:
    """A WebP whose thousand EXIF texts all end at the same byte, each with a key of its own."""
    start = 8 + 2 + 12 * 1000 + 4
    body = b"k" * 1000 + b":" + b"x" * size
    entries = b"".join(
        struct.pack(">HHII", 0x0100 + n, 2, len(body) - n, start + n) for n in range(1000)
    )
    block = _tiff(entries, 1000, body)
    return b"RIFF" + struct.pack("<I", len(block) + 12) + b"WEBPEXIF" + struct.pack(
        "<I", len(block)) + block  # fmt: skip


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def empty_extents(size: int) -> bytes:
    """An AVIF whose items have 65,535 extents of no bytes each."""
    items = struct.pack(">HHH", 1, 0, 65_535) * min(65_000, size // 6)
    iloc = box(b"iloc", struct.pack(">IHH", 0, 0, min(65_000, size // 6)) + items)
    iinf = box(b"iinf", struct.pack(">IH", 0, 1) + box(b"infe", bytes(20)))
    return box(b"ftyp", b"avif0000") + box(b"meta", bytes(4) + iinf + iloc)


def many_boxes(size: int) -> bytes:
    """An MP4 whose tags hold a hundred thousand lists of empty boxes."""
    inner = box(b"free", b"") * 20
    items = box(b"\0\0\0\1", inner) * (size // (len(inner) + 8))
    keys = box(b"keys", struct.pack(">II", 0, 1) + box(b"mdta", b"workflow"))
    meta = box(b"meta", bytes(4) + keys + box(b"ilst", items))
    return box(b"ftyp", b"isom0000") + box(b"moov", meta)


def _ebml(kind: str, body: bytes) -> bytes:
    return bytes.fromhex(kind) + struct.pack(">Q", len(body) | 1 << 56) + body


def many_elements(size: int) -> bytes:
    """A WebM whose tags are full of elements of two bytes."""
    simple = _ebml("67C8", b"\xec\x80" * 2000)
    tag = _ebml("7373", simple * 50)
    tags = _ebml("1254C367", tag * (size // len(tag)))
    return _ebml("1A45DFA3", b"") + _ebml("18538067", tags)


def _flac(size: int) -> bytes:
    comments = struct.pack("<I", 3) + b"a=b"
    block = struct.pack("<II", 0, size // 7) + comments * (size // 7)
    return b"fLaC" + struct.pack(">I", 0x84 << 24 | min(len(block), 0xFFFFFF)) + block


def _ogg(size: int) -> bytes:
    page = b"OggS" + bytes(22) + b"\xff" + b"\xff" * 255 + b"x" * 255 * 255
    return page * (size // len(page))


def _mp3(size: int) -> bytes:
    frame = b"TXXX" + struct.pack(">IH", 4, 0) + b"\0a\0b"
    return b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + frame * (size // len(frame))


def _header(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


CONTAINER_TRAPS: dict[str, Trap] = {
    "PNG of empty chunks": lambda size: png(png_chunk(b"tIME", b"") * (size // 12)),
    "PNG bomb": lambda size: png(png_chunk(b"zTXt", b"workflow\0\0" + _bomb(b"[],", size // 8))),
    "PNG bomb of wide text": lambda size: png(
        png_chunk(b"zTXt", b"workflow\0\0" + zlib.compress(
            b'"' + "\N{GRINNING FACE}".encode() + b"a" * (size * 3 // 2) + b'"', 9))),
    "PNG of small values": lambda size: png(
        png_chunk(b"tEXt", b"workflow\0[" + b'{"a":{}},' * (size // 18) + b"0]"),
        png_chunk(b"tEXt", b"prompt\0[" + b'{"a":{}},' * (size // 18) + b"0]")),
    "PNG of many keywords": lambda size: png(*(
        png_chunk(b"tEXt", b"k%d\0" % n) for n in range(size // 20))),
    "WebP of empty chunks": lambda size: b"RIFF\0\0\0\0WEBP" + b"ABCD\0\0\0\0" * (size // 8),
    "overlapping EXIF": overlapping_exif,
    "JPEG padding": lambda size: b"\xff\xd8\xff" + b"\xff" * size,
    "JPEG of empty segments": lambda size: b"\xff\xd8" + b"\xff\xe0\0\2" * (size // 4),
    "extents of no bytes": empty_extents,
    "boxes in tags": many_boxes,
    "nested boxes": lambda size: box(b"ftyp", b"isom0000") + box(b"moov", b"") * (size // 8),
    "elements in tags": many_elements,
    "FLAC comments": _flac,
    "FLAC blocks": lambda size: b"fLaC" + bytes(4) * (size // 4),
    "Ogg pages": _ogg,
    "empty Ogg pages": lambda size: (b"OggS" + bytes(23)) * (size // 27),
    "MP3 frames": _mp3,
    "SVG of small values": filled('{"a":{}},', "<svg><metadata><![CDATA[[", "0]]]></metadata>"),
    "SVG of opened tags": filled("<metadata", "<svg>"),
    "latent of small values": lambda size: _header(
        b'{"a":[' + b'{"a":{}},' * (size // 9) + b"0]}"),
}  # fmt: skip

PROMPT_TRAPS: dict[str, Trap] = {
    "opened": filled("<lora:"), "tags": filled("<lora:a>"), "tags and commas": filled("<lora:a>,"),
    "brackets": filled("["), "closed brackets": lambda size: b"[" * (size // 2) + b"<lora:a>"
    + b"]" * (size // 2),
    "brackets and tags": filled("[<lora:a>:1 ]"), "commas": filled(",", "<lora:a>x", "x<lora:a>"),
    "blanks": filled(" ", "<lora:a>x", "x"), "colons": filled(":", "<lora:a", ">"),
    "blanks in a tag": filled(" ", "<lora:", ">"), "numbers": filled("1", "<lora:a:", ">"),
    "schedules": filled(": ", "[<lora:a>", "]"), "backslashes": filled("\\"),
    "zeros": filled("\0", "<lora:a>"), "vectors": filled("1,", "<lora:a:lbw=", ">"),
}  # fmt: skip

REFERENCE_TRAPS: dict[str, Trap] = {
    "colons": filled(":", "urn:air"), "words": filled("a:"), "AIR": filled("a", "urn:air:", ":b:c"),
    "dots": filled(".", "air:a:b:civitai:1@1"), "slashes": filled("/", "https://huggingface.co/a"),
    "query": filled("a=b&", "https://civitai.com/models/1?"), "percent": filled("%", "https://a/"),
    "digits": filled("1", "civitai:"), "hosts": filled("a.", "https://"), "lists": filled("["),
    "objects": filled('{"a":{}},', "[", "0]"), "blanks": filled(" ", "a", "b"),
    "at signs": filled("@", "https://"), "hash": filled("a", "sha256:"),
}  # fmt: skip


def _tar(*entries: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def tar_header(name: bytes, kind: bytes, size_field: bytes) -> bytes:
    """One header with a checksum that fits, whatever it says."""
    head = bytearray(name.ljust(100, b"\0") + bytes(24) + size_field.ljust(12, b"\0") + bytes(376))
    head[156:157] = kind
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def _pax(body: bytes) -> bytes:
    return tar_header(b"x", b"x", b"%011o" % len(body)) + body + bytes(-len(body) % 512)


ARCHIVE_TRAPS: dict[str, Trap] = {
    "pax fields": lambda size: _pax(b"4 a\n" * 16_000) * (size // 64_512),
    "packed pax fields": lambda size: gzip.compress(_pax(b"4 a\n" * 16_000) * 3000, 9)[:size],
    "endless number": lambda size: _pax(b"9" * 60_000 + b" a=b\n"),
    "huge size": lambda size: tar_header(b"a.safetensors", b"0", b"\x80" + b"\xff" * 11),
    "bomb": lambda size: gzip.compress(_tar(("a.safetensors", bytes(20 * size))), 9),
    "members": lambda size: tar_header(b"a", b"0", b"0") * (size // 512),
    "random": lambda size: random.Random(1).randbytes(size),
}  # fmt: skip

SIDECAR_TRAPS: dict[str, Trap] = {
    "lists": filled("["), "objects": filled('{"a":{}},', '{"sha256":[', "0]}"),
    "words": filled("a,", '{"activation text":"', '"}'),
    "trained words": filled('"a",', '{"trainedWords":[', '"a"],"sha256":"x"}'),
    "blanks": filled(" "), "hex": filled("a"),
    "files": filled('{"id":1},', '{"id":1,"modelId":1,"files":[', "{}]}"),
    "tags": filled('"t",', '{"file_name":"a","sha256":"b","civitai":{"id":1,"modelId":2},"tags":[',
                   '"t"]}'),
}  # fmt: skip

HEADER_TRAPS: dict[str, Trap] = {
    "small values": lambda size: _header(b'{"a":' + b'{"a":{}},'[:-1] * (size // 9) + b"}"),
    "tensors": lambda size: _header(json.dumps({
        f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        for n in range(size // 70)}).encode()),
    "shape": lambda size: _header(b'{"a":{"dtype":"F32","data_offsets":[0,0],"shape":['
                                  + b"9," * (size // 2) + b"1]}}"),
    "metadata": lambda size: _header(b'{"__metadata__":{"a":"' + b"a," * (size // 2) + b'"}}'),
    "lists": lambda size: _header(b"[" * size),
}  # fmt: skip


def _at_most(limit: int, traps: dict[str, Trap]) -> dict[str, Trap]:
    """The traps no larger than what a reader looks at, and one that is."""

    def limited(trap: Trap) -> Trap:
        return lambda size: trap(min(size, limit))

    return {"too large": filled("a"), **{name: limited(trap) for name, trap in traps.items()}}


PROMPT_TRAPS = _at_most(990_000, PROMPT_TRAPS)
REFERENCE_TRAPS = _at_most(1_040_000, REFERENCE_TRAPS)
SIDECAR_TRAPS = _at_most(8_300_000, SIDECAR_TRAPS)


def mutations(samples: list[bytes], seed: int) -> Iterator[bytes]:
    """Whole files with some bytes changed, cut out, doubled or swapped for lying numbers."""
    draw = random.Random(seed)
    lies = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\x80", b"[" * 9)
    while True:
        data = bytearray(draw.choice(samples))
        for _ in range(draw.randint(1, 6)):
            at = draw.randrange(len(data) + 1)
            end = min(len(data), at + draw.choice((1, 4, 8, 200)))
            change = draw.randrange(4)
            if change == 0:
                lie = draw.choice(lies)
                data[at : at + len(lie)] = lie
            elif change == 1:
                del data[at:end]
            elif change == 2:
                data[at:at] = data[at:end] * draw.randint(1, 50)
            else:
                data[at:end] = draw.randbytes(end - at)
        yield bytes(data)


def small_samples(traps: dict[str, Trap], size: int = 2000) -> list[bytes]:
    """The traps themselves, small, for mutating; those that are not small are left out."""
    made = (trap(size) for trap in islice(traps.values(), None))
    return [data for data in made if len(data) < 100_000]
