"""What trainings leave on the disk: which weights are the newest, and what they were made from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.models import write_safetensors

from satchel.errors import ModelNotFoundError
from satchel.trainers import base, find_runs

LORA = {
    "lora_unet_a.lora_down.weight": (8, 16),
    "lora_unet_a.lora_up.weight": (16, 8),
}


@pytest.fixture
def output(tmp_path):
    """Writes files below a folder, each a second younger than the one before."""

    class Output:
        root = tmp_path / "output"
        written = 0

        def __call__(self, *names: str, text: str | None = None, **metadata: str) -> None:
            for name in names:
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if text is None and name.endswith(".safetensors"):
                    write_safetensors(path, LORA, metadata=metadata)
                else:
                    path.write_text(text or "x", "utf-8")
                self.written += 1
                os.utime(path, (1_700_000_000 + self.written,) * 2)

    output = Output()
    output.root.mkdir()
    return output


def only_run(folder: Path):
    runs = find_runs(folder)
    assert len(runs) == 1, runs
    return runs[0]


def latest(run) -> list[str]:
    return [checkpoint.path for checkpoint in run.latest]


# --- AI-Toolkit ----------------------------------------------------------------------------------

AI_TOOLKIT = """
job: extension
config:
  name: ink_wash
  process:
    - type: sd_trainer
      trigger_word: inkwash
      network: {type: lora, linear: 32, linear_alpha: 32}
      train: {steps: 3000}
      model: {name_or_path: black-forest-labs/FLUX.1-dev, is_flux: true}
meta: {name: '[name]', version: '1.0'}
"""


def test_a_finished_ai_toolkit_run_ends_with_its_plain_name(output):
    output("ink_wash/config.yaml", text=AI_TOOLKIT)
    output("ink_wash/ink_wash_000000250.safetensors", "ink_wash/ink_wash_000002750.safetensors")
    output("ink_wash/ink_wash.safetensors", "ink_wash/optimizer.pt", "ink_wash/log.txt")
    output(
        "ink_wash/samples/1700000001__000000250_0.jpg",
        "ink_wash/samples/1700000002__000002750_0.jpg",
    )

    run = only_run(output.root)

    assert (run.trainer, run.name, run.folder) == ("ai-toolkit", "ink_wash", "ink_wash")
    assert latest(run) == ["ink_wash/ink_wash.safetensors"]
    assert [checkpoint.step for checkpoint in run.checkpoints] == [250, 2750, None]
    assert [checkpoint.final for checkpoint in run.checkpoints] == [False, False, True]
    assert run.trigger_words == ("inkwash",)
    assert run.base_model == "black-forest-labs/FLUX.1-dev"
    assert (run.rank, run.steps) == (32, 3000)
    assert run.samples[0].endswith("000002750_0.jpg")


def test_an_unfinished_ai_toolkit_run_ends_with_its_last_step(output):
    output("config.yaml", text=AI_TOOLKIT)
    output("ink_wash_000001000.safetensors", "ink_wash_000000500.safetensors")

    run = only_run(output.root)

    assert (run.folder, latest(run)) == (".", ["ink_wash_000001000.safetensors"])


@pytest.mark.parametrize("final", [True, False])
def test_two_experts_are_the_newest_together(output, final):
    output(*(f"wan/surf_000000100_{part}_noise.safetensors" for part in ("high", "low")))
    if final:
        output(*(f"wan/surf_{part}_noise.safetensors" for part in ("high", "low")))

    run = only_run(output.root)

    infix = "" if final else "_000000100"
    assert sorted(latest(run)) == [
        f"wan/surf{infix}_high_noise.safetensors",
        f"wan/surf{infix}_low_noise.safetensors",
    ]
    assert {checkpoint.part for checkpoint in run.latest} == {"high_noise", "low_noise"}


def test_the_settings_of_the_ui_are_read_too(output):
    output("a/.job_config.json", text=json.dumps({"job": "extension", "config": {
        "name": "a", "process": [{"network": {"linear": 4}, "trigger_word": None}]}}))  # fmt: skip
    output("a/a.safetensors")

    run = only_run(output.root)

    assert (run.name, run.rank, run.trigger_words) == ("a", 4, ())


# --- sd-scripts ----------------------------------------------------------------------------------

KOHYA = {
    "output_name": "ink",
    "pretrained_model_name_or_path": "D:\\models\\illustrious_v2.safetensors",
    "network_dim": 16,
    "max_train_steps": "1600",
}


def test_a_finished_kohya_run_ends_with_its_plain_name(output):
    output("ink_20260302-180211.json", text=json.dumps(KOHYA))
    output("ink-000002.safetensors", "ink-000004.safetensors", "ink.safetensors")
    output("sample/ink_e000002_00_20260302181500_42.png")
    output("sample/ink2_e000002_00_20260302181500.png")

    run = only_run(output.root)

    assert (run.trainer, run.name) == ("sd-scripts", "ink")
    assert latest(run) == ["ink.safetensors"]
    assert [checkpoint.epoch for checkpoint in run.checkpoints] == [2, 4, None]
    assert (run.base_model, run.rank, run.steps) == ("illustrious_v2.safetensors", 16, 1600)
    assert run.samples == ("sample/ink_e000002_00_20260302181500_42.png",)


def test_runs_that_share_a_folder_are_told_apart_by_their_names(output):
    output("ink-000001.safetensors", "ink-000002.safetensors")
    output("paper-step00000500.safetensors", "paper-step00001500.safetensors")

    runs = find_runs(output.root)

    assert [(run.name, latest(run)) for run in runs] == [
        ("paper", ["paper-step00001500.safetensors"]),
        ("ink", ["ink-000002.safetensors"]),
    ]


def test_steps_and_epochs_in_one_run_are_ordered_by_when_they_were_written(output):
    output("ink-step00000500.safetensors", "ink-000001.safetensors", "ink-step00001000.safetensors")

    assert latest(only_run(output.root)) == ["ink-step00001000.safetensors"]


def test_the_toml_of_the_gui_names_a_run_without_counted_files(output):
    output(
        "config_lora-20260302-180211.toml",
        text='# saved\noutput_name = "ink"\nnetwork_dim = 8 # rank\n[model]\n'
        "pretrained_model_name_or_path = 'C:\\m\\sdxl.safetensors'\n",
    )
    output("ink.safetensors", "somebody_elses.safetensors")

    run = only_run(output.root)

    assert (run.name, run.rank, run.base_model) == ("ink", 8, "sdxl.safetensors")
    assert latest(run) == ["ink.safetensors"]


def test_what_the_settings_leave_open_is_read_from_the_newest_header(output):
    output("ink-000001.safetensors", ss_network_module="networks.lora", ss_sd_model_name="old")
    tags = json.dumps({"10_inkwash": {"inkwash": 20}})
    output(
        "ink-000002.safetensors",
        ss_network_module="networks.lora",
        ss_sd_model_name="noob.safetensors",
        ss_tag_frequency=tags,
    )

    run = only_run(output.root)

    assert (run.base_model, run.trigger_words, run.rank) == ("noob.safetensors", ("inkwash",), 8)


# --- OneTrainer ----------------------------------------------------------------------------------


def onetrainer(destination: str, **settings: object) -> str:
    return json.dumps({
        "training_method": "LORA", "base_model_name": "stabilityai/sdxl", "lora_rank": 24,
        "output_model_destination": destination, "save_filename_prefix": "", **settings,
    })  # fmt: skip


def test_each_training_of_a_onetrainer_workspace_is_a_run(output):
    first, second = "2026-03-01_10-00-00", "2026-03-02_10-00-00"
    output(f"run/config/{first}.json", text=onetrainer("models/ink.safetensors"))
    output(f"run/config/{second}.json", text=onetrainer("models/paper.safetensors", lora_rank=8))
    output("run/save/2026-03-01_10-30-00-save-500-5-0.safetensors")
    output("run/save/2026-03-01_11-00-00-save-1000-10-0.safetensors")
    output("models/ink.safetensors", "run/save/2026-03-02_10-30-00-save-200-2-0.safetensors")
    output("run/samples/0 - a heron/2026-03-01_10-31-00-training-sample-500-5-0.jpg")
    output("run/samples/0 - a heron/2026-03-02_10-31-00-training-sample-200-2-0.jpg")
    output("run/backup/2026-03-02_10-32-00-backup-200-2-0/lora/lora.safetensors")

    paper, ink = find_runs(output.root)

    assert (ink.trainer, ink.name, ink.rank) == ("OneTrainer", "ink", 24)
    assert [checkpoint.step for checkpoint in ink.checkpoints] == [500, 1000, None]
    assert latest(ink) == ["models/ink.safetensors"]
    assert ink.base_model == "stabilityai/sdxl"
    assert len(ink.samples) == 1
    assert "500-5-0" in ink.samples[0]
    assert (paper.name, paper.rank) == ("paper", 8)
    assert latest(paper) == ["run/save/2026-03-02_10-30-00-save-200-2-0.safetensors"]


def test_a_onetrainer_save_folder_without_settings_is_still_a_run(output):
    output("save/ink-2026-03-02_10-30-00-save-200-2-0.safetensors")

    run = only_run(output.root)

    assert (run.trainer, run.folder, run.checkpoints[0].epoch) == ("OneTrainer", ".", 2)


# --- what is none --------------------------------------------------------------------------------

NO_RUN = {
    "model.safetensors": None,
    "config.yaml": "model: resnet\n",
    "model-00001-of-00002.safetensors": None,
    "notes.json": "[1, 2]",
    "broken.yaml": "a: [",
    "bomb.json": "[" * 100_000,
    "nan.json": '{"output_name": 5, "pretrained_model_name_or_path": null}',
    "config/2026-03-02_10-30-00.json": '{"a": 1}',
}


def test_models_that_nobody_trained_here_are_no_runs(output):
    for name, text in NO_RUN.items():
        output(name, text=text)

    assert find_runs(output.root) == ()


def test_odd_values_in_settings_are_taken_as_missing(output):
    output("config.yaml", text="config: {name: x, process: [{network: 5, model: [], train: no}]}")
    output("x_000000001.safetensors")

    run = only_run(output.root)

    assert (run.base_model, run.steps, run.trigger_words, run.rank) == ("", None, (), 8)


def test_python_objects_in_a_yaml_file_are_not_made(output):
    output("config.yaml", text="config: !!python/object/apply:os.mkdir ['made']")
    output("x_000000001.safetensors")

    assert only_run(output.root).name == "x"
    assert not Path("made").exists()


def test_settings_that_are_far_too_large_are_not_read(output, monkeypatch):
    monkeypatch.setattr(base, "MAX_SETTINGS_BYTES", 10)
    output("ink_1.json", text=json.dumps(KOHYA))
    output("ink.safetensors")

    assert find_runs(output.root) == ()


def test_weights_that_are_being_written_still_count(output):
    output("x_000000001.safetensors", text="no header yet")

    assert only_run(output.root).rank is None


def test_links_are_not_followed(output, tmp_path):
    write_safetensors(tmp_path / "elsewhere" / "x_000000001.safetensors", LORA)
    (output.root / "link").symlink_to(tmp_path / "elsewhere")
    (output.root / "y_000000001.safetensors").symlink_to(
        tmp_path / "elsewhere" / "x_000000001.safetensors"
    )

    assert find_runs(output.root) == ()


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ModelNotFoundError):
        find_runs(tmp_path / "nowhere")
