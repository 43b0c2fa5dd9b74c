"""`satchel bundle` and `satchel diff`: whole workflows in one file, and what differs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InvalidInputError
from ..workflow.archives import Archive
from ..workflow.author import build_lock
from ..workflow.bundle import bundle_contents, unpack_bundle, write_bundle
from ..workflow.diff import Difference, diff_documents, diff_machine
from ..workflow.documents import read_file
from ..workflow.export import export
from ..workspace import Workspace
from .result import Command, Result
from .terminal import plain, size_text


def bundle(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Packs a workflow, or unpacks a bundle."""
    return (_open if arguments.open else _pack)(arguments, workspace)


def _pack(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    graph: Path = arguments.graph
    document = read_file(graph, arguments.lock)
    if document.ui is None and document.api is None:
        raise InvalidInputError(
            f"{graph.name} is a lock without a graph.", hint="Give the graph itself."
        )
    name = graph.name.partition(".")[0] or "workflow"
    target: Path = arguments.output or graph.with_name(f"{name}.zip")
    if target.suffix.lower() != ".zip" or not target.parent.is_dir():
        raise InvalidInputError(
            f"{target} cannot be written: it is to be a .zip file in a folder that exists.",
            hint="Give another name to --output.",
        )
    if target.exists() and graph.exists() and target.samefile(graph):
        raise InvalidInputError(
            f"{target} would be written over the workflow itself.",
            hint="Give another name to --output.",
        )
    portable = export(document, build_lock(document, workspace))
    contents = bundle_contents(
        name, portable, workspace,
        inputs=arguments.inputs or _input_folder(workspace), with_models=arguments.with_models,
    )  # fmt: skip
    write_bundle(target, contents)
    size = target.stat().st_size
    entries = sorted({*contents.texts, *contents.files})
    value = {"path": str(target), "bytes": size, "entries": entries,
             "left_out": contents.left_out, "removed": list(portable.removed)}  # fmt: skip
    lines = [f"Wrote {target} ({size_text(size)}):", *(f"  {plain(entry)}" for entry in entries)]
    lines += [plain(f"Removed: {sentence}") for sentence in portable.removed]
    return Result(value, "\n".join(lines), 1 if contents.left_out else 0, tuple(contents.left_out))


def _input_folder(workspace: Workspace) -> Path | None:
    """The input folder of the ComfyUI that is worked with, if that is one."""
    for packs in workspace.custom_nodes or ():
        if (packs.parent / "input").is_dir():
            return packs.parent / "input"
    return None


def _open(arguments: argparse.Namespace, _: Workspace) -> Result:
    path: Path = arguments.graph
    if not path.is_file():
        raise InvalidInputError(f"{path} is no file.", hint="Give the path of a bundle.")
    target: Path = arguments.output or path.with_suffix("")
    written = unpack_bundle(Archive(path, path.name), target)
    value = {"path": str(target), "files": [str(file) for file in written]}
    return Result(value, "\n".join(f"Wrote {plain(str(file))}." for file in written))


def diff(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Compares a lock with another one, or with this machine."""
    document = read_file(arguments.old, arguments.lock)
    if arguments.new is None:
        found = diff_machine(document, workspace)
    else:
        found = diff_documents(document, read_file(arguments.new))
    value = {"same": not found, "differences": [each.to_json() for each in found]}
    return Result(value, _diff_text(found), 1 if found else 0)


def _diff_text(found: Sequence[Difference]) -> str:
    if not found:
        return "No differences."
    counts = ", ".join(
        f"{sum(each.sign == sign for each in found)} {word}"
        for sign, word in (("+", "added"), ("-", "missing"), ("~", "changed"))
    )
    return "\n".join([*map(_line, found), f"{counts}."])


def _line(each: Difference) -> str:
    subject = {"model": "", "node_pack": "node pack ", "host": "host "}[each.subject]
    name = f"{each.directory}/{each.name}" if each.directory else each.name
    told = f"{each.old} -> {each.new}" if each.old and each.new else each.old or each.new
    detail = f"  {told}" if told else ""
    return plain(f"{each.sign} {subject}{name}{detail}  ({each.what})")


COMMANDS: Mapping[str, Command] = {"bundle": bundle, "diff": diff}
