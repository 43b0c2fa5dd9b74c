"""From the modules that a file names to the weights of the connected models.

The host's own names come first, then the same names under any other prefix, then the families'
tables below, in order. All of it works on names and shapes; no tensor is needed.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import LoraFileError
from . import cosmos, hunyuan_video, ideogram4, lumina2, omi, wan, xlabs
from .encoders import find_encoder_module
from .file_modules import FileModule
from .key_map import KeyMap, Target, key_of
from .rule import Rule

RULES: tuple[Rule, ...] = (
    xlabs.RULE,
    omi.RULE,
    hunyuan_video.RULE,
    wan.RULE,
    cosmos.RULE,
    lumina2.RULE,
    ideogram4.RULE,
)
"""In the order in which they are asked; only those for the connected model are."""


def find_targets(modules: Iterable[FileModule], key_map: KeyMap) -> dict[str, Target]:
    """Module name -> target, for the modules that the connected models have.

    Raises:
        LoraFileError: two modules of the file are the same target.
    """
    rules = None
    found: dict[str, Target] = {}
    owners: dict[Target, str] = {}
    for module in modules:
        target = key_map.names.get(module.name)
        if target is None and module.is_encoder:
            target = find_encoder_module(module.prefix, module.path, key_map)
        elif target is None:
            if rules is None:
                rules = [rule for rule in RULES if rule.model in key_map.by_path]
            target = _find_module(module.path, key_map, rules)
        if target is None:
            continue
        owner = owners.setdefault(target, module.name)
        if owner != module.name:
            raise LoraFileError(
                f"{owner} and {module.name} are two names of one weight.",
                hint="The file is badly merged or converted; get it again.",
                key=module.name,
            )
        found[module.name] = target
    return found


def _find_module(path: str, key_map: KeyMap, rules: list[Rule]) -> Target | None:
    target = key_map.by_path.get(path)
    if target is not None:
        return target
    for rule in rules:
        renamed = rule.apply(path)
        target = None if renamed is None else key_map.by_path.get(renamed.path)
        if renamed is None or target is None:
            continue
        if renamed.rows is None:
            return target
        shape = key_map.shape_of(key_of(target))
        if shape is not None and isinstance(target, str) and len(shape) > 1:
            return target, (0, *renamed.rows.of(shape))
    return None
