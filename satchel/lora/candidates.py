"""Narrows the architectures a file can be for.

Four steps, each of which only removes candidates and says why: the diffusion model's modules,
its text encoders, the full depth of its stacks, and last the metadata.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .architectures import (
    ARCHITECTURES,
    ENCODERS,
    Rule,
    architecture_rules,
    encoder_rules,
    matching_namings,
    stack_blocks,
)
from .modules import Group, GroupedModules

_MIN_EXPLAINED = 0.9
"""Share of the file's modules that some architecture must have for any to be a candidate."""
_MIN_COMPLETE_BLOCKS = 12
"""Fewer blocks than this may coincide with a whole model by chance."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The outcome."""

    candidates: tuple[str, ...]
    architecture: str | None
    namings: frozenset[str]
    """The worlds the module names belong to, for the candidates; empty when unknown."""
    reasons: dict[str, str]


@dataclass(slots=True)
class _Search:
    candidates: list[str]
    reasons: dict[str, str] = field(default_factory=dict)

    def reject(self, architecture: str, reason: str) -> None:
        self.candidates.remove(architecture)
        self.reasons[architecture] = reason


@dataclass(slots=True)
class _Evidence:
    """A group that at least one architecture has exactly, and who has it under which namings."""

    group: Group
    owners: dict[str, set[str]]


def narrow_candidates(grouped: GroupedModules, claims: Iterable[str]) -> Narrowing:
    """Finds the architectures that nothing in the file contradicts.

    `claims` are the metadata's spellings (see `TrainingFacts.architecture_claims`).
    """
    search = _Search(list(ARCHITECTURES))
    evidence = _gather(grouped.denoiser)
    explained = sum(len(item.group.indices) for item in evidence)
    total = sum(len(group.indices) for group in grouped.denoiser)
    if explained < _MIN_EXPLAINED * total or not (total or grouped.encoders):
        return _nothing(grouped.denoiser)
    _check_modules(search, evidence)
    told = _check_encoders(search, grouped.encoders)
    if not evidence and not told:
        return _nothing([group for groups in grouped.encoders.values() for group in groups])
    _check_depth(search, evidence)
    confirmed = _check_claims(search, claims)
    families = {ARCHITECTURES[id_].family_id for id_ in search.candidates}
    # Members of a family (FLUX.1 dev, schnell, ...) can share every trained module. Without a word
    # from the metadata the first of them would be a guess.
    unique = len(search.candidates) == 1 or (confirmed and len(families) == 1)
    architecture = search.candidates[0] if unique else None
    return Narrowing(
        tuple(search.candidates), architecture, _namings(search, evidence), search.reasons
    )


def _nothing(groups: list[Group]) -> Narrowing:
    example = groups[0].example if groups else "its modules"
    reason = f"Most modules of the file, {example} for one, are no known architecture's."
    return Narrowing((), None, frozenset(), dict.fromkeys(ARCHITECTURES, reason))


def _gather(groups: list[Group]) -> list[_Evidence]:
    """Looks every group up. Only tables of architectures with such stacks are compiled."""
    roots = {group.skeleton.partition("#")[0] for group in groups}
    asked = [
        id_ for id_, architecture in ARCHITECTURES.items()
        if not roots.isdisjoint(architecture.stacks)
    ] or list(ARCHITECTURES)  # fmt: skip
    tables = [(id_, architecture_rules(id_)) for id_ in asked]
    evidence = []
    for group in groups:
        owners = {}
        for id_, table in tables:
            rules = table.get(group.skeleton)
            namings = matching_namings(rules, group.shape, group.indices) if rules else None
            if namings:
                owners[id_] = namings
        if owners:
            evidence.append(_Evidence(group, owners))
    return evidence


def _check_modules(search: _Search, evidence: list[_Evidence]) -> None:
    """Rejects what lacks one of the modules, or has it in another shape or number."""
    for item in evidence:
        for id_ in [id_ for id_ in search.candidates if id_ not in item.owners]:
            search.reject(id_, _contradiction(id_, item.group))


def _contradiction(id_: str, group: Group) -> str:
    architecture = ARCHITECTURES[id_]
    root = group.skeleton.partition("#")[0]
    same_stack = root in architecture.stacks
    rules: Iterable[Rule] = architecture_rules(id_).get(group.skeleton, ()) if same_stack else ()
    fitting = [rule for rule in rules if rule.fits(group.shape)]
    if fitting:
        known = frozenset[tuple[str, ...]]().union(*(rule.indices for rule in fitting))
        number = ".".join(min(group.indices - known, default=()))
        return f"{architecture.title} has no {group.example} with the number {number}."
    for rule in rules:
        size = "x".join("?" if n is None else str(n) for n in (rule.out, rule.inputs))
        return f"{group.example} is {group.shape} in this file and {size} in {architecture.title}."
    return f"{architecture.title} has no module like {group.example}."


def _check_encoders(search: _Search, encoders: dict[str, list[Group]]) -> bool:
    """Rejects what has no such text encoder; returns whether any encoder was recognised."""
    told = False
    for prefix, groups in encoders.items():
        fitting = {encoder for encoder in ENCODERS if _has_all(encoder, groups)}
        rejected = [
            id_ for id_ in search.candidates
            if not _accepts(ARCHITECTURES[id_].text_encoders, prefix, fitting)
        ]  # fmt: skip
        # Encoders no candidate has are a merge or a stray: they decide nothing.
        if not fitting or len(rejected) == len(search.candidates):
            continue
        told = True
        for id_ in rejected:
            search.reject(id_, f"{ARCHITECTURES[id_].title} has no text encoder like {prefix}*.")
    return told


def _has_all(encoder: str, groups: list[Group]) -> bool:
    table = encoder_rules(encoder)
    return all(
        matching_namings(table.get(group.skeleton, ()), group.shape, group.indices)
        for group in groups
    )


def _accepts(text_encoders: tuple[str, ...], prefix: str, fitting: set[str]) -> bool:
    if prefix == "lora_te_" and len(text_encoders) > 1:
        return False  # unnumbered: written for models with one encoder
    if prefix == "lora_te1_":
        text_encoders = text_encoders[:1]
    return not fitting.isdisjoint(text_encoders)


def _check_depth(search: _Search, evidence: list[_Evidence]) -> None:
    """Prefers a model whose stacks the file fills to the last block over a deeper one.

    FLUX.1's 19 + 38 blocks are also the first of HunyuanVideo's 20 + 40, with the same names and
    shapes. A file that has exactly all of FLUX.1's, in every stack, is no HunyuanVideo LoRA that
    happens to stop there in both.
    """
    present: dict[str, set[str]] = {}
    for item in evidence:
        root, number, _ = item.group.skeleton.partition("#")
        if number:
            present.setdefault(root, set()).update(index[0] for index in item.group.indices)
    complete = [id_ for id_ in search.candidates if _is_complete(id_, present)]
    if not complete:
        return
    title = ARCHITECTURES[complete[0]].title
    for id_ in [id_ for id_ in search.candidates if _stops_short(id_, present)]:
        search.reject(
            id_,
            f"{ARCHITECTURES[id_].title} is deeper: the file has all blocks of {title}, no more.",
        )


def _is_complete(id_: str, present: dict[str, set[str]]) -> bool:
    return any(
        sum(map(len, stacks.values())) >= _MIN_COMPLETE_BLOCKS
        and all(present.get(stack, set()) == blocks for stack, blocks in stacks.items())
        for stacks in stack_blocks(id_).values()
    )


def _stops_short(id_: str, present: dict[str, set[str]]) -> bool:
    return any(
        stack in present and present[stack] < blocks
        for stacks in stack_blocks(id_).values()
        for stack, blocks in stacks.items()
    )


def _check_claims(search: _Search, claims: Iterable[str]) -> bool:
    """Lets the metadata choose, where it names a candidate; returns whether it named one."""
    confirmed = False
    for claim in claims:
        lengths = {id_: _claim_length(id_, claim) for id_ in search.candidates}
        best = max(lengths.values(), default=0)
        if best:
            confirmed = True
            for id_ in [id_ for id_, length in lengths.items() if length < best]:
                title = ARCHITECTURES[id_].title
                search.reject(id_, f"The keys allow {title}, but the metadata says {claim!r}.")
    return confirmed


def _claim_length(id_: str, claim: str) -> int:
    spellings = (*ARCHITECTURES[id_].claims, id_.replace("_", ""))
    return max((len(spelling) for spelling in spellings if spelling in claim), default=0)


def _namings(search: _Search, evidence: list[_Evidence]) -> frozenset[str]:
    counts: Counter[str] = Counter()
    for item in evidence:
        for id_ in search.candidates:
            for naming in item.owners.get(id_, ()):
                counts[naming] += len(item.group.indices)
    most = max(counts.values(), default=0)
    return frozenset(naming for naming, count in counts.items() if count == most)
