"""What a dialect's file declares: conditions as data, so that a refusal can be explained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What the keys of one file show."""

    prefix: str
    """The commonest prefix of its modules; `lora_te` for every numbered form of that one."""
    spelling: str
    """The commonest spelling of down and up (see `keys.py`); "" for LoHa, LoKr, OFT ..."""
    namings: frozenset[str]
    """The worlds its module names belong to; several when an architecture names things alike."""
    candidates: frozenset[str]
    """Architectures it may be for; none when unknown."""
    roles: frozenset[str]
    names: str
    """The module names as written, block numbers as `#`, one per line."""
    trainer: str | None = None
    """By the metadata."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One way a dialect shows itself; an empty field sets no condition."""

    prefixes: tuple[str, ...]
    spellings: tuple[str, ...] = ()
    namings: tuple[str, ...] = ()
    not_namings: tuple[str, ...] = ()
    architectures: frozenset[str] = frozenset()
    """One of these must be possible."""
    not_only: frozenset[str] = frozenset()
    """Something outside these must be possible."""
    marks: tuple[str, ...] = ()
    """One of these must occur in a module name; `\\n` is a name's end."""
    not_marks: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    not_roles: frozenset[str] = frozenset()
    trainer: str = ""

    def refusal(self, facts: KeyFacts) -> str | None:
        """Why the file is not in this dialect, as a phrase; None when it is."""
        if facts.prefix not in self.prefixes:
            return f"its names begin with {facts.prefix!r}, not with {_any_of(self.prefixes)}"
        if self.spellings and facts.spelling not in self.spellings:
            return f"it writes down and up as {facts.spelling!r}"
        if self.namings and facts.namings.isdisjoint(self.namings):
            return f"its module names are {_any_of(sorted(facts.namings))}"
        if not facts.namings.isdisjoint(self.not_namings):
            return f"its module names are {_any_of(self.not_namings)} too"
        if self.architectures and facts.candidates.isdisjoint(self.architectures):
            return "no architecture that this dialect is written for is possible"
        if self.not_only and facts.candidates and facts.candidates <= self.not_only:
            return "only architectures that another dialect covers are possible"
        if not self.roles <= facts.roles or not facts.roles.isdisjoint(self.not_roles):
            return "its tensors play other roles"
        if self.trainer and facts.trainer != self.trainer:
            return f"it does not say that {self.trainer} wrote it"
        return self._refusal_by_marks(facts.names)

    def _refusal_by_marks(self, names: str) -> str | None:
        if self.marks and not any(mark in names for mark in self.marks):
            return f"no module name contains {_any_of(self.marks)}"
        present = next((mark for mark in self.not_marks if mark in names), None)
        return f"a module name contains {present!r}" if present else None


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of naming tensors in a LoRA file."""

    name: str
    writers: str
    """Programs that write it."""
    signatures: tuple[Signature, ...]
    examples: tuple[str, ...]
    """Real keys."""

    def refusal(self, facts: KeyFacts) -> str | None:
        """Why the file is not in this dialect, as a sentence; None when it is."""
        refusals = [signature.refusal(facts) for signature in self.signatures]
        if None in refusals:
            return None
        return f"Not {self.name}: {'; '.join(filter(None, refusals))}."


def _any_of(words: tuple[str, ...] | list[str]) -> str:
    return " or ".join(repr(word) for word in words)
