"""What commands say to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..folders import ModelFolders
from ..workflow.addresses import notes_on
from ..workflow.convert import Conversion
from ..workflow.install import Imported
from ..workflow.lock import Lock
from ..workflow.node_packs import PlannedPack
from ..workflow.planned import Plan, PlannedModel, host_name
from ..workflow.verify import VerifiedModel
from .terminal import plain, size_text, table


def lock_text(path: Path, made: Lock, notes: Sequence[str]) -> str:
    """A lock: name, folder, start of the digest, size, first source or why there is none."""
    rows = [
        (
            model.identity.name,
            model.identity.kind,
            (model.identity.sha256 or "-")[:12],
            size_text(model.identity.size),
            model.identity.sources[0].url if model.identity.sources else model.reason,
        )
        for model in made.models
    ]
    return _titled(path, rows, notes)


def lock_notes(earlier: Lock | None, made: Lock) -> list[str]:
    """What a person should know about a new lock: pins that changed, files without a source."""
    pins = {model.key: model.identity.sha256 for model in earlier.models} if earlier else {}
    notes = [
        plain(f"{model.identity.name}: pinned as {before[:12]} before, {after[:12]} now.")
        for model in made.models
        if (before := pins.get(model.key)) and (after := model.identity.sha256) and before != after
    ]
    notes += map(plain, notes_on(made))
    without = [model for model in made.models if not model.identity.sources]
    if without:
        notes.append(
            f"{len(without)} of {len(made.models)} models have no source:"
            " others must find these files by themselves."
        )
    return notes


def plan_text(path: Path, made: Plan) -> str:
    """A plan, one line per model, node packs that differ, and the totals."""
    rows = [_plan_row(planned) for planned in made.models]
    notes = [*map(plain, made.notes)]
    notes += [plain(_pack_line(pack)) for pack in made.node_packs if pack.state != "installed"]
    total = f"To fetch: {size_text(made.bytes_to_fetch)}; free: {size_text(made.bytes_free)}."
    return _titled(path, rows, [*notes, total])


def _plan_row(planned: PlannedModel) -> tuple[str, ...]:
    facts = planned.to_json()
    note = planned.reason
    if planned.here and planned.local and facts["local"] != host_name(facts["name"]):
        note = f"here as {facts['local']}"
    elif planned.target is not None:
        details = "; ".join(filter(None, (note, *planned.facts.notes)))
        note = f"from {facts['source']}" + (f" ({details})" if details else "")
    state = "optional" if not planned.wanted and not planned.here else planned.state
    return state, facts["name"], facts["directory"], size_text(facts["bytes"]), note


def _pack_line(planned: PlannedPack) -> str:
    pack = planned.pack
    wanted = f" {(pack.version or pack.commit)[:12]}" if pack.ver else ""
    if planned.installed is None:
        return f"Node pack {pack.label}{wanted} is missing. To get it: {planned.command}"
    here = planned.here[:12]
    return f"Node pack {pack.label} is here as {here}; the workflow was made with{wanted}."


def imported_text(path: Path, made: Imported, output: Path | None) -> str:
    """What an installation did."""
    lines = [
        f"Fetched {entry.name} ({size_text(entry.bytes)}), verified." for entry in made.installed
    ]
    lines += [plain(f"Node {r.node}: {r.input} is {r.new} here.") for r in made.rewrites]
    if output is not None:
        lines.append(f"Wrote {output}, with the names of this machine.")
    elif made.rewrites:
        lines.append("The graph itself is unchanged: -o FILE writes it with these names.")
    return "\n".join([plan_text(path, made.plan), *lines])


def convert_text(path: Path, made: Conversion, output: Path | None) -> str:
    """One line per node, and one for each thing that is not as it was."""
    lines = [f"{path}:"]
    for entry in made.converted:
        rows = f", rows: {entry.rows}" if entry.rows else ""
        lines.append(f"node {entry.node}: {entry.old_type} becomes {entry.new_type}{rows}")
        lines += [f"  {note}" for note in entry.notes]
    lines += [f"node {kept.node}: {kept.type} stays. {kept.reason}" for kept in made.kept]
    if not made.converted and not made.kept:
        lines.append("It has no LoRA nodes of packs that are known here.")
    if output is not None:
        lines.append(f"Wrote {output}.")
    elif made.converted:
        lines.append("Nothing is changed yet: -o FILE writes the converted graph.")
    return "\n".join(plain(line) for line in lines)


def verify_text(path: Path, models: Sequence[VerifiedModel]) -> str:
    """One line per model, and what to do about those that nothing pins."""
    rows = [
        (model.model.identity.name, model.model.identity.kind, model.state, _here_as(model))
        for model in models
    ]
    unpinned = any(model.state == "unpinned" for model in models)
    note = "Unpinned: nothing says which bytes. `satchel lock --write` pins them as they are now."
    return _titled(path, rows, [note] if unpinned else [])


def _here_as(model: VerifiedModel) -> str:
    """Under which name the bytes are here, where that is not the workflow's."""
    wanted = host_name(model.model.identity.name)
    local = host_name(model.local.name) if model.local is not None else wanted
    return "" if local == wanted else f"here as {local}"


def identify_text(value: Mapping[str, Any]) -> str:
    """The facts that are known about a file."""
    rows = [(key, _fact_text(fact)) for key, fact in value.items() if key != "ruled_out"]
    known = [(key, text) for key, text in rows if text]
    if value["algorithm"] is None:
        known.append(("content", "no LoRA: nothing more is told from its header"))
    ruled_out = value.get("ruled_out") or {}
    sentences = [sentence for group in ruled_out.values() for sentence in group.values()]
    return "\n".join([table(known), *(f"  {sentence}" for sentence in dict.fromkeys(sentences))])


def no_models(folders: ModelFolders) -> str:
    """Says where was looked."""
    roots = sorted({str(root.parent) for roots in folders.roots.values() for root in roots})
    return f"No model files below {', '.join(roots[:3])}."


def _titled(path: Path, rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    body = table(rows) if rows else "It names no models."
    return "\n".join([f"{path}:", body, *notes])


def _fact_text(fact: Any) -> str:
    """Empty for what is not known."""
    if isinstance(fact, dict):
        known = {key: value for key, value in fact.items() if value is not None}
        return ", ".join(f"{key} {value}" for key, value in known.items())
    if isinstance(fact, list | tuple):
        return ", ".join(map(str, fact))
    return "" if fact is None else str(fact)
