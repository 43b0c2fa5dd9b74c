"""Groups a file's tensors by module and refuses what contradicts itself. Names and shapes only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from ...errors import LoraFileError
from ..keys import split_prefix, split_tail
from .rule import Shape

EMBEDDING_PREFIX = "bundle_emb."
"""OneTrainer stores trained embeddings beside a LoRA's modules."""

_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "lora": (("down", "up"), ("mid", "reshape_weight", "up_bias")),
    "loha": (("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), ("hada_t1", "hada_t2")),
    "lokr": ((), ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b",
                  "lokr_t2")),
    "glora": (("a1", "a2", "b1", "b2"), ()),
    "oft": ((), ("oft_blocks", "rescale")),
    "oft_input": (("oft_R",), ()),
    "ia3": (("weight", "on_input"), ()),
    "diff": (("diff",), ()),
    "set": (("set_weight",), ()),
    "norm": (("w_norm",), ()),
}  # fmt: skip
"""Algorithm -> (roles it needs, roles it may have); of `lokr` and `oft` more below."""
_UNSUPPORTED = {
    ".oft_R.scaled_oft": "OneTrainer's scaled OFT, whose scale depends on its release,",
    ".oft_R.cans_oft": "OneTrainer's OFT by Newton-Schulz steps",
    ".initial_norm": "OneTrainer's DoRA over OFT",
    ".dora_multiplier": "OneTrainer's DoRA over OFT",
}
"""Endings of marker tensors -> what they stand for."""
_DECOMPOSED = frozenset({"lora", "loha", "lokr", "glora"})
_BIASES = frozenset({"diff_b", "b_norm"})
_MAGNITUDES = frozenset({"magnitude", "dora_scale"})
_TITLES = {
    "lora": "a LoRA pair", "loha": "a LoHa", "lokr": "a LoKr", "glora": "a GLoRA", "oft": "an OFT",
    "oft_input": "an OFT of the input side", "ia3": "an IA3 scale", "diff": "a full difference",
    "set": "a whole new weight", "norm": "a norm's difference",
}  # fmt: skip
_COUNTERPARTS = (
    ("lora_up", "lora_down"), ("lora_B", "lora_A"), (".up.", ".down."), ("_w1_a", "_w1_b"),
)  # fmt: skip


@dataclass(slots=True)
class FileModule:
    """One adapted module, as a file spells it."""

    name: str
    """As reports call it; the same as `module_names.modules_of` gives."""
    prefix: str
    path: str
    is_encoder: bool
    algorithm: str = ""
    """One of `_KINDS`, or `bias`."""
    tensors: dict[str, str] = field(default_factory=dict)
    """Role -> tensor name."""
    shapes: dict[str, Shape] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        """Of a LoRA pair."""
        return self.shapes["down"][0]


def read_modules(shapes: Mapping[str, Shape]) -> list[FileModule]:
    """The modules of a file, in its order.

    Names that are no adapter's are left out, and so are modules that nothing adapts (an alpha
    alone, a checkpoint's weight).

    Raises:
        LoraFileError: half of a module is missing, a tensor is there twice, or two algorithms
            adapt one module.
    """
    modules: dict[str, FileModule] = {}
    for name, shape in shapes.items():
        for suffix, what in _UNSUPPORTED.items():
            if name.endswith(suffix):
                raise LoraFileError(
                    f"{name}: {what} is not supported.",
                    hint="Train or export it as plain OFT or LoRA.", key=name,
                )  # fmt: skip
        split = None if name.startswith(EMBEDDING_PREFIX) else split_tail(name)
        if split is None:
            continue
        base, tail = split
        module = modules.get(base)
        if module is None:
            spoken = base.removesuffix("_lora") if tail.spelling == "plain" else base
            module = modules[base] = FileModule(spoken, *split_prefix(base, tail.spelling))
        other = module.tensors.setdefault(tail.role, name)
        if other != name:
            raise _bad(f"{other} and {name} are the same tensor under two names.", name)
        module.shapes[tail.role] = shape
    return [module for module in modules.values() if _classify(module)]


def _classify(module: FileModule) -> bool:
    """Names the algorithm; False when nothing is adapted."""
    roles = module.tensors
    for role in ("alpha", "on_input"):
        if role in roles and prod(module.shapes[role]) != 1:
            count = prod(module.shapes[role])
            raise _bad(f"{roles[role]} holds {count} numbers instead of one.", roles[role])
    if "weight" in roles and "on_input" not in roles:
        return False
    found = [name for name, kind in _KINDS.items() if _has_any(roles, kind)]
    if len(found) > 1:
        both = " and ".join(_TITLES[name] for name in found)
        raise _bad(f"{module.name} has {both}; only one of them can be applied.", module.name)
    if not found:
        return _is_bias(module)
    module.algorithm = found[0]
    for role in _missing(module.algorithm, roles):
        name = _counterpart(module, role)
        raise _bad(f"{name} is missing, its other half is there.", name)
    misplaced = roles.keys() & (_MAGNITUDES if module.algorithm not in _DECOMPOSED else set())
    for role in sorted(misplaced):
        raise _bad(
            f"{roles[role]} is a DoRA magnitude, which {_TITLES[module.algorithm]} cannot have.",
            roles[role],
        )
    return True


def _is_bias(module: FileModule) -> bool:
    if _BIASES & module.tensors.keys():
        module.algorithm = "bias"
        return True
    for role in sorted(module.tensors.keys() - {"alpha"}):
        name = module.tensors[role]
        raise _bad(f"{name} stands alone: what it belongs to is missing.", name)
    return False


def _has_any(roles: Mapping[str, str], kind: tuple[tuple[str, ...], tuple[str, ...]]) -> bool:
    needed, optional = kind
    parts = "oft_blocks" in optional and "oft_blocks.0" in roles
    return parts or any(role in roles for role in (*needed, *optional))


def _missing(algorithm: str, roles: Mapping[str, str]) -> list[str]:
    """Roles that the module lacks."""
    needed = list(_KINDS[algorithm][0])
    if algorithm == "lokr":
        for side in ("lokr_w1", "lokr_w2"):
            if side not in roles:
                needed += (
                    [f"{side}_a", f"{side}_b"]
                    if {f"{side}_a", f"{side}_b"} & roles.keys()
                    else [side]
                )
    if algorithm == "loha" and {"hada_t1", "hada_t2"} & roles.keys():
        needed += ["hada_t1", "hada_t2"]
    if algorithm == "oft" and "oft_blocks.0" not in roles:
        needed.append("oft_blocks")
    return [role for role in needed if role not in roles]


def _counterpart(module: FileModule, role: str) -> str:
    """The missing tensor's name, spelled as its other half is."""
    other = module.tensors.get({"down": "up", "up": "down"}.get(role, ""))
    if other is None:
        there = next(iter(module.tensors.values()))
        base = split_tail(there)
        return f"{base[0] if base else there}.{role}"
    for up, down in _COUNTERPARTS:
        if role == "down" and up in other:
            return down.join(other.rsplit(up, 1))
        if role == "up" and down in other:
            return up.join(other.rsplit(down, 1))
    return other


def _bad(sentence: str, key: str) -> LoraFileError:
    return LoraFileError(
        sentence, hint="The file is damaged or badly converted; get it again.", key=key
    )
