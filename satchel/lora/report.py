"""What a LoRA stack did, in numbers and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .module_names import group_names
from .stack import StackEntry

MAX_PATTERNS = 8
"""Name patterns listed per line; the rest is counted."""


@dataclass(slots=True)
class EntryReport:
    """What became of one entry's modules; every module of the file is in one of the counts."""

    entry: StackEntry
    modules: int = 0
    """In the file."""
    patched_model: int = 0
    patched_clip: int = 0
    fitting_model: int = 0
    """Matched with a shape that fits; among them the patched ones."""
    fitting_clip: int = 0
    at_zero: int = 0
    """Matched, but their strength times block weight is 0."""
    in_place: int = 0
    """Matched, but a stack before this one has already applied them."""
    clip_missing: int = 0
    """Text encoder modules while no CLIP is connected."""
    model_missing: int = 0
    """Diffusion model modules while no model is connected."""
    unmatched: list[str] = field(default_factory=list)
    """Modules that the model does not have."""
    conflicts: list[str] = field(default_factory=list)
    """Modules whose shapes do not fit the model's."""
    blocks: str = ""
    """The block weights in canonical form."""
    skipped: str = ""
    """Why the row is left out of this run; empty if it is not."""
    notes: list[str] = field(default_factory=list)

    @property
    def patched(self) -> int:
        return self.patched_model + self.patched_clip

    @property
    def is_mostly_lost(self) -> bool:
        """Whether less than half of the modules for what is connected fit.

        Relatives share shapes: of a FLUX.1 LoRA a tenth fits FLUX.2 klein, which is an accident,
        and three quarters fit Chroma, which is of use.
        """
        return len(self.unmatched) + len(self.conflicts) > self.fitting_model + self.fitting_clip

    def lines(self) -> list[str]:
        entry = self.entry
        if self.skipped:
            return [f"SKIPPED {entry.label}: {entry.name}, {self.skipped}"]
        head = (
            f"{entry.label}: {entry.name}, model {entry.strength_model:g}, "
            f"clip {entry.strength_clip:g}"
        )
        head += f", blocks {self.blocks}" if self.blocks else ""
        lines = [head if entry.window.is_always else f"{head}, {entry.window.describe()}"]
        lines += [f"  {entry.note}"] if entry.note else []
        if self.modules:
            lines.append(
                f"  {self.patched} of {self.modules} modules patched "
                f"(model {self.patched_model}, clip {self.patched_clip})"
            )
        counts = (
            (self.at_zero, "at strength or block weight 0"),
            (self.in_place, "already applied by the stack before"),
            (self.clip_missing, "text encoder modules left out: no CLIP is connected"),
            (self.model_missing, "diffusion model modules left out: no model is connected"),
        )
        lines += [f"  {count} {what}" for count, what in counts if count]
        names = (
            (self.unmatched, "not in the model"),
            (self.conflicts, "with a shape that does not fit"),
        )
        lines += [f"  {len(list_)} {what}: {summarize(list_)}" for list_, what in names if list_]
        return lines + [f"  {note}" for note in self.notes]


def format_report(reports: Sequence[EntryReport], off: Sequence[str], notes: Sequence[str]) -> str:
    """The node's report: one paragraph per entry, rows that are off, then a total.

    Args:
        off: one line per row that is off.
        notes: lines about the stack as a whole.
    """
    lines = [line for report in reports for line in report.lines()]
    lines += [*off, *notes]
    model = sum(report.patched_model for report in reports)
    clip = sum(report.patched_clip for report in reports)
    lost = sum(len(report.unmatched) + len(report.conflicts) for report in reports)
    used = [report for report in reports if not report.skipped]
    count = f"{len(used)} LoRA{'' if len(used) == 1 else 's'}"
    total = (
        f"Total: {count}, {model + clip} modules patched (model {model}, clip {clip}), "
        f"{lost} dropped"
    )
    skipped = len(reports) - len(used)
    lines.append(f"{total}, {skipped} SKIPPED" if skipped else total)
    return "\n".join(lines)


def summarize(names: Sequence[str]) -> str:
    """Module names as patterns with counts: `24 x lora_te_..._{n}_mlp_fc1, 3 x ...`."""
    groups = group_names(names)
    shown = [f"{count} x {pattern}" for pattern, count in groups[:MAX_PATTERNS]]
    rest = sum(count for _, count in groups[MAX_PATTERNS:])
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
