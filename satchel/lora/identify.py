"""Identifies a LoRA file from its safetensors header alone.

Every module of the file is held against the module tables of all architectures: name, block
number and shape. An architecture stays a candidate as long as nothing in the file contradicts
it, so the truth is always among the candidates, and every rejection has a reason. Metadata only
chooses among candidates that the shapes allow: headers get copied between files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ..safetensors_header import SafetensorsHeader
from .candidates import Narrowing, narrow_candidates
from .dialects import DIALECTS, KeyFacts, detect_dialect
from .modules import GroupedModules, Written, group_modules
from .training import TrainingFacts, read_training

_SHARE_OF_ONE_ALGORITHM = 0.9
"""A file whose modules use several algorithms is `mixed` unless one covers this share of them."""
_UNKNOWN_NAMINGS = frozenset({"native", "diffusers"})


@dataclass(frozen=True, slots=True)
class Rank:
    """Ranks over the adapted modules; None where the algorithm has none (full, IA3, norm)."""

    min: int | None = None
    mode: int | None = None
    """The commonest."""
    max: int | None = None


@dataclass(frozen=True, slots=True)
class LoraIdentity:
    """What a header tells about a LoRA."""

    architecture: str | None
    """An id of `architectures`; None when ambiguous or unknown. Where the metadata names a family
    whose members share every trained module (FLUX.1 dev and schnell), the first of them."""
    candidates: tuple[str, ...]
    """All architectures that nothing in the file contradicts, in registry order."""
    dialect: str | None
    algorithm: str | None
    """`lora, locon, loha, lokr, dora, glora, oft, boft, ia3, full, norm` or `mixed`; None when
    the file holds no adapter (a checkpoint, an embedding, an empty file)."""
    rank: Rank
    trainer: str | None
    trigger_words: tuple[str, ...]
    training_resolution: tuple[int, int] | None
    """Width and height in pixels, by the metadata."""
    claimed_base_model: str | None
    reasons: Mapping[str, str]
    """Architecture id -> why it was rejected, one sentence each."""


def identify_lora(header: SafetensorsHeader) -> LoraIdentity:
    """Identifies a file. Never raises: what cannot be told is None or empty."""
    training = read_training(header.metadata)
    grouped = group_modules(header.tensors)
    if not grouped.written:
        return _identity(training, Narrowing((), None, frozenset(), {}), None, None, Rank())
    narrowing = narrow_candidates(grouped, training.architecture_claims)
    facts = _key_facts(grouped.written, narrowing, training.trainer)
    return _identity(
        training, narrowing, detect_dialect(facts), _algorithm(grouped), _rank(grouped)
    )


def explain_refusals(header: SafetensorsHeader) -> dict[str, dict[str, str]]:
    """Why a file is not of the other architectures, and not in the other dialects.

    Returns:
        `architectures` and `dialects`, each by id with one sentence; nothing for what it may be.
    """
    training = read_training(header.metadata)
    grouped = group_modules(header.tensors)
    if not grouped.written:
        return {"architectures": {}, "dialects": {}}
    narrowing = narrow_candidates(grouped, training.architecture_claims)
    facts = _key_facts(grouped.written, narrowing, training.trainer)
    refusals = {name: dialect.refusal(facts) for name, dialect in DIALECTS.items()}
    return {
        "architectures": dict(narrowing.reasons),
        "dialects": {name: refusal for name, refusal in refusals.items() if refusal is not None},
    }


def _identity(
    training: TrainingFacts,
    narrowing: Narrowing,
    dialect: str | None,
    algorithm: str | None,
    rank: Rank,
) -> LoraIdentity:
    return LoraIdentity(
        narrowing.architecture,
        narrowing.candidates,
        dialect,
        algorithm,
        rank,
        training.trainer,
        training.trigger_words,
        training.resolution,
        training.claimed_base_model,
        narrowing.reasons,
    )


def _key_facts(written: list[Written], narrowing: Narrowing, trainer: str | None) -> KeyFacts:
    """Collects what dialects are told by, from the text encoder only when there is no more."""
    own = [names for names in written if not names.is_text_encoder] or written
    prefixes: Counter[str] = Counter()
    spellings: Counter[str] = Counter()
    for names in own:
        prefixes[names.prefix] += names.count
        if names.tail:
            spellings[names.tail] += names.count
    prefix = prefixes.most_common(1)[0][0]
    return KeyFacts(
        _encoder_prefix(prefix) if own[0].is_text_encoder else prefix,
        spellings.most_common(1)[0][0] if spellings else "",
        narrowing.namings or _UNKNOWN_NAMINGS,
        frozenset(narrowing.candidates),
        frozenset().union(*(names.roles for names in own)),
        "\n".join(names.base for names in own) + "\n",
        trainer,
    )


def _encoder_prefix(prefix: str) -> str:
    """`lora_te1_` -> `lora_te`, `text_encoders.clip_l.transformer.` -> `text_encoders.`."""
    if prefix.startswith("lora_te"):
        return "lora_te"
    word = prefix.partition(".")[0]
    return "text_encoder." if word.startswith("text_encoder_") else word + "."


def _algorithm(grouped: GroupedModules) -> str:
    """Names the algorithm of the file. Norms and biases go with any; convolutions make a LoCon."""
    counts = Counter(grouped.algorithms)
    if len(counts) > 1:
        counts.pop("norm", None)
    if "locon" in counts:
        counts["locon"] += counts.pop("lora", 0)
    if "dora" in counts:
        counts["dora"] += counts.pop("lora", 0) + counts.pop("locon", 0)
    name, count = counts.most_common(1)[0]
    return name if count >= _SHARE_OF_ONE_ALGORITHM * counts.total() else "mixed"


def _rank(grouped: GroupedModules) -> Rank:
    if not grouped.ranks:
        return Rank()
    mode, _ = grouped.ranks.most_common(1)[0]
    return Rank(min(grouped.ranks), mode, max(grouped.ranks))
