"""Node packs: what a workflow was made with, what is here, and the command for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, subgraph, ui_graph, ui_node

from satchel.workflow.documents import read_json
from satchel.workflow.node_packs import installed_packs, packs_of, plan_packs

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def node(class_type: str, **properties: Any) -> dict[str, Any]:
    return ui_node(1, class_type, properties=properties)


def document(*nodes: dict[str, Any], **fields: Any) -> Any:
    return read_json(ui_graph(*nodes, **fields), "x.json")


def install_pack(
    root: Path, folder: str, *, project: str = "", remote: str = "", commit: str = "",
    packed: bool = False,
) -> None:  # fmt: skip
    """A pack as the registry or git leaves it."""
    path = root / folder
    path.mkdir(parents=True)
    if project:
        (path / "pyproject.toml").write_text(project)
    if remote:
        (path / ".git/refs/heads").mkdir(parents=True)
        (path / ".git/config").write_text(f'[remote "origin"]\n\turl = {remote}\n')
        (path / ".git/HEAD").write_text("ref: refs/heads/main\n")
        if packed:
            (path / ".git/packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
        else:
            (path / ".git/refs/heads/main").write_text(commit + "\n")


def test_packs_are_told_by_what_the_frontend_writes_on_nodes():
    inner = node("Deep", aux_id="owner/repo", ver=COMMIT)
    graph = document(
        node("A", cnr_id="rgthree-comfy", ver="1.0.0"),
        node("B", cnr_id="rgthree-comfy", ver="1.0.0"),
        node("KSampler", cnr_id="comfy-core", ver="0.3.0"),
        node("Plain"),
        subgraphs=[subgraph(inner)],
    )

    assert [(p.cnr_id, p.address, p.ver, p.node_types) for p in packs_of(graph)] == [
        ("rgthree-comfy", "", "1.0.0", ("A", "B")),
        ("", "https://github.com/owner/repo", COMMIT, ("Deep",)),
    ]


def locked(*packs: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "models": [], "node_packs": list(packs)}


def test_the_lock_counts_before_what_a_node_remembers():
    pack = {"cnr_id": "kjnodes", "version": "1.2", "node_types": ["X", "Gone"]}
    gone = {"cnr_id": "gone", "node_types": ["Gone"]}
    old = node("X", cnr_id="kjnodes", ver="1.0")
    graph = document(old, extra={"satchel": locked(pack, gone, {})})

    assert [(p.cnr_id, p.version, p.node_types) for p in packs_of(graph)] == [
        ("kjnodes", "1.2", ("X",)),
    ]


def test_a_lock_alone_names_all_its_packs():
    elsewhere = {"repository": "https://codeberg.org/ada/x", "commit": COMMIT}

    found = packs_of(read_json(locked({"cnr_id": "kjnodes"}, elsewhere, {}), "x.lock.json"))

    assert [(p.label, p.ver) for p in found] == [
        ("kjnodes", ""), ("codeberg.org/ada/x", COMMIT),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "properties",
    [
        {"cnr_id": "x; rm -rf ~"},
        {"cnr_id": "--help"},
        {"cnr_id": ["x"]},
        {"aux_id": "https://evil.example/$(id)"},
        {"aux_id": "../../x"},
        {"aux_id": "--upload-pack=x/y"},
        {"aux_id": 7},
    ],
)
def test_a_name_that_a_shell_could_misread_is_no_pack(properties: dict[str, Any]):
    assert packs_of(document(node("A", **properties))) == ()


@pytest.mark.parametrize(
    "pack",
    [
        {"cnr_id": "--help"},
        {"aux_id": "--upload-pack=x/y"},
        {"repository": "--upload-pack=x"},
        {"repository": "https://evil.example/$(id)"},
        {"repository": "ext::sh -c id"},
        {"repository": "https://codeberg.org/../x"},
        {"repository": "https://127.0.0.1/--x"},
    ],
)
def test_so_it_is_in_a_lock(pack: dict[str, Any]):
    assert packs_of(read_json(locked(pack), "x.lock.json")) == ()


def test_a_version_that_is_none_is_left_out():
    (pack,) = packs_of(document(node("A", cnr_id="x", ver="1 && id")))

    assert pack.version == ""


PROJECT = '[project]\nname = "rgthree-comfy"\nversion = "1.0.0"\n[tool.comfy]\nPublisherId = "x"\n'


@pytest.mark.parametrize(
    ("here", "wanted", "state", "command"),
    [
        ({"project": PROJECT}, {"cnr_id": "rgthree-comfy", "ver": "1.0.0"}, "installed", ""),
        ({"project": PROJECT}, {"cnr_id": "rgthree-comfy"}, "installed", ""),
        ({"project": PROJECT}, {"cnr_id": "rgthree-comfy", "ver": "2.0.0"}, "other_version",
         "comfy node install rgthree-comfy@2.0.0"),
        ({"project": PROJECT}, {"cnr_id": "other", "ver": "1.1"}, "missing",
         "comfy node install other@1.1"),
        ({"project": PROJECT}, {"cnr_id": "other", "ver": COMMIT}, "missing",
         "comfy node install other"),
        ({"remote": "https://github.com/o/r.git", "commit": COMMIT},
         {"aux_id": "o/r", "ver": COMMIT[:8]}, "installed", ""),
        ({"remote": "git@github.com:o/r.git", "commit": COMMIT, "packed": True},
         {"aux_id": "o/r", "ver": COMMIT}, "installed", ""),
        ({"remote": "https://github.com/o/r", "commit": "f" * 40}, {"aux_id": "o/r", "ver": COMMIT},
         "other_version",
         f"git clone https://github.com/o/r && git -C r checkout {COMMIT}"),
        ({}, {"aux_id": "o/r"}, "missing", "git clone https://github.com/o/r"),
        ({}, {"cnr_id": "Some-Folder"}, "installed", ""),
    ],
)  # fmt: skip
def test_a_pack_is_here_is_another_version_or_is_missing(
    tmp_path: Path, here: dict[str, Any], wanted: dict[str, Any], state: str, command: str
):
    install_pack(tmp_path, "some-folder", **here)

    (planned,) = plan_packs(document(node("A", **wanted)), [tmp_path])

    assert (planned.state, planned.command) == (state, command)


def test_disabled_packs_and_files_do_not_count(tmp_path: Path):
    install_pack(tmp_path, "off.disabled")
    install_pack(tmp_path, ".hidden")
    (tmp_path / "websocket_image_save.py").touch()

    assert list(installed_packs([tmp_path, tmp_path / "absent"])) == []


def test_where_no_comfyui_is_known_nothing_is_said_about_packs():
    assert plan_packs(document(node("A", cnr_id="x")), None) == ()


def test_an_api_graph_says_nothing_about_packs(tmp_path: Path):
    graph = read_json(api_graph(api_node("A")), "x.json")

    assert plan_packs(graph, [tmp_path]) == ()
