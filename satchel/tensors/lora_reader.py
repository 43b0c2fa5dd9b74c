"""Reads single tensors of a safetensors file, so that what nobody needs stays on the disk.

A file is known by its header; until they are read, its tensors are outlines: on torch's `meta`
device, with a dtype and a shape and no numbers.

Tensors are copied into memory of their own. A mapped file would be shorter, but whoever replaces
it while it is mapped stops the whole process, and mapping each page costs more than copying it.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from ..errors import LoraFileError
from ..safetensors_header import SafetensorsHeader
from ..tensor_info import TensorInfo

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool, "C64": torch.complex64,
}  # fmt: skip
"""The format's dtypes that torch has, as far as LoRAs use them."""

SMALL = 64
"""Bytes up to which a tensor is a fact about a module (alpha, `on_input`, a shape), no weight."""

ONE_THREAD = 32_000
"""Numbers that torch handles in one thread (its grain is 32768). Waking the others for a little
more takes longer than the work, and on a busy machine many times longer."""

Stamp = tuple[int, int]
"""Size in bytes, and time of change in nanoseconds."""


def stamp_of(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns


class TensorReader:
    """Reads tensors of one file by name.

    Args:
        header: the file's, already checked.
        stamp: of the file that the header comes from.

    Raises:
        LoraFileError: a tensor has a dtype that torch lacks.
    """

    def __init__(self, path: Path, header: SafetensorsHeader, stamp: Stamp) -> None:
        self._path, self._header, self._stamp = path, header, stamp
        for name, info in header.tensors.items():
            if info.dtype not in DTYPES:
                raise LoraFileError(
                    f"{name} has the dtype {info.dtype}, which no LoRA can have.",
                    hint="It is no LoRA, or made for a program of its own.",
                    key=name, name=path.name,
                )  # fmt: skip

    def outlines(self) -> dict[str, torch.Tensor]:
        """All tensors, without their numbers."""
        return {
            name: torch.empty(info.shape, dtype=DTYPES[info.dtype], device="meta")
            for name, info in self._header.tensors.items()
        }

    def read(self, names: Iterable[str]) -> dict[str, torch.Tensor]:
        """Reads these tensors, and nothing else, in the order of the file.

        Raises:
            LoraFileError: the file has changed or cannot be read, or a number is not finite.
        """
        infos = self._header.tensors
        tensors = {}
        try:
            with self._path.open("rb", buffering=0) as file:
                if stamp_of(os.fstat(file.fileno())) != self._stamp:
                    raise self._changed()
                for name in sorted(names, key=lambda name: infos[name].start):
                    file.seek(self._header.data_start + infos[name].start)
                    tensors[name] = self._tensor(file, infos[name])
        except OSError as error:
            raise LoraFileError(
                f"the file cannot be read: {error.strerror or error}.",
                hint="Check the disk that it is on.", name=self._path.name,
            ) from error  # fmt: skip
        check_finite(tensors, self._path.name)
        return tensors

    def _tensor(self, file: io.FileIO, info: TensorInfo) -> torch.Tensor:
        tensor = torch.empty(info.shape, dtype=DTYPES[info.dtype])
        if tensor.nbytes:
            into = memoryview(tensor.reshape(-1).view(torch.uint8).numpy())
            while into:
                count = file.readinto(into)
                if not count:
                    raise self._changed()
                into = into[count:]
        return tensor

    def _changed(self) -> LoraFileError:
        return LoraFileError(
            "the file was replaced while it was being read.",
            hint="Run the workflow again.", name=self._path.name,
        )  # fmt: skip


def check_finite(tensors: Mapping[str, torch.Tensor], file_name: str) -> None:
    """Refuses tensors with a NaN or an infinite number.

    Raises:
        LoraFileError: about the first of them.
    """
    broken = first_not_finite(tensors)
    if broken is not None:
        raise LoraFileError(
            f"{broken} holds numbers that are not finite (NaN or infinite).",
            hint="The training broke down or the file is damaged.", key=broken, name=file_name,
        )  # fmt: skip


def first_not_finite(tensors: Mapping[str, torch.Tensor]) -> str | None:
    """The name of a tensor with a NaN or an infinite number.

    The smallest and the largest number tell, and torch finds both in one pass, in which a NaN
    wins: `isfinite` takes ten times as long. In pieces of one thread.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.numel():
            wide = tensor.float() if tensor.element_size() == 1 else tensor
            for piece in wide.flatten().split(ONE_THREAD):
                if not all(math.isfinite(extreme) for extreme in torch.aminmax(piece)):
                    return name
    return None
