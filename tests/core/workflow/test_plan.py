"""What would have to happen: one row per state, and nothing is touched."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, embedded, stack_values, ui_graph, ui_node
from support.marketplace import Marketplace, Published
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.downloads.space import SPARE_BYTES
from satchel.errors import CancelledError
from satchel.folders import LocalModel
from satchel.identity import ModelIdentity, Source
from satchel.progress import Cancellation
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.plan import plan_document
from satchel.workflow.planned import Plan, PlannedModel
from satchel.workspace import Workspace

SHA = "0123456789abcdef" * 4
MODEL_KEYS = {"name", "directory", "state", "local", "source", "bytes", "reason", "used_by",
              "sha256", "fetch", "optional", "hints", "licence", "nsfw_level", "base_model",
              "trigger_words", "gated", "permissions", "known_source", "can_run_code"}  # fmt: skip


@pytest.fixture
def ink(tmp_path: Path) -> Path:
    """The file that the workflows of these tests want."""
    return write_safetensors(tmp_path / "author/ink.safetensors", seed=1)


@pytest.fixture
def published(market: Marketplace, ink: Path) -> Published:
    return market.publish(ink, model_name="Ink")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def source(published: Published, **fields: Any) -> Source:
    url = f"https://civitai.com/api/download/models/{published.version_id}"
    known = {"version_id": published.version_id, "file_id": published.file_id}
    return Source(**{"kind": "civitai", "url": url, **known, **fields})


def wanting(path: Path | None, *sources: Source, **fields: Any) -> WorkflowDocument:
    """A lock for one model with these bytes."""
    known = {"sha256": sha256_of(path), "size": path.stat().st_size} if path else {}
    identity = ModelIdentity(
        **{"kind": "loras", "name": "ink.safetensors", "sources": sources, **known, **fields}
    )
    return WorkflowDocument("x.json", lock=Lock((LockedModel(identity, ("4",)),)))


def planned(document: WorkflowDocument, workspace: Workspace, *, quick: bool = False) -> Any:
    """The plan's only model, after a look at the shape of the plan's JSON."""
    value = plan_document(document, workspace, quick=quick).to_json()
    assert set(value) == {"models", "node_packs", "bytes_to_fetch", "bytes_free", "ok",
                          "notes", "installable"}  # fmt: skip
    (model,) = value["models"]
    assert set(model) == MODEL_KEYS
    assert model["used_by"] == ["4"]
    return model


def put(workspace: Workspace, name: str, content: bytes, kind: str = "loras") -> Path:
    path = workspace.folders.first_root(kind) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def is_known(workspace: Workspace, path: Path) -> bool:
    """Whether a file has been hashed."""
    status = path.stat()
    model = LocalModel("loras", path.name, path, status.st_size, status.st_mtime_ns)
    return workspace.catalog.digests(model) is not None


# --- what is here ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "wanted", "state"),
    [
        ("ink.safetensors", "ink.safetensors", "present"),
        ("a/ink.safetensors", "a/ink.safetensors", "present"),
        ("a/ink.safetensors", "a\\ink.safetensors", "present"),
        ("a/ink.safetensors", "ink.safetensors", "present"),
        ("ink.safetensors", "b\\ink.safetensors", "present"),
        ("mine/other.safetensors", "ink.safetensors", "renamed"),
    ],
)
def test_a_model_that_is_here(
    recipient: Workspace, market: Marketplace, ink: Path, here: str, wanted: str, state: str
):
    put(recipient, here, ink.read_bytes())

    plan = plan_document(wanting(ink, name=wanted), recipient)

    model = plan.models[0].to_json()
    assert (model["state"], model["local"]) == (state, here.replace("/", os.sep))
    assert model["bytes"] == ink.stat().st_size
    assert (plan.ok, plan.installable, plan.bytes_to_fetch) == (True, False, 0)
    assert market.requests == []


def test_a_model_under_another_root_of_its_kind_is_found(tmp_path: Path, ink: Path):
    workspace = make_workspace(tmp_path / "recipient")
    second = tmp_path / "second"
    (second / "deep").mkdir(parents=True)
    (second / "deep/other.safetensors").write_bytes(ink.read_bytes())
    roots = {**workspace.folders.roots, "loras": (*workspace.folders.roots["loras"], second)}
    folders = replace(workspace.folders, roots=roots)

    model = planned(wanting(ink), replace(workspace, folders=folders))

    assert (model["state"], model["local"]) == (
        "renamed",
        os.path.join("deep", "other.safetensors"),
    )


def test_the_same_bytes_in_the_folder_of_another_kind_do_not_count(recipient: Workspace, ink: Path):
    put(recipient, "ink.safetensors", ink.read_bytes(), kind="vae")

    assert planned(wanting(ink), recipient)["state"] == "missing"


def test_a_file_of_that_name_with_other_bytes_is_not_taken(
    recipient: Workspace, published: Published, ink: Path
):
    other = ink.read_bytes()[:-1] + b"?"
    put(recipient, "ink.safetensors", other)

    model = planned(wanting(ink, source(published)), recipient)

    assert (model["state"], model["local"]) == ("missing", None)


def test_only_files_of_the_right_size_are_hashed(recipient: Workspace, ink: Path):
    shorter = put(recipient, "shorter.safetensors", ink.read_bytes()[:-1])
    longer = put(recipient, "ink.safetensors", ink.read_bytes() + b"x")
    same_size = put(recipient, "same.safetensors", b"x" * ink.stat().st_size)

    planned(wanting(ink), recipient)

    assert [is_known(recipient, path) for path in (shorter, longer, same_size)] == [
        False, False, True,
    ]  # fmt: skip


def test_without_a_size_only_the_file_of_that_name_is_hashed(recipient: Workspace, ink: Path):
    named = put(recipient, "ink.safetensors", b"x" * 100)
    other = put(recipient, "other.safetensors", ink.read_bytes())

    model = planned(wanting(ink, size=None), recipient)

    assert model["state"] == "missing"
    assert [is_known(recipient, path) for path in (named, other)] == [True, False]
    for local in recipient.folders.files(["loras"]):
        recipient.library().digests(local)
    assert planned(wanting(ink, size=None), recipient)["state"] == "renamed"


def test_a_model_whose_bytes_nobody_pinned_is_present_by_its_name(recipient: Workspace, ink: Path):
    path = put(recipient, "ink.safetensors", ink.read_bytes())

    model = planned(wanting(None), recipient)

    assert (model["state"], model["reason"]) == (
        "present",
        "It is here by name; the workflow does not say which bytes it needs.",
    )
    assert not is_known(recipient, path)


def test_a_model_whose_bytes_nobody_pinned_is_missing_when_it_is_not_here(recipient: Workspace):
    model = planned(wanting(None), recipient)

    assert model["state"] == "missing"
    assert model["reason"] == "The workflow does not say which bytes it needs."


# --- what is not here ---------------------------------------------------------------------------


def test_a_missing_model_says_where_it_comes_from(
    recipient: Workspace, published: Published, ink: Path
):
    plan = plan_document(wanting(ink, source(published)), recipient)

    model = plan.models[0].to_json()
    size = ink.stat().st_size
    assert (model["state"], model["source"], model["bytes"]) == ("missing", "civitai.com", size)
    assert (model["local"], model["reason"]) == (None, None)
    assert (plan.ok, plan.installable, plan.bytes_to_fetch) == (False, True, size)
    assert plan.bytes_free > SPARE_BYTES
    assert plan.to_fetch == list(plan.models)


def test_a_missing_model_without_a_source_is_looked_up_by_its_digest(
    recipient: Workspace, market: Marketplace, published: Published, ink: Path
):
    plan = plan_document(wanting(ink), recipient)

    assert plan.models[0].state == "missing"
    assert plan.models[0].model.identity.sources[0].version_id == published.version_id
    assert plan.installable
    assert market.requests[0].path == "/api/v1/model-versions/by-hash"


def test_a_model_that_nobody_knows_is_missing_with_the_reason(recipient: Workspace, ink: Path):
    plan = plan_document(wanting(ink), recipient)

    assert plan.models[0].state == "missing"
    assert plan.models[0].reason == (
        "No source is known for it, and no marketplace knows its SHA256."
    )
    assert not plan.installable


def test_a_model_behind_a_login(recipient: Workspace, market: Marketplace, ink: Path):
    published = market.publish(ink, model_name="Ink", require_login=True)

    plan = plan_document(wanting(ink, source(published)), recipient)

    assert plan.models[0].state == "login"
    assert "login" in plan.models[0].reason
    assert (plan.installable, plan.bytes_to_fetch) == (False, 0)


def test_a_model_behind_a_login_is_missing_once_there_is_a_token(tmp_path: Path, ink: Path):
    with Marketplace(keys=["secret"]) as market:
        published = market.publish(ink, model_name="Ink", require_login=True)
        workspace = make_workspace(tmp_path / "recipient", market, token="secret")

        assert planned(wanting(ink, source(published)), workspace)["state"] == "missing"


def test_a_model_that_was_taken_down_is_gone(recipient: Workspace, published: Published, ink: Path):
    model = planned(wanting(ink, source(published, version_id=1, file_id=None)), recipient)

    assert (model["state"], model["reason"]) == ("gone", "Civitai does not have it any more.")


def test_a_model_whose_file_was_replaced_is_gone(
    recipient: Workspace, published: Published, ink: Path
):
    model = planned(wanting(ink, source(published), sha256=SHA), recipient)

    assert model["state"] == "gone"
    assert model["reason"] == "Civitai now serves another file in its place."


def test_one_source_that_is_open_is_enough(recipient: Workspace, published: Published, ink: Path):
    dead = source(published, version_id=1, file_id=None)

    assert planned(wanting(ink, dead, source(published)), recipient)["state"] == "missing"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "../../x.safetensors"}, "The file name '../../x.safetensors' is refused"),
        ({"name": "..\\..\\x.safetensors"}, "is refused: it leaves its folder"),
        ({"name": "/etc/x.safetensors"}, "is refused"),
        ({"name": "C:\\x.safetensors"}, "is refused"),
        ({"name": "con.safetensors"}, "Windows reserves it"),
        ({"name": "a\u202ex.safetensors"}, "invisible"),
        ({"name": "x" * 300 + ".safetensors"}, "too long"),
        ({"name": "a\0b.safetensors"}, "is refused"),
        ({"kind": "custom_nodes"}, "The directory 'custom_nodes' is refused"),
        ({"kind": "configs"}, "The directory 'configs' is refused"),
        ({"kind": "../custom_nodes"}, "is refused: it is no model folder"),
        ({"kind": ""}, "is refused: it is no model folder"),
        ({"name": "ink.ckpt"}, "can run code"),
        ({"name": "ink.py"}, "no model file that Satchel installs"),
    ],
)
@pytest.mark.parametrize("quick", [False, True])
def test_names_folders_and_formats_that_are_refused(
    recipient: Workspace, market: Marketplace, published: Published, ink: Path,
    fields: dict[str, Any], sentence: str, quick: bool,
):  # fmt: skip
    model = planned(wanting(ink, source(published), **fields), recipient, quick=quick)

    assert model["state"] == "refused"
    assert sentence in model["reason"]
    assert market.requests == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"url": "https://evil.example/ink.safetensors"}, "outside the allowlist: evil.example"),
        ({"url": "https://civitai.com.evil.example/x"}, "outside the allowlist"),
        ({"url": "http://civitai.com/api/download/models/1"}, "not plain https"),
        ({"url": "https://civitai.com:8443/x"}, "not plain https"),
        ({"url": "https://user:pass@civitai.com/x"}, "with credentials"),
        ({"url": "https://169.254.169.254/latest"}, "outside the allowlist"),
        ({"url": "file:///etc/passwd"}, "Refused to open"),
        ({"url": "https://[::1/x"}, "malformed"),
        ({"url": "ink.safetensors"}, "Refused to open"),
        ({"kind": "torrent"}, "does not fetch from sources of the kind 'torrent'"),
    ],
)
def test_sources_that_are_refused(
    recipient: Workspace, market: Marketplace, published: Published, ink: Path,
    fields: dict[str, Any], sentence: str,
):  # fmt: skip
    model = planned(wanting(ink, source(published, **fields)), recipient)

    assert model["state"] == "refused"
    assert sentence in model["reason"]
    assert market.requests == []


def test_a_refused_source_beside_an_allowed_one_is_left_out(
    recipient: Workspace, published: Published, ink: Path
):
    evil = source(published, url="https://evil.example/x")

    plan = plan_document(wanting(ink, evil, source(published)), recipient)

    assert plan.models[0].state == "missing"
    assert [s.url for s in plan.models[0].model.identity.sources] == [source(published).url]


def test_a_pickle_is_missing_once_the_operator_allows_it(
    tmp_path: Path, market: Marketplace, published: Published, ink: Path
):
    workspace = make_workspace(tmp_path / "recipient", market, allow_pickle=True)

    model = planned(wanting(ink, source(published), name="ink.ckpt"), workspace)

    assert model["state"] == "missing"


def test_a_marketplace_that_is_down_is_a_reason_and_no_failure(tmp_path: Path, ink: Path):
    with Marketplace() as market:
        published = market.publish(ink, model_name="Ink")
        workspace = make_workspace(tmp_path / "recipient", market)

    known = plan_document(wanting(ink, source(published)), workspace)
    unknown = plan_document(wanting(ink), workspace)

    assert [known.models[0].state, unknown.models[0].state] == ["missing", "missing"]
    assert "cannot be reached" in known.models[0].reason
    assert known.installable  # trying may work
    assert "could not be looked up: 127.0.0.1 cannot be reached" in unknown.models[0].reason
    assert not unknown.installable


# --- a quick look ------------------------------------------------------------------------------


def test_a_quick_plan_reads_nothing_and_asks_nobody(
    recipient: Workspace, market: Marketplace, published: Published, ink: Path
):
    same_name = put(recipient, "ink.safetensors", ink.read_bytes())
    other = put(recipient, "other.safetensors", ink.read_bytes())

    present = planned(wanting(ink, source(published)), recipient, quick=True)
    missing = planned(wanting(ink, source(published), name="new.sft"), recipient, quick=True)
    sourceless = planned(wanting(ink, name="new.sft"), recipient, quick=True)

    assert present["state"] == "present"
    assert (missing["state"], missing["source"]) == ("missing", "civitai.com")
    assert sourceless["state"] == "missing"
    assert market.requests == []
    assert not is_known(recipient, same_name)
    assert not is_known(recipient, other)


def test_a_quick_plan_does_not_take_a_file_of_another_size(recipient: Workspace, ink: Path):
    put(recipient, "ink.safetensors", b"short")

    assert planned(wanting(ink), recipient, quick=True)["state"] == "missing"


def test_a_quick_plan_uses_what_is_known(recipient: Workspace, ink: Path):
    put(recipient, "other.safetensors", ink.read_bytes())
    put(recipient, "ink.safetensors", b"x" * ink.stat().st_size)
    for local in recipient.folders.files(["loras"]):
        recipient.library().digests(local)

    model = planned(wanting(ink), recipient, quick=True)

    assert (model["state"], model["local"]) == ("renamed", "other.safetensors")


# --- graphs without a lock -----------------------------------------------------------------------


def graph_of(*nodes: dict[str, Any]) -> WorkflowDocument:
    return read_json(ui_graph(*nodes), "x.json")


def test_a_graph_without_a_lock_is_planned_by_its_names(recipient: Workspace, ink: Path):
    put(recipient, "a/ink.safetensors", ink.read_bytes())
    document = graph_of(
        ui_node(4, "SatchelLoraStack", stack_values("a\\ink.safetensors", "absent.safetensors"))
    )

    plan = plan_document(document, recipient)

    assert [(m.model.identity.name, m.state) for m in plan.models] == [
        ("a/ink.safetensors", "present"), ("absent.safetensors", "missing"),
    ]  # fmt: skip
    assert (plan.ok, plan.installable) == (False, False)


def test_what_other_tools_embedded_is_used(recipient: Workspace, published: Published, ink: Path):
    url = f"https://civitai.com/api/download/models/{published.version_id}"
    node = ui_node(4, "LoraLoader", ["ink.safetensors", 1, 1],
                   **embedded("ink.safetensors", url, hash=sha256_of(ink).upper(),
                              hash_type="SHA256"))  # fmt: skip

    plan = plan_document(graph_of(node), recipient)

    (model,) = plan.models
    assert (model.state, model.model.identity.sha256) == ("missing", sha256_of(ink))
    assert plan.installable


@pytest.mark.parametrize(
    ("url", "fields", "state"),
    [
        ("https://huggingface.co/o/r/resolve/main/ink.safetensors", {}, "refused"),
        ("https://civitai.com/api/download/models/1", {"hash": "abc", "hash_type": "SHA256"},
         "missing"),
        ("https://civitai.com/api/download/models/1", {"hash": SHA, "hash_type": "BLAKE3"},
         "missing"),
        ("https://civitai.com/api/download/models/" + "9" * 5000, {}, "refused"),
        ("", {}, "missing"),
        (7, {"hash": [], "hash_type": {}}, "missing"),
    ],
)  # fmt: skip
def test_what_others_embedded_is_never_fetched_unpinned(
    recipient: Workspace, market: Marketplace, url: Any, fields: dict[str, Any], state: str
):
    node = ui_node(4, "LoraLoader", ["ink.sft", 1, 1], **embedded("ink.sft", url, **fields))

    plan = plan_document(graph_of(node), recipient)

    assert plan.models[0].state == state
    assert plan.models[0].reason
    assert not plan.installable
    assert market.requests == []


@pytest.mark.parametrize(
    ("here", "wanted", "state", "local"),
    [
        (["loras/ink.sft"], "ink.sft", "present", "ink.sft"),
        (["loras/a/ink.sft"], "ink.sft", "present", "a/ink.sft"),
        (["loras/a/ink.sft"], "b/ink.sft", "present", "a/ink.sft"),
        (["loras/a/ink.sft", "loras/ink.sft"], "ink.sft", "present", "ink.sft"),
        (["loras/ink.sft", "vae/ink.sft"], "ink.sft", "present", None),
        (["loras/pink.sft"], "ink.sft", "missing", None),
        ([], "ink.sft", "missing", None),
    ],
)
def test_a_model_that_only_a_custom_node_names(
    recipient: Workspace, here: list[str], wanted: str, state: str, local: str | None
):
    for seed, name in enumerate(here):
        kind, _, rest = name.partition("/")
        put(recipient, rest, bytes([seed]) * 50, kind=kind)
    document = read_json(api_graph(api_node("Power Lora", lora_1={"lora": wanted})), "x")

    (model,) = plan_document(document, recipient).models

    value = model.to_json()
    assert (value["state"], value["directory"]) == (state, "unknown")
    assert value["local"] == (local and local.replace("/", os.sep))


def test_the_lock_speaks_for_the_names_it_has_and_the_graph_for_the_rest(
    recipient: Workspace, published: Published, ink: Path
):
    lock = wanting(ink, source(published)).lock
    document = graph_of(
        ui_node(4, "LoraLoader", ["ink.safetensors"]),
        ui_node(5, "VAELoader", ["ink.safetensors"]),
        ui_node(6, "Power Lora", [{"lora": "ink.safetensors"}]),
    ).with_lock(lock)

    plan = plan_document(document, recipient)

    assert [(m.model.identity.kind, m.model.identity.sha256) for m in plan.models] == [
        ("loras", sha256_of(ink)), ("vae", None),
    ]  # fmt: skip


# --- sums --------------------------------------------------------------------------------------


def entry(state: Any, size: int | None, target: Path | None = None) -> PlannedModel:
    identity = ModelIdentity("loras", f"{state}{size}.sft", f"{size or 0:064x}", size)
    return PlannedModel(LockedModel(identity), state, target=target)


@pytest.mark.parametrize(
    ("entries", "free", "to_fetch", "ok", "installable"),
    [
        ((), 10**9, 0, True, False),
        ((entry("present", 5), entry("renamed", 5)), 10**9, 0, True, False),
        ((entry("missing", 5, Path("x")), entry("missing", 7, Path("y"))), 10**9, 12, False, True),
        ((entry("missing", 5, Path("x")), entry("missing", 5, Path("y"))), 10**9, 5, False, True),
        ((entry("missing", 5, Path("x")), entry("gone", 7)), 10**9, 5, False, True),
        ((entry("missing", None, Path("x")),), 10**9, 0, False, True),
        ((entry("missing", 5),), 10**9, 0, False, False),
        ((entry("login", 5), entry("refused", 5)), 10**9, 0, False, False),
        ((entry("missing", 6, Path("x")),), SPARE_BYTES + 5, 6, False, False),
        ((entry("missing", 5, Path("x")),), SPARE_BYTES + 5, 5, False, True),
    ],
)  # fmt: skip
def test_the_sums_of_a_plan(
    entries: tuple[PlannedModel, ...], free: int, to_fetch: int, ok: bool, installable: bool
):
    plan = Plan(entries, free)

    assert (plan.bytes_to_fetch, plan.ok, plan.installable) == (to_fetch, ok, installable)


def test_planning_leaves_no_trace_in_the_model_folders(
    recipient: Workspace, published: Published, ink: Path, tmp_path: Path
):
    plan_document(wanting(ink, source(published)), recipient)

    assert list((tmp_path / "recipient/models").rglob("*")) == []


def test_a_cancelled_plan_stops(recipient: Workspace, ink: Path):
    put(recipient, "other.safetensors", ink.read_bytes())
    cancellation = Cancellation()
    cancellation.cancel()

    with pytest.raises(CancelledError):
        plan_document(wanting(ink), recipient.watched(lambda _: None, cancellation))


def lock_of(*names: str) -> Lock:
    return Lock(tuple(LockedModel(ModelIdentity("loras", name, SHA, 10)) for name in names))


def test_a_model_that_the_edited_graph_no_longer_names_is_not_planned(recipient: Workspace):
    lock = lock_of("old.safetensors", "kept.safetensors")
    graph = {"1": {"class_type": "LoraLoader", "inputs": {"lora_name": "kept.safetensors"}}}

    plan = plan_document(read_json(graph, "edited").with_lock(lock), recipient, quick=True)

    assert [entry.model.identity.name for entry in plan.models] == ["kept.safetensors"]


def test_a_locked_model_in_a_text_that_is_not_understood_stays_planned(recipient: Workspace):
    lock = lock_of("ink.safetensors")
    graph = {"1": {"class_type": "Prompt", "inputs": {"text": "a cat <lora:ink:0.8>"}}}

    plan = plan_document(read_json(graph, "prompt").with_lock(lock), recipient, quick=True)

    assert [entry.model.identity.name for entry in plan.models] == ["ink.safetensors"]


def test_a_file_of_that_name_with_other_bytes_is_mentioned(
    recipient: Workspace, published: Published, ink: Path
):
    put(recipient, "ink.safetensors", b"something else")

    model = planned(wanting(ink, source(published)), recipient)

    assert (model["state"], model["fetch"]) == ("missing", True)
    assert "with other bytes" in model["reason"]
