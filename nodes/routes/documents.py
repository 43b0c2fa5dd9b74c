"""Workflows in the bodies of requests: read from JSON, from a file's bytes, from an upload."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from zipfile import ZipInfo

from ...satchel.errors import InvalidInputError
from ...satchel.folders import posix_name
from ...satchel.references import Reference, parse_reference
from ...satchel.workflow.archives import MAX_ENTRIES, Member
from ...satchel.workflow.author import build_lock
from ...satchel.workflow.bundle_reader import MODELS
from ...satchel.workflow.documents import WorkflowDocument, read_bundle, read_bytes, read_json
from ...satchel.workflow.export import PortableWorkflow, export, with_image
from ...satchel.workflow.references import with_references
from ...satchel.workspace import Workspace
from .. import host
from ..exchange import exchange
from .serving import count_in, text_in

MAX_REFERENCES = 200


def document_of(body: dict[str, Any]) -> WorkflowDocument:
    """The workflow that a body holds.

    Raises:
        InvalidInputError: it holds none.
        SatchelError: as the readers of `documents`.
    """
    name = body.get("name") if isinstance(body.get("name"), str) else "workflow"
    if "base64" in body:
        document = read_bytes(decoded(body, "base64"), str(name))
    elif "upload" in body:
        document = read_bundle(exchange().find(text_in(body, "upload")), str(name))
    elif "json" in body:
        document = read_json(body["json"], str(name))
    else:
        raise InvalidInputError(
            "The body names no workflow.",
            hint='Send the graph as {"json": {...}} or a file as {"base64": "..."}.',
        )
    if body.get("lock") is not None:
        document = document.with_lock(read_json(body["lock"], "lock").lock)
    return document


def decoded(body: dict[str, Any], key: str) -> bytes:
    """A file's bytes from a body.

    Raises:
        InvalidInputError: what stands there is no Base64.
    """
    try:
        return base64.b64decode(str(body[key]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(
            f"The text under {key} is not valid Base64.",
            hint="Send a file's bytes in standard Base64, without line breaks.",
        ) from error


def exported_document(body: dict[str, Any]) -> WorkflowDocument:
    """The workflow to export, in the picture that is to carry it, if the body has one."""
    document = document_of(body)
    return with_image(document, decoded(body, "image")) if "image" in body else document


def portable_of(
    document: WorkflowDocument,
    references: dict[tuple[str, str], Reference],
    workspace: Workspace,
) -> PortableWorkflow:
    """A workflow with its lock, made here and now."""
    packs = host.node_packs()
    lock = build_lock(document, workspace, host.versions(), packs)
    return export(document, with_references(lock, references, workspace), packs)


def models_in(body: dict[str, Any], key: str) -> set[tuple[str, str]] | None:
    """Models by (directory, name) from a body, if it lists some.

    Raises:
        InvalidInputError: it is malformed.
    """
    entries = body.get(key)
    if entries is None:
        return None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInputError(
            f"What stands under {key} is no list of models.",
            hint=f'Send "{key}": [{{"directory": "loras", "name": "x.safetensors"}}].',
        )
    return {(text_in(entry, "directory"), text_in(entry, "name")) for entry in entries}


def offered_in(body: dict[str, Any]) -> dict[str, Member]:
    """What `bundled` says of the models in a bundle that its owner has not handed over yet.

    Raises:
        InvalidInputError: it is malformed.
    """
    names, entries = models_in(body, "bundled") or (), body.get("bundled") or []
    if len(names) > MAX_ENTRIES:
        raise InvalidInputError(
            f"bundled lists more than {MAX_ENTRIES} models.", hint="No bundle has as many."
        )
    members = {}
    for entry in entries:
        name = f"{MODELS}{entry['directory']}/{posix_name(entry['name'])}"
        members[name] = Member(name, count_in(entry, "bytes"), ZipInfo(name))
    return members


def references_in(body: dict[str, Any]) -> dict[tuple[str, str], Reference]:
    """What a body says about where models are published, by directory and name.

    Raises:
        InvalidInputError: it is malformed, or a text is no reference.
    """
    entries = body.get("references", [])
    if (
        not isinstance(entries, list)
        or len(entries) > MAX_REFERENCES
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise InvalidInputError(
            f"references must be a list of at most {MAX_REFERENCES} objects.",
            hint='Send [{"directory": "loras", "name": "x.safetensors", "reference": "..."}].',
        )
    return {
        (text_in(entry, "directory"), text_in(entry, "name")): parse_reference(
            text_in(entry, "reference")
        )
        for entry in entries
    }
