"""What reads strangers' bytes: each reader takes bytes and may raise nothing but `SatchelError`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import ROOT
from . import fuzz_inputs as inputs
from .core_import import make_core_importable

make_core_importable()

from satchel.archives import extract_member, is_weights  # noqa: E402
from satchel.errors import SatchelError  # noqa: E402
from satchel.folders import LocalModel  # noqa: E402
from satchel.lora.prompt_tags import clean_prompt, find_tags  # noqa: E402
from satchel.references import parse_reference, to_text  # noqa: E402
from satchel.safetensors_header import read_header  # noqa: E402
from satchel.sidecars import read_sidecars  # noqa: E402
from satchel.workflow.collect import locked_models  # noqa: E402
from satchel.workflow.documents import read_bytes  # noqa: E402


def read_document(data: bytes) -> None:
    """A workflow in any form, and which models it needs."""
    locked_models(read_bytes(data, "fuzz"))


def read_prompt(data: bytes) -> None:
    prompt = data.decode("utf-8", "replace")
    clean_prompt(prompt, find_tags(prompt))


def read_reference(data: bytes) -> None:
    to_text(parse_reference(data.decode("utf-8", "replace")))


def read_safetensors(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.safetensors")
        path.write_bytes(data)
        read_header(path)


def read_archive(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.tar")
        path.write_bytes(data)
        extract_member(path, Path(folder, "out"), wanted=is_weights, max_bytes=1 << 30)


def read_beside(data: bytes) -> None:
    """A sidecar, under each of the names that sidecars have."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.safetensors")
        path.touch()
        model = LocalModel("loras", "a.safetensors", path, 0, 0)
        for ending in (".metadata.json", ".civitai.info", ".cm-info.json", ".json", ".sha256",
                       ".safetensors.rgthree-info.json"):  # fmt: skip
            beside = Path(folder, f"a{ending}")
            beside.write_bytes(data)
            read_sidecars(model)
            beside.unlink()


@dataclass(frozen=True, slots=True)
class Target:
    """One reader and what is fed to it."""

    name: str
    read: Callable[[bytes], None]
    traps: dict[str, inputs.Trap]
    files: tuple[bytes, ...] = ()
    """Whole files to bend, beside the traps themselves."""

    def feed(self, data: bytes) -> str:
        """Reads the bytes; the code of the error that refused them, or an empty text."""
        try:
            self.read(data)
        except SatchelError as error:
            return error.code
        return ""

    def samples(self) -> list[bytes]:
        return [*self.files, *inputs.small_samples(self.traps)]


def _files(folder: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((ROOT / folder).iterdir()))


TARGETS = (
    Target("documents", read_document, inputs.DOCUMENT_TRAPS, _files("workflows")),
    Target("containers", read_document, inputs.CONTAINER_TRAPS, _files("tests/data/containers")),
    Target("prompts", read_prompt, inputs.PROMPT_TRAPS),
    Target("references", read_reference, inputs.REFERENCE_TRAPS),
    Target("safetensors", read_safetensors, inputs.HEADER_TRAPS),
    Target("archives", read_archive, inputs.ARCHIVE_TRAPS),
    Target("sidecars", read_beside, inputs.SIDECAR_TRAPS),
)
