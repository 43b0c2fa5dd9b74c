"""Models by what they are: facts about a file, a file by its reference, a search."""

from __future__ import annotations

import shlex
from typing import Any

from comfy_api.latest import io

from ..satchel.errors import InstallNotAllowedError, ModelNotFoundError
from ..satchel.examine import examine
from ..satchel.folders import LocalModel
from ..satchel.local_references import find_named, find_referenced, is_pinned
from ..satchel.marketplaces.records import PublishedVersion, SearchQuery
from ..satchel.model_info import ModelInfo, model_info
from ..satchel.obtain import obtain
from ..satchel.progress import Progress
from ..satchel.references import Reference, parse_reference, to_text
from ..satchel.resolving import licence_text
from ..satchel.searching import Searched, search_marketplaces
from ..satchel.settings import SOURCES
from ..satchel.workflow.planned import host_name
from ..satchel.workspace import Workspace
from . import host
from .planning import told_to_user
from .workspace import workspace

ALL = "all"
DEFAULT_KIND = "loras"
MAX_RESULTS = 50


def _kinds() -> list[str]:
    return sorted(host.model_folders().roots)


class SatchelModelInfo(io.ComfyNode):
    """What a model file is, from the catalog and its header."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelModelInfo",
            display_name="Model Info (Satchel)",
            category="Satchel/Models",
            description="Digests, AIR, base model, trigger words and licence of a model file.",
            search_aliases=["model hash", "sha256", "civitai info", "licence", "license", "air"],
            inputs=[
                io.Combo.Input(
                    "kind", options=_kinds(), default=DEFAULT_KIND,
                    tooltip="The model folder that the file is in.",
                ),
                io.String.Input(
                    "name", default="",
                    tooltip="The file's name, with its folders or without, as a loader lists it.",
                ),
                io.Boolean.Input(
                    "hash", default=False, optional=True,
                    tooltip="Hash the file if nobody has yet: about a second for each gigabyte.",
                ),
            ],
            outputs=[
                io.String.Output("sha256", display_name="SHA256"),
                io.String.Output("autov3", display_name="AutoV3"),
                io.String.Output("air", display_name="AIR"),
                io.String.Output("base_model", display_name="base model"),
                io.String.Output("trigger_words", display_name="trigger words"),
                io.String.Output("licence", display_name="licence"),
                io.String.Output(
                    "info", display_name="info", tooltip="All of it, one fact in each line."
                ),
            ],
        )  # fmt: skip

    @classmethod
    def fingerprint_inputs(cls, kind: str = "", name: str = "", hash: bool = False) -> Any:
        with told_to_user():
            return _stamp(find_named(kind, name, workspace()) if name else None)

    @classmethod
    def execute(cls, kind: str, name: str, hash: bool = False) -> io.NodeOutput:
        with told_to_user():
            space = workspace().watched(_teller())
            model = find_named(kind, name, space)
            if model is None:
                raise ModelNotFoundError(
                    f"{name!r} is in none of the {kind} folders.",
                    hint="Copy the name from a loader's list.",
                    name=name,
                    directory=kind,
                )
            if hash and space.catalog.digests(model) is None:
                examine(model, space.catalog, report=space.report)
            (info,) = model_info([model], space.catalog)
        return io.NodeOutput(*_facts(info))


class SatchelResolveModel(io.ComfyNode):
    """The local file that a reference means."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelResolveModel",
            display_name="Resolve Model (Satchel)",
            category="Satchel/Models",
            description="The local file that a digest, an AIR, a page or a name means.",
            search_aliases=["air", "civitai", "hugging face", "download model", "sha256", "urn"],
            inputs=[
                io.String.Input(
                    "reference", default="",
                    tooltip="SHA256, AIR, URL of Civitai or Hugging Face, or a file's name.",
                ),
                io.Combo.Input(
                    "kind", options=_kinds(), default=DEFAULT_KIND,
                    tooltip="The model folder that it is in, or belongs in.",
                ),
            ],
            outputs=[
                # Any type: the host lets no COMBO into the lists of its older loaders.
                io.AnyType.Output(
                    "name", display_name="name", tooltip="For the list of a loader of that kind."
                ),
                io.String.Output(
                    "text", display_name="name as text", tooltip="For Model Info and other texts."
                ),
                io.String.Output(
                    "sha256", display_name="SHA256", tooltip="Empty if nobody has hashed it yet."
                ),
            ],
        )  # fmt: skip

    @classmethod
    def fingerprint_inputs(cls, reference: str = "", kind: str = "") -> Any:
        if not reference.strip():
            return None
        with told_to_user():
            return _stamp(find_referenced(parse_reference(reference), kind, workspace()))

    @classmethod
    def execute(cls, reference: str, kind: str) -> io.NodeOutput:
        with told_to_user():
            space = workspace().watched(_teller())
            wanted = parse_reference(reference)
            model = find_referenced(wanted, kind, space) or _fetched(wanted, kind, space)
            digests = space.catalog.digests(model)
        name = host_name(model.name)
        return io.NodeOutput(name, name, digests.sha256 if digests else "")


class SatchelSearchMarketplace(io.ComfyNode):
    """Published models by name, where the operator lets nodes ask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelSearchMarketplace",
            display_name="Search Marketplace (Satchel)",
            category="Satchel/Models",
            description="Looks for published models. Only where the server's operator allows it.",
            search_aliases=["civitai search", "find model", "hugging face search"],
            inputs=[
                io.String.Input("query", default="", tooltip="Words of a model's name."),
                io.Combo.Input(
                    "source", options=[ALL, *SOURCES], default=ALL, optional=True,
                    tooltip="Where to look.",
                ),
                io.Combo.Input(
                    "kind", options=[ALL, *_kinds()], default=ALL, optional=True,
                    tooltip="Which kind of models.",
                ),
                io.String.Input(
                    "base_model", default="", optional=True,
                    tooltip="As the marketplace writes it, such as SDXL 1.0.",
                ),
                io.Int.Input(
                    "limit", default=10, min=1, max=MAX_RESULTS, optional=True,
                    tooltip="Models of each source.",
                ),
            ],
            outputs=[
                io.String.Output("results", display_name="results", tooltip="One model per line."),
                io.String.Output(
                    "references", display_name="references",
                    tooltip="An AIR, or else a page, for each of them; Resolve Model takes it.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, query: str, source: str = ALL, kind: str = ALL, base_model: str = "", limit: int = 10
    ) -> io.NodeOutput:
        with told_to_user():
            space = workspace().watched(_teller())
            if space.settings.node_downloads != "allow":
                raise InstallNotAllowedError(
                    "Nodes of this server ask no marketplace.",
                    hint=f"Search with: satchel search {shlex.quote(query)} . The operator can let"
                    " nodes ask with SATCHEL_NODE_DOWNLOADS=allow.",
                )
            wanted = SearchQuery(
                text=query,
                kinds=() if kind == ALL else (kind,),
                base_models=(base_model.strip(),) if base_model.strip() else (),
                limit=limit,
            )
            only = None if source == ALL else source
            found = search_marketplaces(wanted, space.resolver(), only)
        versions = [version for page in found.pages.values() for version in page.versions]
        references = [version.air or version.page_url for version in versions]
        return io.NodeOutput(_results(versions, found), "\n".join(references))


def _stamp(model: LocalModel | None) -> Any:
    return None if model is None else [model.key, model.size, model.mtime_ns]


def _teller() -> Any:
    """Shows progress on the running node, and lets the user stop it."""
    tell = host.node_bytes()

    def report(progress: Progress) -> None:
        tell(progress.done, progress.total)

    return report


def _fetched(reference: Reference, kind: str, space: Workspace) -> LocalModel:
    """Fetches what is not here, if the operator lets nodes do that and it is pinned.

    Raises:
        InstallNotAllowedError: one of both is not so.
        SatchelError: as `obtain`.
    """
    text = to_text(reference)
    command = f"satchel get {shlex.quote(text)} --to {kind}"
    if space.settings.node_downloads != "allow":
        raise InstallNotAllowedError(
            f"{text} is not in the {kind} folders, as far as is known here, and nodes of this"
            " server download nothing.",
            hint=f"Fetch it with: {command}",
        )
    if not is_pinned(reference):
        raise InstallNotAllowedError(
            f"{text} may be other bytes tomorrow, and nodes download only what is pinned.",
            hint=f"Name a version, a commit or a SHA256, or fetch it with: {command}",
        )
    return obtain(reference, kind, space, pinned_only=True).model


def _facts(info: ModelInfo) -> tuple[str, ...]:
    """The outputs of Model Info; what is not known is empty."""
    value = info.to_json()
    words, licence = ", ".join(info.trigger_words), licence_text(value)
    told = {
        "file": value["name"],
        "SHA256": value["sha256"] or "not hashed yet",
        "AutoV3": value["autov3"],
        "model": " ".join(filter(None, (value["model"], value["version"]))),
        "known by": "" if info.identified == "no" else info.identified,
        "AIR": value["air"],
        "page": value["page"],
        "base model": value["base_model"],
        "trigger words": words,
        "licence": licence,
    }
    return (
        value["sha256"] or "", value["autov3"] or "", value["air"] or "",
        value["base_model"] or "", words, licence,
        "\n".join(f"{name}: {fact}" for name, fact in told.items() if fact),
    )  # fmt: skip


def _results(versions: list[PublishedVersion], found: Searched) -> str:
    lines = [
        " | ".join(
            (version.model_name, version.version_name, version.model_type, version.base_model,
             version.author, version.air or version.page_url)
        )
        for version in versions
    ]  # fmt: skip
    return "\n".join([*(lines or ["Nothing was found."]), *found.complaints])


MODEL_NODES: list[type[io.ComfyNode]] = [
    SatchelModelInfo, SatchelResolveModel, SatchelSearchMarketplace,
]  # fmt: skip
