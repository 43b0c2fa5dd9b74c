"""`satchel plan`: for programs, for people, with a lock from elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Run, written
from support.graphs import api_graph, api_node, ui_graph
from support.marketplace import Published

PLAN_KEYS = {"models", "node_packs", "notes", "bytes_to_fetch", "bytes_free", "ok", "installable"}
PLANNED_KEYS = {"name", "directory", "state", "local", "source", "bytes", "fetch", "reason",
                "used_by", "sha256", "optional", "hints", "licence", "nsfw_level", "base_model",
                "trigger_words", "gated", "permissions", "known_source",
                "can_run_code"}  # fmt: skip


def test_plan_prints_a_list_of_plans(
    run: Run, portable: Path, graph: Path, author: Path, recipient: Path
):
    outcome = run("plan", portable, graph, "--models", recipient, "--json")

    assert (outcome.status, outcome.err) == (1, "")
    pinned, named = outcome.json
    for plan in (pinned, named):
        assert set(plan) == PLAN_KEYS
        assert all(set(model) == PLANNED_KEYS for model in plan["models"])
    assert [model["state"] for model in pinned["models"]] == ["missing", "missing"]
    sizes = [path.stat().st_size for path in author.rglob("*.safetensors")]
    assert pinned["bytes_to_fetch"] == sum(sizes)
    assert pinned["installable"]
    assert not named["installable"]
    assert run("plan", portable, "--models", author).status == 0


def test_plan_is_a_table_for_people(run: Run, portable: Path, recipient: Path, author: Path):
    (recipient / "loras").mkdir()
    shutil.copy(author / "loras/style/ink.safetensors", recipient / "loras/mine.safetensors")

    outcome = run("plan", portable, "--models", recipient)

    assert "renamed  ink.safetensors  loras  16.5 kB  here as mine.safetensors" in outcome.out
    assert "missing  v.safetensors" in outcome.out
    assert "from civitai.com" in outcome.out
    assert "To fetch: 8.3 kB; free: " in outcome.out


def test_a_lock_may_be_given_with_a_graph(
    run: Run, api: Path, author: Path, recipient: Path, published: dict[str, Published]
):
    made = run("lock", api, "--models", author, "--json").json[0]
    lock = written(api.with_name("elsewhere.json"), made)
    # the one that is named goes before the one that happens to lie beside it
    written(api.with_name("landscape.lock.json"), {"version": 1, "models": []})

    plan = run("plan", api, "--lock", lock, "--models", recipient, "--json").json[0]

    assert all(model["sha256"] for model in plan["models"])


@pytest.mark.parametrize(
    "content",
    [b"{", b"{}", {"version": 2, "models": []}, {"version": 1, "models": [7]},
     api_graph(api_node("KSampler")), ui_graph()],
)  # fmt: skip
def test_a_lock_that_is_none_is_bad_input(run: Run, api: Path, author: Path, content: Any):
    lock = written(api.with_name("lock.json"), content)

    outcome = run("plan", api, "--lock", lock, "--models", author)

    assert (outcome.status, outcome.out) == (2, "")
    assert "lock" in outcome.err
