"""Takes secrets and the author's home folder out of the texts of a graph's nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .node_packs import nodes_of

Json = dict[str, Any]

REMOVED = "[removed]"
MAX_TEXT_LENGTH = 1_000_000
"""Longer values are pictures and other data in a text's clothes."""
_MAX_DEPTH = 30
_BEFORE, _AFTER = r"(?<![A-Za-z0-9_/+-])", r"(?![A-Za-z0-9_-])"
_TOKENS = re.compile(
    _BEFORE
    + "(?:"
    + "|".join(
        (
            r"hf_[A-Za-z0-9]{30,}",  # Hugging Face
            r"api_org_[A-Za-z0-9]{30,}",
            r"r8_[A-Za-z0-9]{30,}",  # Replicate
            r"ms-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",  # ModelScope
            r"sk-(?=[A-Za-z_-]*[0-9])(?:proj-|ant-|or-)?[A-Za-z0-9_-]{24,}",  # OpenAI and others
            r"comfyui-[0-9a-f]{48,}",  # Comfy API
            r"gh[pousr]_[A-Za-z0-9]{36,}",  # GitHub
            r"github_pat_[A-Za-z0-9_]{40,}",
            r"AKIA[0-9A-Z]{16}",  # AWS
            r"AIza[0-9A-Za-z_-]{35}",  # Google
            r"xox[abpr]-[0-9A-Za-z-]{20,}",  # Slack
            r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",  # JSON Web Token
        )
    )
    + ")"
    + _AFTER
)
_BEARER = re.compile(r"((?:Bearer|Basic) +)(?=[^ ]*[0-9])[A-Za-z0-9._~+/=-]{20,}")
_URL_LOGIN = re.compile(r"(https?://)[^/\s@?#\"']{1,500}@(?=[A-Za-z0-9])")
_URL_SECRET = re.compile(
    r"([?&](?:token|api_?key|access_?token|auth_?token|signature|sig|x-amz-signature"
    r"|x-amz-credential|x-amz-security-token)=)[^&#\s\"')>\]]{1,5000}",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"(?:.*[_ .-])?(?:api[_ -]?keys?|token|secret|secret[_ -]?key|access[_ -]?key|authorization)\Z",
    re.IGNORECASE,
)
_PASSWORD_NAME = re.compile(r"(?:.*[_ .-])?(?:password|passwd)\Z", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_.:+/=-]{16,500}\Z")
_HEX32 = re.compile(r"[0-9a-fA-F]{32}\Z")
"""A Civitai key, among other things: only a name can tell."""
_HOME = re.compile(
    r"(?<![\w./\\:~-])(?:/(?:home|Users)/|[A-Za-z]:[\\/]+Users[\\/]+)"
    r"(?!(?:Shared|Public|Default)[\\/])[^\s/\\:*?\"<>|,;]{1,64}(?=[\\/]|\Z)"
)
_ROOT_HOME = re.compile(r"(?<![\w./\\:~-])/root(?=/)")


def scrub_ui(graph: Json) -> list[str]:
    """Scrubs the nodes of a UI graph, in place; a sentence for each kind of thing in each node."""
    removed: list[str] = []
    for node in nodes_of(graph):
        where = f"node {node.get('id')} ({node['type']})"
        values = node.get("widgets_values")
        if isinstance(values, list):
            names: dict[Any, str] = dict(enumerate(_widget_names(node)))
        else:
            names = {key: str(key) for key in values} if isinstance(values, dict) else {}
        if isinstance(values, list | dict):
            removed += _scrub(values, where, names, str(node["type"]))
        properties = node.get("properties")
        if isinstance(properties, dict):
            # Lists of models are cleaned of secrets as what they are.
            rest = {key: value for key, value in properties.items() if key != "models"}
            removed += _scrub(rest, where, {key: str(key) for key in rest}, "")
            properties.update(rest)
        if isinstance(node.get("title"), str):
            removed += _scrub(node, where, {}, "", keys=("title",))
    return removed


def scrub_api(graph: Json) -> list[str]:
    """Scrubs the inputs of an API graph, in place; as `scrub_ui`.

    Takes out `is_changed`, too, without a word: the host's own note of how files of this machine
    were, often with their paths. Another host would take it for its own.
    """
    removed: list[str] = []
    for node_id, node in graph.items():
        node.pop("is_changed", None)
        inputs = node.get("inputs")
        if isinstance(inputs, dict):
            where = f"node {node_id} ({node['class_type']})"
            names = {key: str(key) for key in inputs}
            removed += _scrub(inputs, where, names, node["class_type"])
    return removed


def scrubbed(value: Any) -> Any:
    """A copy of JSON without secrets and home folders, wherever they stand in it."""
    if isinstance(value, str):
        return scrub_text(value)[0]
    if isinstance(value, list):
        return [scrubbed(inner) for inner in value]
    if isinstance(value, dict):
        return {
            key: "" if _is_secret(str(key), inner, "") else scrubbed(inner)
            for key, inner in value.items()
        }
    return value


def scrub_text(text: str) -> tuple[str, list[str]]:
    """A text without secrets and home folders, and what was taken out of it."""
    if len(text) > MAX_TEXT_LENGTH:
        return text, []
    cleaned, found = text, []
    for what, form, new in _RULES:
        if form.search(cleaned):
            cleaned = form.sub(new, cleaned)
            found.append(what)
    return ("" if cleaned == REMOVED else cleaned), found


_TOKEN, _LOGIN, _FOLDER = "An access token", "A login in a URL", "The name of a home folder"
_RULES = (
    (_TOKEN, _TOKENS, REMOVED),
    (_TOKEN, _BEARER, rf"\1{REMOVED}"),
    (_LOGIN, _URL_LOGIN, r"\1"),
    (_TOKEN, _URL_SECRET, rf"\1{REMOVED}"),
    (_FOLDER, _HOME, "~"),
    (_FOLDER, _ROOT_HOME, "~"),
)


def _widget_names(node: Json) -> list[str]:
    """Names of a saved node's widgets in their order, as far as its inputs tell them."""
    inputs = node.get("inputs")
    names = []
    for slot in inputs if isinstance(inputs, list) else ():
        widget = slot.get("widget") if isinstance(slot, dict) else None
        if isinstance(widget, dict):
            names.append(str(widget.get("name")))
    return names


def _is_secret(name: str, value: Any, class_type: str) -> bool:
    """Whether an input's name, or its node's, makes its value a secret."""
    if not isinstance(value, str) or not value:
        return False
    if _PASSWORD_NAME.match(name):
        return True
    if _SECRET_NAME.match(name):
        return _SECRET_VALUE.match(value) is not None
    return "civitai" in class_type.lower() and _HEX32.match(value) is not None


def _scrub(
    container: Any, where: str, names: Mapping[Any, str], class_type: str,
    keys: Iterable[Any] | None = None,
) -> list[str]:  # fmt: skip
    found: list[str] = []
    for holder, key, name in _texts(container, names, keys):
        if _is_secret(name, holder[key], class_type):
            holder[key] = ""
            found.append(f"An access token in {where}.")
            continue
        cleaned, what = scrub_text(holder[key])
        if what:
            holder[key] = cleaned
            found += [f"{one} in {where}." for one in what]
    return list(dict.fromkeys(found))


def _texts(
    container: Any, names: Mapping[Any, str], keys: Iterable[Any] | None = None, depth: int = 0
) -> Iterator[tuple[Any, Any, str]]:
    """(list or object, key, name of the input) of every text at or below."""
    if keys is None:
        keys = list(container) if isinstance(container, dict) else range(len(container))
    for key in keys:
        value, name = container[key], names.get(key, "")
        if isinstance(value, str):
            yield container, key, name
        elif isinstance(value, list | dict) and depth < _MAX_DEPTH:
            inner = {k: str(k) for k in value} if isinstance(value, dict) else {}
            yield from _texts(value, inner, None, depth + 1)
