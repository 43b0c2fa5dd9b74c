"""What a LoRA's header metadata says about its training.

All of it is a claim: headers get copied between files. Values are strings, JSON inside some of
them. Keys: sd-scripts and musubi-tuner (`ss_*`), the modelspec standard
(https://github.com/Stability-AI/ModelSpec), ai-toolkit (`software`), OneTrainer (`ot_*`),
diffusers (`lora_adapter_metadata`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

MAX_TRIGGER_WORDS = 20
MAX_TRIGGER_LENGTH = 200
MAX_JSON_CHARS = 8_000_000
"""A tag table larger than this is not read: it is display data."""
COMMON_TAG_SHARE = 0.9
"""A tag on this share of a folder's images is what the folder teaches, unless it is generic."""

_GENERIC_FOLDERS = frozenset({"", "img", "image", "images", "data", "dataset", "train", "10"})
_GENERIC_TAGS = frozenset({
    "1girl", "1boy", "solo", "looking at viewer", "simple background", "white background",
    "highres", "absurdres", "masterpiece", "best quality", "breasts", "long hair", "short hair",
    "smile", "open mouth", "blush", "shirt", "upper body", "bangs", "standing", "realistic",
    "blonde hair", "brown hair", "black hair", "blue eyes", "brown eyes", "closed mouth",
})  # fmt: skip
_MUSUBI_VERSIONS = (
    "wan", "qwen_image", "z_image", "flux_kontext", "flux_2", "hunyuan_video", "framepack",
    "krea2", "ideogram4",
)  # fmt: skip
_MUSUBI_MODULE = re.compile(
    r"networks\.lora_(wan|qwen_image|zimage|flux_kontext|flux_2|hunyuan_video|hv_1_5|framepack"
    r"|krea2|ideogram4)"
)
_FOLDER = re.compile(r"^\s*\d+_(.*)$")
_SIZE = re.compile(r"(\d{2,5})(?:\s*[x,]\s*(\d{2,5}))?")


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """The claims of one header."""

    trainer: str | None
    trigger_words: tuple[str, ...]
    resolution: tuple[int, int] | None
    """Width and height in pixels."""
    claimed_base_model: str | None
    """The checkpoint it was trained on, or else the model's version; never a path."""
    architecture_claims: tuple[str, ...]
    """How the metadata spells the architecture: lower case letters and digits only."""


def read_training(metadata: Mapping[str, str]) -> TrainingFacts:
    """Reads the claims. Missing, malformed and `"None"` values count as absent."""
    onetrainer = _json_object(metadata, "ot_config")
    return TrainingFacts(
        _trainer(metadata),
        _trigger_words(metadata),
        _resolution(metadata, onetrainer),
        _base_model(metadata, onetrainer),
        tuple(_architecture_claims(metadata, onetrainer)),
    )


def _text(metadata: Mapping[str, str], key: str) -> str:
    value = metadata.get(key, "").strip()
    return "" if value == "None" else value


def _json(metadata: Mapping[str, str], key: str) -> Any:
    text = metadata.get(key, "")
    if not text or len(text) > MAX_JSON_CHARS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json_object(metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    value = _json(metadata, key)
    return value if isinstance(value, dict) else {}


def _trainer(metadata: Mapping[str, str]) -> str | None:
    if any(key.startswith("ot_") for key in metadata):
        return "OneTrainer"
    software = _json_object(metadata, "software").get("name")
    if isinstance(software, str) and software:
        return software
    version = _text(metadata, "ss_base_model_version")
    module = _text(metadata, "ss_network_module")
    if module and (version.startswith(_MUSUBI_VERSIONS) or _MUSUBI_MODULE.match(module)):
        return "musubi-tuner"
    if module or "ss_sd_scripts_commit_hash" in metadata:
        return "sd-scripts"
    return "diffusers" if "lora_adapter_metadata" in metadata else None


def _trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    words: dict[str, None] = {}
    phrase = _text(metadata, "modelspec.trigger_phrase")
    for word in (phrase, *_tag_words(metadata)):
        word = word.strip()
        if word and len(word) <= MAX_TRIGGER_LENGTH:
            words.setdefault(word)
    return tuple(words)[:MAX_TRIGGER_WORDS]


_INTEGERS = {int}
"""What the counts of a folder are, of ten thousand tags."""


def _tag_words(metadata: Mapping[str, str]) -> Iterator[str]:
    """Folder names first, then the tags that nearly every image of a folder has."""
    folders = list(_tag_folders(_json(metadata, "ss_tag_frequency")))
    images = _json_object(metadata, "ss_dataset_dirs")
    for folder, _ in folders:
        match = _FOLDER.match(folder)
        if match and match[1].strip().lower() not in _GENERIC_FOLDERS:
            yield match[1].strip()
    for folder, tags in folders:
        counts = tags
        if set(map(type, tags.values())) != _INTEGERS:
            counts = {tag: n for tag, n in tags.items() if type(n) is int}
        entry = images.get(folder)
        total = entry.get("img_count") if isinstance(entry, dict) else None
        if type(total) is not int or total < 1:
            total = max(counts.values(), default=0)
        enough = COMMON_TAG_SHARE * total
        common = [
            tag for tag, n in counts.items()
            if n >= enough and tag.strip().lower() not in _GENERIC_TAGS
            and len(tag) <= MAX_TRIGGER_LENGTH
        ]  # fmt: skip
        # Where all tags are as common, there are thousands of them.
        yield from nlargest(2 * MAX_TRIGGER_WORDS, common, key=lambda tag: counts[tag])


def _tag_folders(table: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """`{folder: {tag: count}}`; old files have one more level, the dataset's number."""
    if not isinstance(table, dict):
        return
    for folder, tags in table.items():
        if not isinstance(tags, dict):
            continue
        if dict in set(map(type, tags.values())):
            yield from _tag_folders(tags)
        else:
            yield folder, tags


def _resolution(metadata: Mapping[str, str], onetrainer: dict[str, Any]) -> tuple[int, int] | None:
    datasets = _json(metadata, "ss_datasets")
    first = datasets[0] if isinstance(datasets, list) and datasets else None
    claims = (
        _text(metadata, "modelspec.resolution"),
        _text(metadata, "ss_resolution"),
        str(first.get("resolution", "")) if isinstance(first, dict) else "",
        str(onetrainer.get("resolution", "")),
    )
    for claim in claims:
        match = _SIZE.search(claim)
        if match:
            width = int(match[1])
            return width, int(match[2] or width)
    return None


def _base_model(metadata: Mapping[str, str], onetrainer: dict[str, Any]) -> str | None:
    claims = (
        _text(metadata, "ss_sd_model_name"),
        str(onetrainer.get("base_model_name") or ""),
        _text(metadata, "ss_base_model_version"),
        _text(metadata, "modelspec.architecture").removesuffix("/lora"),
        str(onetrainer.get("model_type") or ""),
    )
    for claim in claims:
        # A trainer writes the path on its own machine; only the last part is the model's name.
        parts = [part for part in re.split(r"[\\/]", claim) if part]
        if parts:
            return parts[-1] if _is_path(claim) else claim
    return None


def _is_path(claim: str) -> bool:
    # `owner/name` on a model hub is a name.
    return "\\" in claim or claim.count("/") != 1 or claim.startswith(("/", ".", "~"))


def _architecture_claims(metadata: Mapping[str, str], onetrainer: dict[str, Any]) -> Iterator[str]:
    spellings = (
        _text(metadata, "ss_base_model_version"),
        _text(metadata, "modelspec.architecture").partition("/")[0],
        str(onetrainer.get("model_type") or ""),
        "sd_v2" if _text(metadata, "ss_v2") == "True" else "",
    )
    for spelling in spellings:
        plain = re.sub(r"[^a-z0-9]", "", spelling.lower())
        if plain:
            yield plain
