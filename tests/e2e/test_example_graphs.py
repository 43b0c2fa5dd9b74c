"""The example graphs in workflows/, opened and run as a user would, on small stand-in models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from satchel_tools.base_directory import PACK_NAME
from satchel_tools.comfyui import ComfyUI
from satchel_tools.example_models import graphs, make_example_models, models_of
from satchel_tools.host import Host

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

GRAPHS = graphs()
SMALLER = {"EmptyLatentImage": {"width": 64, "height": 64}, "KSampler": {"steps": 1}}
"""What is changed before a graph runs: the size of its picture, and for how many steps."""


@pytest.fixture(scope="module")
def example_models(comfy: ComfyUI, host: Host, family_models: Path) -> Iterator[None]:
    """All models that the graphs list, under their published names."""
    models = comfy.base / "models"
    before = {path for path in models.rglob("*") if path.is_file()}
    make_example_models(host, family_models, models)
    yield
    for path in models.rglob("*"):
        if path.is_file() and path not in before:
            path.unlink()


@pytest.fixture(params=GRAPHS)
def example(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, GRAPHS[request.param]


@pytest.mark.usefixtures("example_models")
def test_an_example_opens_without_complaint_and_runs(
    open_page: OpenPage, comfy: ComfyUI, example: tuple[str, dict[str, Any]]
) -> None:
    name, graph = example
    page = open_page("nodes2")

    page.load(graph, name=name)
    prompt = page.export()

    assert page.missing_models() == []
    assert page.page.get_by_role("dialog").count() == 0
    known = comfy.get_json("/object_info")
    for node in prompt.values():
        declared = known[node["class_type"]]["input"]
        names = {name for group in ("required", "optional") for name in declared.get(group, ())}
        rows = node["class_type"] == "SatchelLoraStack"  # takes any number of them, undeclared
        assert rows or set(node["inputs"]) <= names
        node["inputs"] |= SMALLER.get(node["class_type"], {})
    entry = comfy.run_prompt(prompt)
    shown = {id for id, node in prompt.items() if known[node["class_type"]]["output_node"]}
    assert shown
    assert shown <= set(entry["outputs"])  # a node in between may show a picture of its own


def test_an_example_lists_each_model_that_it_names_and_where_to_get_it(
    example: tuple[str, dict[str, Any]],
) -> None:
    """The frontend offers to download what a node lists."""
    graph = example[1]
    text = str([node.get("widgets_values") for node in graph["nodes"]])
    for model in models_of(graph):
        assert model["name"].removesuffix(".safetensors") in text
        assert model["url"].startswith("https://huggingface.co/")
        assert model["url"].endswith("/" + model["name"])
    listed = {model["name"] for model in models_of(graph)}
    named = {value for node in graph["nodes"] for value in node.get("widgets_values") or ()
             if str(value).endswith(".safetensors")}  # fmt: skip
    assert named <= listed


def test_an_example_explains_itself(example: tuple[str, dict[str, Any]]) -> None:
    notes = [n["widgets_values"][0] for n in example[1]["nodes"] if n["type"] == "MarkdownNote"]

    assert len(notes) == 1
    assert notes[0].startswith("## ")


def test_the_template_browser_gets_every_example_with_a_picture(comfy: ComfyUI) -> None:
    offered = comfy.get_json("/workflow_templates")[PACK_NAME]

    assert sorted(offered) == sorted(GRAPHS)
    for name in offered:
        status, picture = comfy.request("GET", f"/api/workflow_templates/{PACK_NAME}/{name}.jpg")
        assert status == 200
        assert picture.startswith(b"\xff\xd8")
