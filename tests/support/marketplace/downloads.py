"""GET /api/download/models/{versionId}: a redirect to storage, or why not.

The checks run in the site's order. A browser is sent to a page or told in HTML; any other client
gets JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from .links import Clock
from .messages import Reply, Request, html_reply, json_reply, redirect_reply
from .values import File, Model, Version
from .vocabulary import DOWNLOAD_PARAMETERS

NO_STORE = "no-store, max-age=0"
LOGIN_REQUIRED = "The creator of this asset requires you to be logged in to download it"
DISABLED = "The creator of this asset has disabled downloads on this file"
EARLY_ACCESS = "This asset is in Early Access. You can use Buzz access it now!"
MAX_ID = 2147483647


def answer_download(
    request: Request,
    version_id: str,
    find: Callable[[int], tuple[Model, Version] | None],
    link: Callable[[File], str],
    clock: Clock,
    has_key: bool,
) -> Reply:
    """Everything after the site-wide refusals, which are faults (`forbidden_403`, `quota_429`)."""
    if problem := check_id(version_id, "modelVersionId") or _check_parameters(request):
        return _refuse(request, 400, {"error": problem})
    found = find(int(version_id))
    if found is None or found[0].fields.get("poi"):
        return not_found(request)
    model, version = found
    refusal = _refuse_version(request, model, version, clock, has_key)
    return refusal or _send_file(request, version, link)


def not_found(request: Request) -> Reply:
    return _refuse(request, 404, {"error": "File not found"})


def is_early(version: Version, clock: Clock) -> bool:
    paid = version.fields["paidAccess"]
    if not paid:
        return False
    ends_at = paid["endsAt"]
    return paid["permanent"] or datetime.fromisoformat(ends_at.replace("Z", "+00:00")) > clock.now()


def check_id(text: str, name: str) -> str | None:
    """The site's complaint about an id, or None."""
    try:
        number = float(text)
    except ValueError:
        return f"✖ Invalid input: expected number, received NaN\n  → at {name}"
    if number > MAX_ID:
        return f"✖ Too big: expected number to be <={MAX_ID}\n  → at {name}"
    if not text.lstrip("-").isdecimal():
        return f"✖ Invalid input: expected int, received number\n  → at {name}"
    if number < 1:
        return f"✖ Too small: expected number to be >=1\n  → at {name}"
    return None


def _check_parameters(request: Request) -> str | None:
    for name, allowed in DOWNLOAD_PARAMETERS.items():
        value = request.arg(name)
        if value is not None and value not in allowed:
            options = "|".join(f'"{word}"' for word in allowed)
            return f"✖ Invalid option: expected one of {options}\n  → at {name}"
    file_id = request.arg("fileId")
    return check_id(file_id, "fileId") if file_id is not None else None


def _refuse_version(
    request: Request, model: Model, version: Version, clock: Clock, has_key: bool
) -> Reply | None:
    if model.mode == "Archived":
        return _refuse(request, 410, {"error": "Model archived, not available for download"})
    if not version.is_published:
        return not_found(request)
    if version.fields["usageControl"] != "Download":
        return _refuse(request, 401, {"error": "Unauthorized", "message": DISABLED})
    if version.require_login and not has_key:
        page = quote(f"/model-versions/{version.id}", safe="")
        login = f"/login?returnUrl={page}&reason=download-auth"
        return _refuse(request, 401, {"error": "Unauthorized", "message": LOGIN_REQUIRED}, login)
    if is_early(version, clock):
        ends_at = version.fields["paidAccess"]["endsAt"]
        body = {"error": "Early Access", "deadline": ends_at, "message": EARLY_ACCESS}
        body = {key: value for key, value in body.items() if value is not None}
        return _refuse(request, 403, body, f"/model-versions/{version.id}")
    if version.fields["availability"] == "Private":
        return _refuse(request, 403, {"error": "You do not have access to download this file"})
    return None


def _send_file(request: Request, version: Version, link: Callable[[File], str]) -> Reply:
    wanted = {name: request.arg(name) for name in ("format", "size", "fp", "quantType")}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    file_id = request.arg("fileId")
    if file_id is not None:
        # Looked up by file and version: a linked file of another version is not found.
        file = next((file for file in version.files if file.id == int(file_id)), None)
    else:
        file = version.choose_file(wanted, request.arg("type"))
        if file and any(file.fields["metadata"].get(name) != wanted[name] for name in wanted):
            file = None
    if file is None or file.path is None:
        return not_found(request)
    return redirect_reply(link(file), Cache_Control=NO_STORE)


def _refuse(
    request: Request, status: int, body: dict[str, str], browser_page: str | None = None
) -> Reply:
    if not request.is_browser:
        return json_reply(status, body, Cache_Control=NO_STORE)
    if browser_page:
        return redirect_reply(browser_page, Cache_Control=NO_STORE)
    return html_reply(status, body.get("message", body["error"]), Cache_Control=NO_STORE)
