"""What can go wrong in the tooling, said in one sentence."""

from __future__ import annotations


class ToolError(Exception):
    """A failure with a known cause: `dev.py` prints it and exits with status 2."""


class ChecksumError(ToolError):
    def __init__(self, what: str, expected: str, actual: str) -> None:
        super().__init__(
            f"{what} has the wrong checksum and was not unpacked: "
            f"expected sha256 {expected}, got {actual}."
        )
        self.expected = expected
        self.actual = actual


class DiskSpaceError(ToolError):
    """`needed` and `free` are bytes."""

    def __init__(self, what: str, where: str, needed: int, free: int) -> None:
        super().__init__(
            f"Too little disk space for {what}: {where} has {readable_bytes(free)} free "
            f"and {readable_bytes(needed)} are needed."
        )
        self.needed = needed
        self.free = free


class StepFailedError(ToolError):
    """A program that we ran failed; the message ends with where its log is."""


def readable_bytes(count: int) -> str:
    """A number of bytes as people say it: `7.5 GB` (10^9), `31 MB` (10^6)."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
