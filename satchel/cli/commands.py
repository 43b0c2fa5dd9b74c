"""The commands: each takes the arguments and a workspace, and returns a value and a text."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InvalidInputError, SatchelError
from ..lora.presets import all_presets
from ..workflow.author import build_lock
from ..workflow.convert import convert
from ..workflow.documents import WorkflowDocument, read_file
from ..workflow.install import install
from ..workflow.plan import plan_document
from ..workflow.planned import Plan, host_name
from ..workflow.verify import VerifiedModel, verify_document
from ..workspace import Workspace
from . import auth, bundle, files, marketplace, outputs, queue, run_graph, texts, trained
from .result import Command, Result


def lock(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Pins the models of graphs."""
    locks, parts, complete = [], [], True
    for path in arguments.graphs:
        document = _read(path, arguments)
        _require_graph(path, document)
        made = build_lock(document, workspace)
        locks.append(made.to_json())
        notes = [*document.notes, *texts.lock_notes(document.lock, made)]
        notes += outputs.write_locks(
            path, document, made, write=arguments.write, embed=arguments.embed
        )
        parts.append(texts.lock_text(path, made, notes))
        complete = complete and all(model.identity.sha256 for model in made.models)
    return Result(locks, "\n\n".join(parts), 0 if complete else 1)


def plan(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Shows what graphs need."""
    plans = [
        (path, _planned(_read(path, arguments), arguments, workspace)) for path in arguments.graphs
    ]
    return Result(
        [made.to_json() for _, made in plans],
        "\n\n".join(texts.plan_text(path, made) for path, made in plans),
        0 if all(made.ok for _, made in plans) else 1,
        _complaints([made for _, made in plans], ("refused",)),
    )


def install_models(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Fetches what graphs need and is missing."""
    documents = [(path, _read(path, arguments)) for path in arguments.graphs]
    if arguments.output is not None:
        _check_output(arguments.output, documents)
    imported = [
        (path, install(document, _planned(document, arguments, workspace), workspace))
        for path, document in documents
    ]
    if arguments.output is not None:
        outputs.write_graph(arguments.output, imported[0][1].document)
    return Result(
        [made.to_json() for _, made in imported],
        "\n\n".join(texts.imported_text(path, made, arguments.output) for path, made in imported),
        0 if all(made.plan.ok for _, made in imported) else 1,
        _complaints([made.plan for _, made in imported], ("missing", "login", "gone", "refused")),
    )


def verify(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Hashes the models of graphs again."""
    checked = [
        (path, verify_document(_read(path, arguments), workspace)) for path in arguments.graphs
    ]
    return Result(
        [
            {"models": [model.to_json() for model in models], "ok": _all_verified(models)}
            for _, models in checked
        ],
        "\n\n".join(texts.verify_text(path, models) for path, models in checked),
        0 if all(_all_verified(models) for _, models in checked) else 1,
    )


def convert_nodes(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Puts LoRA Stacks in the place of other packs' LoRA nodes."""
    document = read_file(arguments.graph)
    _require_graph(arguments.graph, document)
    if arguments.output is not None:
        _check_output(arguments.output, [(arguments.graph, document)])
    names = [host_name(model.name) for model in workspace.folders.files(["loras"])]
    presets = all_presets(workspace.catalog.path.parent / "presets")
    # Without any file it is more likely that nobody said where they are.
    conversion = convert(document, names=names or None, presets=presets)
    if arguments.output is not None:
        outputs.write_graph(arguments.output, conversion.document)
    return Result(
        conversion.to_json(),
        texts.convert_text(arguments.graph, conversion, arguments.output),
        1 if conversion.kept else 0,
    )


COMMANDS: Mapping[str, Command] = {
    "lock": lock,
    "plan": plan,
    "install": install_models,
    "convert": convert_nodes,
    "verify": verify,
    **files.COMMANDS,
    **auth.COMMANDS,
    **bundle.COMMANDS,
    **run_graph.COMMANDS,
    **marketplace.COMMANDS,
    **trained.COMMANDS,
    **queue.COMMANDS,
}


def _read(path: Path, arguments: argparse.Namespace) -> WorkflowDocument:
    try:
        return read_file(path, arguments.lock)
    except SatchelError as error:
        error.details["file"] = path.name  # of several graphs, which
        raise


def _planned(
    document: WorkflowDocument, arguments: argparse.Namespace, workspace: Workspace
) -> Plan:
    return plan_document(document, workspace, include_optional=arguments.all)


def _require_graph(path: Path, document: WorkflowDocument) -> None:
    if document.ui is None and document.api is None:
        raise InvalidInputError(
            f"{path.name} is a lock without a graph.", hint="Give the graph itself."
        )


def _check_output(output: Path, documents: Sequence[tuple[Path, WorkflowDocument]]) -> None:
    """Before anything is fetched: whether its result could be written at all."""
    if len(documents) != 1:
        raise InvalidInputError("--output takes exactly one graph.", hint="Run them one by one.")
    _require_graph(*documents[0])
    if output.suffix.lower() == ".png" or not output.parent.is_dir():
        raise InvalidInputError(
            f"{output} cannot be written: it is to be a .json file in a folder that exists.",
            hint="Give another name to --output.",
        )


def _complaints(plans: Sequence[Plan], states: Sequence[str]) -> tuple[str, ...]:
    sentences = [
        f"{planned.model.identity.name} ({planned.state}): {planned.reason}"
        for made in plans
        for planned in made.models
        if planned.state in states and planned.wanted
    ]
    return tuple(dict.fromkeys(sentences))


def _all_verified(models: list[VerifiedModel]) -> bool:
    return all(model.state in ("verified", "renamed") for model in models)
