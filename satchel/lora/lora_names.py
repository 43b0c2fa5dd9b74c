"""Which file a LoRA's name in a prompt means."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection

from ..errors import InvalidInputError, ModelNotFoundError
from ..folders import posix_name, without_extension


def match_name(wanted: str, names: Collection[str], label: str) -> str:
    """The listed name that a prompt means: the whole name, or without its extension, or the file's
    own name without folders if only one file is called so. Never a part of a name.

    Args:
        names: all names, with `/`.
        label: how messages call what names it.

    Raises:
        ModelNotFoundError: no file is called so.
        InvalidInputError: several are.
    """
    name = posix_name(wanted)
    if name in names:
        return name
    spellings: tuple[Callable[[str], str], ...] = (
        without_extension,
        _base,
        lambda known: without_extension(_base(known)),
    )
    for spelled in spellings:
        found = [known for known in names if spelled(known) == name]
        if len(found) > 1:
            raise InvalidInputError(
                f"{label}: {wanted!r} may be {', '.join(sorted(found))}.",
                hint="Write the folder, too.",
                name=wanted,
                candidates=sorted(found),
            )
        if found:
            return found[0]
    close = _close(name, names)
    raise ModelNotFoundError(
        f"{label}: {wanted!r} is in none of the loras folders.",
        hint=f"Close to it: {', '.join(close)}." if close else "",
        name=wanted,
        directory="loras",
    )


def same_file(first: str, second: str) -> bool:
    """Whether two names can be one file's: packs change separators, leave out folders and
    extensions, or put the LoRA folder's own path in front."""
    one, other = without_extension(posix_name(first)), without_extension(posix_name(second))
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _close(name: str, names: Collection[str]) -> list[str]:
    """Up to three names that are spelled nearly like it, case aside."""
    by_spelling = {without_extension(_base(known)).casefold(): known for known in names}
    by_spelling |= {without_extension(known).casefold(): known for known in names}
    found = difflib.get_close_matches(without_extension(name).casefold(), by_spelling, 3)
    return list(dict.fromkeys(by_spelling[spelling] for spelling in found))
