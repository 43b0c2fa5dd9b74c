"""The `satchel` command: what it prints, what it returns, what it refuses."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.graphs import (
    api_graph,
    api_node,
    png_image,
    stack_values,
    text_chunk,
    ui_graph,
    ui_node,
)
from support.marketplace import Marketplace, Published
from support.models import write_safetensors

from satchel import __version__
from satchel.cli import main
from satchel.cli.arguments import parser
from satchel.lora.architectures import ARCHITECTURES
from satchel.lora.dialects import DIALECTS
from satchel.workflow.containers import png, webp

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/lock.schema.json").read_text(encoding="utf-8"))
COMMANDS = (
    "lock", "plan", "install", "diff", "bundle", "run", "convert", "verify", "scan", "identify",
    "find", "updates", "get",
)  # fmt: skip
PLAN_KEYS = {"models", "node_packs", "notes", "bytes_to_fetch", "bytes_free", "ok", "installable"}
PLANNED_KEYS = {"name", "directory", "state", "local", "source", "bytes", "fetch", "reason",
                "used_by", "sha256", "optional", "hints", "licence", "nsfw_level", "base_model",
                "trigger_words", "gated", "permissions", "known_source",
                "can_run_code"}  # fmt: skip
IDENTIFY_KEYS = {"name", "path", "size", "sha256", "autov3", "kind", "architecture", "candidates",
                 "dialect", "algorithm", "rank", "trainer", "trigger_words",
                 "claimed_base_model", "training_resolution", "digests", "unavailable", "claims",
                 "published"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run printed and returned."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process."""

    def satchel(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse
            status = int(stopped.code or 0)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Outcome(status, printed.out, printed.err)

    return satchel


@pytest.fixture
def environment(tmp_path: Path, market: Marketplace) -> dict[str, str]:
    return {
        **market.environment,
        "SATCHEL_CATALOG": str(tmp_path / "catalog.sqlite3"),
    }


@pytest.fixture
def market() -> Iterator[Marketplace]:
    with Marketplace(keys=["a-key"]) as running:
        yield running


@pytest.fixture(autouse=True)
def _operator(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def author(tmp_path: Path) -> Path:
    """The author's models folder: a LoRA and a VAE."""
    models = tmp_path / "author"
    write_safetensors(models / "loras/style/ink.safetensors", {"w": (64, 64)}, seed=1)
    write_safetensors(models / "vae/v.safetensors", {"w": (64, 32)}, seed=2)
    return models


@pytest.fixture
def recipient(tmp_path: Path) -> Path:
    """The recipient's models folder, empty."""
    models = tmp_path / "recipient"
    models.mkdir()
    return models


@pytest.fixture
def published(market: Marketplace, author: Path) -> dict[str, Published]:
    return {
        "ink": market.publish(author / "loras/style/ink.safetensors", model_name="Ink"),
        "v": market.publish(author / "vae/v.safetensors", model_name="V", type="VAE"),
    }


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return written(
        tmp_path / "portrait.json",
        ui_graph(
            ui_node(1, "SatchelLoraStack", stack_values("style/ink.safetensors")),
            ui_node(2, "VAELoader", ["v.safetensors"]),
        ),
    )


@pytest.fixture
def api(tmp_path: Path) -> Path:
    return written(
        tmp_path / "landscape.json",
        api_graph(
            api_node("LoraLoader", lora_name="style/ink.safetensors"),
            api_node("VAELoader", vae_name="v.safetensors"),
        ),
    )


@pytest.fixture
def portable(run: Run, graph: Path, author: Path, published: dict[str, Published]) -> Path:
    """The graph as its author exported it."""
    assert run("lock", "--embed", "--models", author, graph).status == 0
    return graph.with_name("portrait.portable.json")


def written(path: Path, value: Any) -> Path:
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_files(models: Path) -> list[str]:
    """Everything in a models folder, unfinished files included, except what was set aside."""
    return sorted(
        path.relative_to(models).as_posix()
        for path in models.rglob("*")
        if path.is_file() and path.suffix != ".quarantine"
    )


def edited_lock(graph: Path, **model: Any) -> Path:
    """The LoRA of an exported graph's lock, changed; written beside it as a lock of its own."""
    lock = json.loads(graph.read_bytes())["extra"]["satchel"]
    lock["models"] = [{**m, **model} for m in lock["models"] if m["directory"] == "loras"]
    return written(graph.with_name("hostile.lock.json"), lock)


# --- the shape of the command ------------------------------------------------------------------


def test_help_names_every_command(run: Run):
    outcome = run("--help")

    assert outcome.status == 0
    assert all(command in outcome.out for command in COMMANDS)
    assert "exit status: 0 fine" in outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_the_common_options(run: Run, command: str):
    outcome = run(command, "--help")

    assert outcome.status == 0
    assert "--json" in outcome.out
    assert ("--models" in outcome.out) is (command != "run")  # whose models are the server's


def parsers(found: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield found
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def test_every_argument_of_every_command_says_what_it_is():
    silent = [
        f"{found.prog} {action.metavar or action.dest}"
        for found in parsers(parser())
        for action in found._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]

    assert silent == []


def test_the_examples_in_the_help_are_commands_that_are_accepted():
    examples = [
        line.strip().partition("   ")[0]
        for found in parsers(parser())
        for line in (found.epilog or "").splitlines()
        if line.startswith("  satchel ") and "COMMAND" not in line
    ]

    assert len(examples) > 20
    for example in examples:
        parser().parse_args(shlex.split(example)[1:])  # exits where it is none


def test_the_version_is_printed(run: Run):
    assert run("--version").out == f"satchel {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["plan"], ["lock"], ["identify"], ["get"], ["plan", "--fast", "x.json"],
     ["get", "x", "--to", "custom_nodes"]],
)  # fmt: skip
def test_bad_usage_is_status_2(run: Run, arguments: list[str]):
    outcome = run(*arguments)

    assert outcome.status == 2
    assert outcome.out == ""
    assert "usage: satchel" in outcome.err


def satchel_process(*arguments: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "satchel", *map(str, arguments)],
        cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60, **settings,
    )  # fmt: skip


def test_the_module_runs_as_a_program(graph: Path, author: Path):
    fine = satchel_process("plan", graph, "--models", author, "--json")
    bad = satchel_process("plan", graph.with_name("absent.json"), "--models", author)

    assert (fine.returncode, json.loads(fine.stdout)[0]["ok"], fine.stderr) == (0, True, "")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "absent.json does not exist." in bad.stderr


def test_a_reader_that_stops_early_is_no_failure(author: Path, tmp_path: Path):
    for number in range(300):
        (author / f"loras/{'long name ' * 20}{number}.safetensors").touch()
    command = [sys.executable, "-m", "satchel", "scan", "--models", str(author)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == ""


def test_names_that_the_terminal_cannot_show_do_no_harm(tmp_path: Path, author: Path):
    (author / "loras/墨絵.safetensors").touch()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    done = satchel_process("scan", "--models", author, env=environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u58a8" in done.stdout


# --- where the models live -----------------------------------------------------------------------


def comfyui_folder(author: Path) -> Path:
    comfyui = author.parent / "ComfyUI"
    shutil.copytree(author, comfyui / "models")
    return comfyui


def extra_model_paths(author: Path) -> Path:
    path = author.parent / "extra_model_paths.yaml"
    path.write_text(f"mine:\n  base_path: {author}\n  loras: loras/\n  vae: vae/\n")
    return path


@pytest.mark.parametrize("location", [lambda author: author, comfyui_folder, extra_model_paths])
def test_models_may_be_a_models_folder_a_comfyui_or_a_yaml(
    run: Run, graph: Path, author: Path, location: Callable[[Path], Path]
):
    assert run("plan", graph, "--models", location(author)).status == 0


def test_the_environment_may_say_where_models_live(
    run: Run, graph: Path, author: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SATCHEL_MODELS", str(author))

    assert run("plan", graph).status == 0


def test_a_comfyui_that_one_stands_in_is_used(
    run: Run, graph: Path, author: Path, monkeypatch: pytest.MonkeyPatch
):
    comfyui = comfyui_folder(author)
    (comfyui / "custom_nodes").mkdir()
    monkeypatch.chdir(comfyui)

    assert run("plan", graph).status == 0


def test_without_models_one_is_told_what_to_say(
    run: Run, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)

    outcome = run("plan", graph)

    assert outcome.status == 2
    assert "--models DIR" in outcome.err


@pytest.mark.parametrize("content", [None, "{", "a: b: c", "- 1", "mine:\n  other: x\n"])
def test_models_that_are_nowhere_are_bad_input(
    run: Run, graph: Path, tmp_path: Path, content: str | None
):
    location = tmp_path / "paths.yaml"
    if content is not None:
        location.write_text(content)

    outcome = run("plan", graph, "--models", location)

    assert outcome.status == 2
    assert "paths.yaml" in outcome.err or "model paths" in outcome.err


@pytest.mark.parametrize(
    ("variable", "value", "status"),
    [
        ("SATCHEL_CIVITAI_URL", "not a url", 2),
        ("SATCHEL_TRUSTED_ORIGINS", "ftp://x", 2),
        ("SATCHEL_CATALOG", os.path.join(os.devnull, "catalog.sqlite3"), 1),
    ],
)
def test_bad_settings_are_one_sentence(
    run: Run, portable: Path, author: Path, monkeypatch: pytest.MonkeyPatch,
    variable: str, value: str, status: int,
):  # fmt: skip
    monkeypatch.setenv(variable, value)

    outcome = run("plan", portable, "--models", author)

    assert (outcome.status, outcome.out) == (status, "")
    assert outcome.err.startswith("satchel: ")


# --- lock ----------------------------------------------------------------------------------------


def test_lock_prints_a_list_of_locks(
    run: Run, graph: Path, api: Path, author: Path, published: dict[str, Published]
):
    outcome = run("lock", graph, api, "--models", author, "--json")

    assert (outcome.status, outcome.err) == (0, "")
    locks = outcome.json
    assert len(locks) == 2
    for lock in locks:
        jsonschema.validate(lock, SCHEMA)
        ink, vae = lock["models"]
        assert (ink["name"], ink["directory"]) == ("style/ink.safetensors", "loras")
        assert ink["sha256"] == sha256_of(author / "loras/style/ink.safetensors")
        assert ink["sources"][0]["version_id"] == published["ink"].version_id
        assert vae["used_by"] == ["2"]
    assert model_files(graph.parent / "recipient") == []


def test_lock_lists_what_it_cannot_pin_and_says_so(run: Run, graph: Path, recipient: Path):
    outcome = run("lock", graph, "--models", recipient, "--json")

    assert outcome.status == 1
    assert [(m["sha256"], m["reason"]) for m in outcome.json[0]["models"]] == [
        (None, "It is not on this machine, so it was not hashed.")
    ] * 2


def test_lock_is_fine_with_a_file_that_no_marketplace_knows(run: Run, graph: Path, author: Path):
    outcome = run("lock", graph, "--models", author)

    assert outcome.status == 0
    assert "No marketplace knows this file by its SHA256." in outcome.out


def test_lock_writes_beside_an_api_graph_what_plan_then_finds(
    run: Run, api: Path, author: Path, recipient: Path, published: dict[str, Published]
):
    assert run("lock", "--write", api, "--models", author).status == 0

    lock = json.loads((api.parent / "landscape.lock.json").read_bytes())
    jsonschema.validate(lock, SCHEMA)
    planned = run("plan", api, "--models", recipient, "--json").json[0]["models"]
    assert [model["source"] for model in planned] == ["civitai.com", "civitai.com"]


def test_lock_embeds_in_json_api_and_png(
    run: Run, tmp_path: Path, graph: Path, api: Path, author: Path,
    published: dict[str, Published],
):  # fmt: skip
    image = png_image(texts={"workflow": json.loads(graph.read_bytes())})
    picture = written(tmp_path / "cat.png", image)

    outcome = run("lock", "--embed", graph, api, picture, "--models", author)

    assert outcome.status == 0
    ui = json.loads((tmp_path / "portrait.portable.json").read_bytes())
    assert ui["nodes"][0]["widgets_values"][1] == "ink.safetensors"
    assert len(ui["extra"]["satchel"]["models"]) == 2
    beside = json.loads((tmp_path / "landscape.portable.lock.json").read_bytes())
    assert beside["models"] == ui["extra"]["satchel"]["models"]
    texts = png.read_texts((tmp_path / "cat.portable.png").read_bytes())
    assert json.loads(texts["satchel"])["models"] == beside["models"]
    assert picture.read_bytes() == image
    assert "Wrote" in outcome.out


def test_lock_embeds_in_a_webp(run: Run, tmp_path: Path, author: Path):
    source = ROOT / "tests/data/containers/lossy.webp"
    picture = written(tmp_path / "cat.webp", source.read_bytes())

    run("lock", "--embed", picture, "--models", author)

    texts = webp.read_texts((tmp_path / "cat.portable.webp").read_bytes())
    assert list(texts)[:3] == ["satchel", "workflow", "prompt"]  # as their tags are sorted
    jsonschema.validate(json.loads(texts["satchel"]), SCHEMA)
    assert picture.read_bytes() == source.read_bytes()


def test_lock_does_not_take_a_lock_for_a_graph(run: Run, portable: Path, author: Path):
    outcome = run("lock", edited_lock(portable), "--models", author)

    assert outcome.status == 2
    assert "hostile.lock.json is a lock without a graph" in outcome.err


def test_no_token_is_ever_printed(
    run: Run, graph: Path, author: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CIVITAI_API_TOKEN", "c0ffee-token")

    for command in (["lock", graph], ["plan", graph], ["scan"], ["get", "0" * 64]):
        outcome = run(*command, "--models", author, "--json")
        assert "c0ffee-token" not in outcome.out + outcome.err


# --- plan ----------------------------------------------------------------------------------------


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


def test_text_from_a_graph_cannot_drive_the_terminal(run: Run, tmp_path: Path, author: Path):
    name = "\x1b[2J\x1b]0;owned\x07.safetensors"
    hostile = written(
        tmp_path / "x.json",
        {"1\x1b[31m": api_node("LoraLoader", lora_name=name),
         "2\x1b[31m": api_node("X", **{"a\x1b[5m": "style\\ink.safetensors"})},
    )  # fmt: skip

    for command in ("plan", "install", "verify", "lock"):
        outcome = run(command, hostile, "--models", author)
        assert "\x1b" not in outcome.out + outcome.err
        assert "\x07" not in outcome.out + outcome.err


# --- install -------------------------------------------------------------------------------------


def test_install_fetches_and_a_second_run_fetches_nothing(
    run: Run, market: Marketplace, portable: Path, author: Path, recipient: Path
):
    first = run("install", portable, "--models", recipient, "--json")

    assert (first.status, first.err) == (0, "")
    (imported,) = first.json
    assert set(imported) == {"plan", "installed", "graph", "prompt", "rewrites"}
    assert [entry["name"] for entry in imported["installed"]] == [
        "ink.safetensors", "v.safetensors",
    ]  # fmt: skip
    assert model_files(recipient) == ["loras/ink.safetensors", "vae/v.safetensors"]
    assert sha256_of(recipient / "vae/v.safetensors") == sha256_of(author / "vae/v.safetensors")
    market.clear_requests()
    second = run("install", portable, "--models", recipient, "--json")
    assert (second.status, second.json[0]["installed"]) == (0, [])
    assert market.requests == []


def test_install_takes_several_graphs_and_fetches_shared_models_once(
    run: Run, market: Marketplace, portable: Path, recipient: Path
):
    copy = shutil.copy(portable, portable.with_name("copy.json"))

    outcome = run("install", portable, copy, "--models", recipient)

    assert outcome.status == 0
    assert outcome.out.count("Fetched ") == 2
    assert len([r for r in market.requests if r.origin == "storage"]) == 2


def test_install_writes_the_graph_with_local_names(
    run: Run, portable: Path, author: Path, recipient: Path, tmp_path: Path
):
    (recipient / "loras").mkdir()
    shutil.copy(author / "loras/style/ink.safetensors", recipient / "loras/mine.safetensors")

    outcome = run("install", portable, "-o", tmp_path / "here.json", "--models", recipient)

    assert outcome.status == 0
    assert "Node 1: lora_1 is mine.safetensors here." in outcome.out
    here = json.loads((tmp_path / "here.json").read_bytes())
    assert here["nodes"][0]["widgets_values"] == stack_values("mine.safetensors")
    assert run("plan", tmp_path / "here.json", "--models", recipient).status == 0


@pytest.mark.parametrize(
    ("output", "graphs"),
    [("here.json", 2), ("here.png", 1), ("absent/here.json", 1)],
)
def test_install_finds_out_that_it_cannot_write_before_it_fetches(
    run: Run, market: Marketplace, portable: Path, recipient: Path, tmp_path: Path,
    output: str, graphs: int,
):  # fmt: skip
    market.clear_requests()

    outcome = run("install", *[portable] * graphs, "-o", tmp_path / output, "--models", recipient)

    assert outcome.status == 2
    assert market.requests == []
    assert model_files(recipient) == []


def test_install_of_a_lock_alone_has_no_graph_to_write(
    run: Run, market: Marketplace, portable: Path, recipient: Path, tmp_path: Path
):
    lock = edited_lock(portable)
    market.clear_requests()

    assert run("install", lock, "-o", tmp_path / "x.json", "--models", recipient).status == 2
    assert market.requests == []
    assert run("install", lock, "--models", recipient).status == 0
    assert model_files(recipient) == ["loras/ink.safetensors"]


def test_install_reports_every_failure_and_keeps_the_rest(
    run: Run, market: Marketplace, portable: Path, recipient: Path,
    published: dict[str, Published],
):  # fmt: skip
    market.fault("wrong_bytes", times=None, match=published["ink"])

    outcome = run("install", portable, "--models", recipient, "--json")

    assert outcome.status == 1
    assert outcome.json["error"]["code"] == "hash_mismatch"
    assert outcome.err.startswith("satchel: ink.safetensors arrived with other bytes")
    assert model_files(recipient) == ["vae/v.safetensors"]
    market.fault("redirect_private", times=None, match=published["v"])
    shutil.rmtree(recipient / "vae")
    both = run("install", portable, "--models", recipient)
    assert [line.split()[1] for line in both.err.splitlines() if line.startswith("satchel:")] == [
        "ink.safetensors", "v.safetensors:",
    ]  # fmt: skip
    assert model_files(recipient) == []


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sha256": "0" * 64}, "Civitai now serves another file in its place."),
        ({"name": "../../x.safetensors"}, "'../../x.safetensors' is refused: it leaves its folder"),
        ({"directory": "custom_nodes"}, "The directory 'custom_nodes' is refused"),
        ({"sources": [{"kind": "civitai", "url": "https://evil.example/x", "version_id": 1}]},
         "a host outside the allowlist: evil.example"),
        ({"sources": [{"kind": "civitai", "url": "http://169.254.169.254/x", "version_id": 1}]},
         "Refused to open"),
        ({"name": "ink.ckpt"}, "can run code"),
    ],
)  # fmt: skip
def test_a_hostile_lock_is_refused_with_a_sentence_and_leaves_nothing(
    run: Run, market: Marketplace, portable: Path, recipient: Path, change: dict[str, Any],
    sentence: str,
):  # fmt: skip
    lock = edited_lock(portable, **change)
    before = sorted(portable.parent.rglob("*"))

    outcome = run("install", lock, "--models", recipient)

    assert outcome.status == 1
    assert sentence in outcome.err
    assert sorted(portable.parent.rglob("*")) == before
    assert not [request for request in market.requests if "download" in request.path]
    assert run("plan", lock, "--models", recipient).status == 1


def test_bytes_that_differ_from_the_lock_leave_nothing_but_a_sentence(
    run: Run, market: Marketplace, portable: Path, recipient: Path
):
    # the marketplace itself says the hash of the lock, and its storage sends something else
    market.fault("wrong_bytes", times=None)

    outcome = run("install", edited_lock(portable), "--models", recipient)

    assert outcome.status == 1
    assert "arrived with other bytes" in outcome.err
    assert "They were set aside as .satchel-" in outcome.err
    assert model_files(recipient) == []


@pytest.mark.parametrize("command", ["lock", "plan", "install", "verify"])
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("cut.png", png_image(texts={"workflow": ui_graph()})[:-20], "The image cannot be read"),
        ("head.png", png.SIGNATURE, "The image cannot be read: it is cut short."),
        ("bare.png", png_image(text_chunk("parameters", "a cat")), "holds no ComfyUI workflow"),
        ("cat.jpg", b"\xff\xd8\xff\xe0", "The JPEG file cannot be read: it is cut short"),
        ("package.json", {"name": "x", "version": "1.0.0"}, "its JSON is no ComfyUI graph"),
        ("list.json", [], "its JSON is no ComfyUI graph"),
        ("deep.json", b"[" * 5000 + b"]" * 5000, "holds no ComfyUI workflow"),
        ("empty.json", b"", "it is empty"),
        ("bad.json", ui_graph(extra={"satchel": {"version": 1}}), "bad.json: The lock is malf"),
    ],
)  # fmt: skip
def test_files_that_are_no_workflow_are_refused(
    run: Run, tmp_path: Path, author: Path, graph: Path, command: str, name: str, content: Any,
    sentence: str,
):  # fmt: skip
    bad = written(tmp_path / name, content)

    outcome = run(command, graph, bad, "--models", author)

    assert (outcome.status, outcome.out) == (2, "")
    assert sentence in outcome.err
    assert name in outcome.err


@pytest.mark.parametrize("command", ["lock", "plan", "install"])
def test_a_lock_of_a_newer_satchel_is_told_and_no_reason_to_refuse(
    run: Run, tmp_path: Path, author: Path, command: str
):
    newer = written(tmp_path / "newer.json", ui_graph(extra={"satchel": {"version": 9}}))

    outcome = run(command, newer, "--models", author)

    assert outcome.status == 0
    assert "a lock of version 9, which only a newer Satchel reads" in outcome.out


def test_an_error_is_json_too_when_json_is_asked_for(run: Run, tmp_path: Path, author: Path):
    outcome = run("plan", written(tmp_path / "x.json", []), "--models", author, "--json")

    assert set(outcome.json) == {"error"}
    assert set(outcome.json["error"]) == {"code", "message", "hint", "details"}
    assert outcome.json["error"]["code"] == "workflow_format"


def test_a_folder_that_cannot_be_written_is_one_sentence(run: Run, portable: Path, recipient: Path):
    (recipient / "loras").write_text("a file where the folder should be")

    outcome = run("install", portable, "--models", recipient)

    assert outcome.status == 1
    assert outcome.err.startswith("satchel: ")


# --- verify, scan, identify, get -----------------------------------------------------------------


def test_verify_tells_what_differs(run: Run, portable: Path, author: Path, recipient: Path):
    assert run("install", portable, "--models", recipient).status == 0
    fine = run("verify", portable, "--models", recipient, "--json")
    edited = recipient / "loras/ink.safetensors"
    stamp = edited.stat()
    edited.write_bytes(edited.read_bytes()[:-1] + b"?")
    os.utime(edited, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    bad = run("verify", portable, "--models", recipient, "--json")

    assert (fine.status, fine.json[0]["ok"]) == (0, True)
    assert bad.status == 1
    (checked,) = bad.json
    assert set(checked) == {"models", "ok"}
    assert [model["state"] for model in checked["models"]] == ["differs", "verified"]
    assert "differs" in run("verify", portable, "--models", recipient).out


def test_scan_lists_model_files_and_hashes_when_asked(run: Run, author: Path):
    plain = run("scan", "--models", author, "--json")
    hashed = run("scan", "loras", "--hash", "--models", author, "--json")

    assert (plain.status, hashed.status) == (0, 0)
    assert [(m["name"], m["directory"], m["sha256"]) for m in plain.json] == [
        ("style/ink.safetensors", "loras", None), ("v.safetensors", "vae", None),
    ]  # fmt: skip
    (ink,) = hashed.json
    path = author / "loras/style/ink.safetensors"
    assert ink == {
        "name": "style/ink.safetensors", "directory": "loras", "path": str(path),
        "size": path.stat().st_size, "sha256": sha256_of(path), "autov3": ink["autov3"],
    }  # fmt: skip
    assert run("scan", "--models", author, "--json").json[0] == ink  # now it is known
    assert "not hashed" in run("scan", "vae", "--models", author).out


def test_scan_of_a_folder_that_does_not_exist_is_bad_input(run: Run, author: Path):
    outcome = run("scan", "custom_nodes", "--models", author)

    assert outcome.status == 2
    assert "'custom_nodes' is no model folder here" in outcome.err


def test_identify_tells_what_files_are(run: Run, author: Path, tmp_path: Path):
    lora = write_safetensors(
        tmp_path / "lora.safetensors",
        {
            "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (4, 320, 1, 1),
            "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight": (320, 4, 1, 1),
            "lora_unet_down_blocks_0_attentions_0_proj_in.alpha": (),
        },
    )
    text = written(tmp_path / "model.gguf", b"GGUF" + bytes(20))

    outcome = run("identify", lora, author / "vae/v.safetensors", text, "--json")

    assert (outcome.status, outcome.err) == (0, "")
    for value, path in zip(outcome.json, (lora, author / "vae/v.safetensors", text), strict=True):
        assert set(value) == IDENTIFY_KEYS
        assert set(value["rank"]) == {"min", "mode", "max"}
        assert (value["path"], value["sha256"]) == (str(path), sha256_of(path))
    first, vae, gguf = outcome.json
    assert (first["kind"], first["algorithm"], first["rank"]["mode"]) == ("loras", "lora", 4)
    assert vae["kind"] is None
    assert (gguf["architecture"], gguf["algorithm"]) == (None, None)


def test_identify_explains_what_it_ruled_out(run: Run, tmp_path: Path):
    base = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    lora = write_safetensors(
        tmp_path / "lora.safetensors",
        {f"{base}.lora_down.weight": (4, 768), f"{base}.lora_up.weight": (320, 4)},
        metadata={"ss_resolution": "(768, 512)"},
    )

    (value,) = run("identify", lora, "--explain", "--json").json
    text = run("identify", lora, "--explain").out

    assert (value["architecture"], value["training_resolution"]) == ("sd15", [768, 512])
    ruled_out = value["ruled_out"]
    assert set(ruled_out["architectures"]) == set(ARCHITECTURES) - {"sd15"}
    assert set(ruled_out["dialects"]) == set(DIALECTS) - {value["dialect"]}
    sentence = ruled_out["architectures"]["sd21"]
    assert "320x768 in this file and 320x1024 in Stable Diffusion 2.x" in sentence
    assert ruled_out["dialects"]["diffusers"].startswith("Not diffusers: its names begin with")
    assert all(line in text for line in (sentence, ruled_out["dialects"]["comfy"]))
    assert "ruled_out" not in run("identify", lora, "--json").json[0]
    assert sentence not in run("identify", lora).out


def test_nothing_is_ruled_out_of_what_is_no_lora(run: Run, tmp_path: Path):
    path = write_safetensors(tmp_path / "vae.safetensors", {"decoder.conv_in.weight": (4, 4, 3, 3)})

    (value,) = run("identify", path, "--explain", "--json").json

    assert value["ruled_out"] == {"architectures": {}, "dialects": {}}


def test_identify_knows_the_folder_of_a_file(run: Run, author: Path):
    outcome = run("identify", author / "vae/v.safetensors", "--models", author, "--json")

    assert outcome.json[0]["kind"] == "vae"


@pytest.mark.parametrize(
    ("name", "content"),
    [("absent.safetensors", None), ("short.safetensors", b"abc"), ("zip.safetensors", b"PK" * 50)],
)
def test_identify_refuses_what_is_no_model(
    run: Run, tmp_path: Path, name: str, content: bytes | None
):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    outcome = run("identify", path)

    assert (outcome.status, outcome.out) == (2, "")
    assert name in outcome.err


def test_get_fetches_by_digest_url_and_air(
    run: Run, market: Marketplace, published: dict[str, Published], recipient: Path
):
    ink = published["ink"]
    references = [
        ink.sha256,
        f"https://civitai.com/models/{ink.model_id}?modelVersionId={ink.version_id}",
        f"https://civitai.com/api/download/models/{ink.version_id}",
        ink.air,
    ]
    first, *others = [run("get", text, "--models", recipient, "--json") for text in references]

    assert (first.status, first.err) == (0, "")
    assert first.json == {
        "name": "ink.safetensors", "directory": "loras", "size": ink.size,
        "path": str(recipient / "loras/ink.safetensors"), "sha256": ink.sha256.lower(),
        "fetched": True, "pinned": True, "note": None,
    }  # fmt: skip
    assert [outcome.json for outcome in others] == [{**first.json, "fetched": False}] * 3
    assert model_files(recipient) == ["loras/ink.safetensors"]
    assert len([r for r in market.requests if r.origin == "storage"]) == 1


def test_get_recognises_a_file_that_it_has_never_hashed_by_its_name(
    run: Run, market: Marketplace, published: dict[str, Published], author: Path, recipient: Path
):
    (recipient / "vae").mkdir()
    shutil.copy(author / "vae/v.safetensors", recipient / "vae/v.safetensors")

    outcome = run("get", published["v"].sha256, "--models", recipient)

    assert outcome.status == 0
    assert model_files(recipient) == ["vae/v.safetensors"]
    assert not [r for r in market.requests if r.origin == "storage"]


def test_get_does_not_hash_the_whole_library(
    run: Run, published: dict[str, Published], recipient: Path
):
    write_safetensors(recipient / "loras/other.safetensors", seed=7)

    run("get", published["ink"].sha256, "--models", recipient)

    listed = run("scan", "loras", "--models", recipient, "--json").json
    assert {m["name"]: m["sha256"] is not None for m in listed} == {
        "ink.safetensors": True, "other.safetensors": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("ink wash", 2),
        ("https://example.com/models/1?modelVersionId=2", 1),
        ("https://civitai.com/models/1", 1),
        ("0" * 64, 2),
        ("1" * 64, 1),
        ("https://civitai.com/api/download/models/1", 1),
    ],
)
def test_get_says_why_it_cannot(
    run: Run, market: Marketplace, recipient: Path, reference: str, status: int
):
    outcome = run("get", reference, "--models", recipient)

    assert (outcome.status, outcome.out) == (status, "")
    assert outcome.err.startswith("satchel: ")
    assert model_files(recipient) == []


def test_get_puts_a_file_where_it_is_told(
    run: Run, published: dict[str, Published], recipient: Path
):
    outcome = run(
        "get", published["ink"].sha256, "--to", "style_models", "--models", recipient, "--json"
    )

    assert outcome.json["directory"] == "style_models"
    assert model_files(recipient) == ["style_models/ink.safetensors"]


# --- time ----------------------------------------------------------------------------------------


@pytest.fixture
def large(market: Marketplace, tmp_path: Path, run: Run) -> Path:
    """An exported graph with one model that is large enough to be interrupted."""
    models = tmp_path / "author-of-large"
    path = write_safetensors(models / "loras/large.safetensors", {"w": (1024, 1024)})  # 4 MiB
    market.publish(path, model_name="Large")
    graph = written(tmp_path / "large.json", ui_graph(ui_node(1, "LoraLoader", [path.name, 1, 1])))
    assert run("lock", "--embed", graph, "--models", models).status == 0
    return tmp_path / "large.portable.json"


def start_install(graph: Path, models: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "satchel", "install", str(graph), "--models", str(models)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_an_install_that_was_killed_goes_on_where_it_was(
    run: Run, market: Marketplace, large: Path, recipient: Path
):
    slow = market.fault("throttle", bytes_per_s=1 << 20)
    with start_install(large, recipient) as process:
        part = None
        deadline = time.monotonic() + 20
        while part is None and time.monotonic() < deadline:
            time.sleep(0.05)
            parts = recipient.rglob("*.part")
            part = next((p for p in parts if p.stat().st_size > 1 << 20), None)
        process.kill()
    assert part is not None, slow
    assert not list(recipient.rglob("*.safetensors"))
    arrived = part.stat().st_size
    market.clear_requests()

    outcome = run("install", large, "--models", recipient)

    assert (outcome.status, outcome.err) == (0, "")
    assert model_files(recipient) == ["loras/large.safetensors"]
    (fetched,) = [r for r in market.requests if r.origin == "storage"]
    assert fetched.headers["Range"] == f"bytes={arrived}-"
    assert run("verify", large, "--models", recipient).status == 0


def test_no_progress_bar_is_drawn_when_it_is_no_terminal(
    market: Marketplace, large: Path, recipient: Path
):
    market.fault("throttle", bytes_per_s=3 << 20)  # longer than the second that a bar waits
    with start_install(large, recipient) as process:
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0
    assert err == b""
    assert b"\r" not in out
    assert b"#" not in out


@pytest.mark.skipif(os.name == "nt", reason="it needs a pseudo-terminal")
def test_a_progress_bar_is_drawn_on_a_terminal(market: Marketplace, large: Path, recipient: Path):
    import pty

    market.fault("throttle", bytes_per_s=2 << 20)
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "satchel", "install", str(large), "--models", str(recipient)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    drawn = b""
    while chunk := _read_screen(screen):
        drawn += chunk
    out, _ = process.communicate(timeout=60)
    os.close(screen)

    assert process.returncode == 0
    assert b"\r[1/1] downloading large.safetensors [#" in drawn
    assert drawn.endswith(b" \r")  # and wiped again
    assert b"Fetched large.safetensors" in out


def _read_screen(screen: int) -> bytes:
    try:
        return os.read(screen, 4096)
    except OSError:  # the other side is closed
        return b""


def test_a_python_without_a_dependency_is_told_which_python_to_use(tmp_path: Path):
    # A finder that has never heard of filelock stands for a Python that has none.
    script = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'filelock':\n"
        "            raise ModuleNotFoundError('No module named filelock', name='filelock')\n"
        "sys.meta_path.insert(0, Without())\n"
        "from satchel.cli import main\n"
        "sys.exit(main(['scan']))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert done.returncode == 2
    assert "this Python has no filelock" in done.stderr
    assert "Traceback" not in done.stderr


# --- what is here --------------------------------------------------------------------------------


def test_identify_computes_all_six_digests_when_asked(run: Run, author: Path):
    path = author / "loras/style/ink.safetensors"

    (value,) = run("identify", "--all-digests", path, "--models", author, "--json").json

    known = value["digests"].keys() | value["unavailable"].keys()
    assert known == {"SHA256", "AutoV1", "AutoV2", "AutoV3", "BLAKE3", "CRC32"}
    assert value["digests"]["SHA256"] == sha256_of(path)
    assert value["unavailable"]["AutoV1"] == "It is only defined for files of 2 MiB or more."


def test_identify_says_whether_the_header_tells_the_truth(run: Run, author: Path):
    path = write_safetensors(
        author / "loras/x.safetensors", metadata={"sshs_model_hash": "ab" * 32}
    )

    (value,) = run("identify", path, "--models", author, "--json").json

    assert value["claims"] == [
        {"kind": "AutoV3", "hex": "ab" * 6, "origin": "header", "true": False}
    ]


def test_scan_looks_files_up_and_find_and_identify_then_know_them(
    run: Run, author: Path, market: Marketplace, published: dict[str, Published]
):
    path = author / "loras/style/ink.safetensors"
    assert run("scan", "--look-up", "--models", author).status == 0
    market.clear_requests()

    found = run("find", "style\\ink.safetensors", "--models", author, "--json").json
    (identified,) = run("identify", path, "--models", author, "--json").json

    assert (found["how"], [model["model"] for model in found["models"]]) == ("name", ["Ink"])
    assert found["models"][0]["identified"] == "bytes"
    assert identified["published"]["air"].endswith(f"@{published['ink'].version_id}")
    assert "Ink" in run("find", sha256_of(path)[:10], "--models", author).out
    assert market.requests == []


def test_find_says_when_nothing_fits(run: Run, author: Path):
    outcome = run("find", "nothing like it", "--models", author)

    assert (outcome.status, outcome.out) == (1, "No file here fits.\n")
    assert run("find", "x", "--kind", "nope", "--models", author).status == 2


def test_find_tells_only_of_the_folders_that_are_meant(run: Run, author: Path, tmp_path: Path):
    write_safetensors(tmp_path / "other/loras/ink2.safetensors")
    run("scan", "--models", tmp_path / "other")

    assert run("find", "ink2", "--models", author).status == 1
    assert run("find", "ink2", "--models", tmp_path / "other").status == 0


def test_updates_names_the_newer_version(
    run: Run, author: Path, market: Marketplace, published: dict[str, Published], tmp_path: Path
):
    newer = write_safetensors(tmp_path / "newer.safetensors", seed=7)
    market.publish(newer, model_name="Ink", version_name="v9", in_model=published["ink"])
    unhashed = run("updates", "--models", author)
    assert "2 files are not hashed yet" in unhashed.out
    run("scan", "--hash", "--models", author)

    outcome = run("updates", "--models", author)

    assert (outcome.status, outcome.err) == (0, "")
    assert "v9" in outcome.out
    assert "2 published models are here, 1 of them have newer versions." in outcome.out
    (update,) = run("updates", "loras", "--models", author, "--json").json["updates"]
    assert update["newer"][0]["version"] == "v9"


def test_updates_of_known_models_send_no_digests(
    run: Run, author: Path, market: Marketplace, published: dict[str, Published]
):
    run("scan", "--hash", "--models", author)
    market.clear_requests()

    assert run("updates", "--known-only", "--models", author).status == 0
    assert market.requests == []


def test_updates_says_when_nobody_answers(
    run: Run, author: Path, market: Marketplace, published: dict[str, Published]
):
    run("scan", "--hash", "--models", author)
    market.fault("region_451", times=None)

    outcome = run("updates", "--models", author)

    assert outcome.status == 1
    assert "not available" in outcome.err or "region" in outcome.err
