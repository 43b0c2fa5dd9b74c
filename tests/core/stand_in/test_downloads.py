"""The stand-in gives and refuses downloads as Civitai does."""

from __future__ import annotations

import hashlib

import pytest
from support.stand_in_requests import KEY, LOGGED_IN, get_download

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
DOWNLOAD_REFUSALS = [
    (
        {"require_login": True},
        401,
        "The creator of this asset requires you to be logged in to download it",
    ),
    (
        {"downloads_disabled": True, "require_login": True},
        401,
        "The creator of this asset has disabled downloads on this file",
    ),
    (
        {"early_access_until": "2099-01-01T00:00:00.000Z"},
        403,
        "This asset is in Early Access. You can use Buzz access it now!",
    ),
    ({"private": True}, 403, "You do not have access to download this file"),
    ({"unpublished": True}, 404, "File not found"),
    (
        {"archived": True, "unpublished": True, "require_login": True},
        410,
        "Model archived, not available for download",
    ),
]


@pytest.mark.parametrize(("options", "status", "message"), DOWNLOAD_REFUSALS)
def test_a_download_is_refused_in_json(market, publish, options, status, message):
    response = get_download(market, publish(**options))

    assert response.status_code == status
    assert response.json().get("message", response.json()["error"]) == message
    assert response.headers["Cache-Control"] == "no-store, max-age=0"


@pytest.mark.parametrize(
    ("options", "status", "goal"),
    [
        ({"require_login": True}, 307, "/login?returnUrl=%2Fmodel-versions%2F{}&reason="),
        ({"early_access_until": "permanent"}, 307, "/model-versions/{}"),
        ({"archived": True}, 410, None),
        ({"downloads_disabled": True}, 401, None),
    ],
)
def test_a_browser_is_sent_to_a_page_or_told_in_html(market, publish, options, status, goal):
    lora = publish(**options)

    response = get_download(market, lora, headers=BROWSER)

    assert response.status_code == status
    if goal is None:
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    else:
        assert response.headers["Location"].startswith(goal.format(lora.version_id))
        page = get_download(market, lora, headers=BROWSER, allow_redirects=True)
        assert (page.status_code, page.headers["Content-Type"][:9]) == (200, "text/html")


def test_a_key_opens_a_download_that_requires_login_and_no_other(market, publish):
    opened = [
        get_download(market, publish(**options), headers=LOGGED_IN).status_code == 307
        for options, *_ in DOWNLOAD_REFUSALS
    ]
    bad_key = get_download(market, publish(require_login=True), "?token=wrong")

    assert opened == [True, False, False, False, False, False]
    assert bad_key.status_code == 401
    assert get_download(market, publish(require_login=True), f"?token={KEY}").status_code == 307


def test_early_access_names_its_deadline_and_ends(market, publish):
    soon = publish(early_access_until="2099-01-01T00:00:00.000Z")
    never = publish(early_access_until="permanent")
    over = publish(early_access_until="2020-01-01T00:00:00.000Z")

    assert get_download(market, soon).json()["deadline"] == "2099-01-01T00:00:00.000Z"
    assert "deadline" not in get_download(market, never).json()
    assert get_download(market, over).status_code == 307


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?fileId={file}", 307),
        ("?fileId={other}", 404),
        ("?fileId=x", 400),
        ("?type=Model&format=SafeTensor", 307),
        ("?type=VAE", 404),
        ("?type=Banana", 400),
        ("?format=GGUF", 404),
        ("?format=GGUF&fileId={file}", 307),
        ("?size=huge", 400),
    ],
)
def test_download_parameters_select_or_refuse(market, publish, query, status):
    lora, other = publish(), publish()

    response = get_download(market, lora, query.format(file=lora.file_id, other=other.file_id))

    assert response.status_code == status


def test_a_bare_download_gives_the_primary_file_and_a_file_id_the_other(market, publish):
    full = publish()
    pruned = publish(in_version=full, metadata={"size": "pruned"})

    assert pruned.storage_path in get_download(market, full).headers["Location"]
    by_id = get_download(market, full, f"?fileId={full.file_id}")
    assert full.storage_path in by_id.headers["Location"]


def test_a_download_ends_at_the_storage_with_the_published_bytes(market, publish):
    lora = publish(file_name='夏 "x".safetensors')

    response = get_download(market, lora, headers=LOGGED_IN, allow_redirects=True)

    assert hashlib.sha256(response.content).hexdigest().upper() == lora.sha256
    assert response.headers["Accept-Ranges"] == "bytes"
    disposition = response.headers["Content-Disposition"].encode("latin-1").decode()
    assert disposition == 'attachment; filename="夏 "x".safetensors"'
    first, second = market.requests
    assert (first.origin, first.status, first.headers["authorization"][:6]) == (
        "site",
        307,
        "Bearer",
    )
    assert (second.origin, second.path) == ("storage", lora.storage_path)
    assert "Authorization" not in second.headers
    assert second.query["X-Amz-Expires"] == ("86400",)
