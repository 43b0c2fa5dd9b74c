"""The stand-in's storage: links, names, ranges."""

from __future__ import annotations

import pytest
import requests
from support.stand_in_requests import BYTES, LOGGED_IN, get_link


@pytest.mark.parametrize("name", ["../../evil.safetensors", "a\r\nX-Evil: 1", "CON", "a\\b.pt"])
def test_a_hostile_name_reaches_the_header_and_stays_in_it(market, publish, name):
    response = requests.get(get_link(market, publish(file_name=name)), timeout=5)

    assert response.status_code == 200
    assert "X-Evil" not in response.headers
    expected = name.replace("\r\n", "__")
    assert response.headers["Content-Disposition"] == f'attachment; filename="{expected}"'


def test_the_storage_refuses_a_key_another_verb_and_a_changed_or_old_link(market, publish):
    lora = publish()
    link = get_link(market, lora)

    refusals = {
        "Missing x-amz-content-sha256": requests.get(link, headers=LOGGED_IN, timeout=5),
        "": requests.head(link, timeout=5),
        "does not match": requests.get(link.replace("Expires", "Exqires") + "0", timeout=5),
    }
    market.expire_links()
    refusals["Request has expired"] = requests.get(link, timeout=5)

    assert [response.status_code for response in refusals.values()] == [400, 403, 403, 403]
    for text, response in refusals.items():
        assert text in response.text
        assert response.headers["Content-Type"] == "application/xml"
    assert requests.get(get_link(market, lora), timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"Range": "bytes=0-9"}, 206, slice(0, 10)),
        ({"Range": "bytes=50000-"}, 206, slice(50000, None)),
        ({"Range": "bytes=-7"}, 206, slice(-7, None)),
        ({"Range": "bytes=51100-999999"}, 206, slice(51100, None)),
        ({"Range": "bytes=51200-"}, 416, None),
        ({"Range": "bytes=9-3"}, 200, slice(None)),
        ({"Range": "lines=1-2"}, 200, slice(None)),
        ({"Range": "bytes=9-", "If-Range": "{etag}"}, 206, slice(9, None)),
        ({"Range": "bytes=9-", "If-Range": '"other"'}, 200, slice(None)),
    ],
)
def test_the_storage_honours_ranges(market, publish, headers, status, expected):
    link = get_link(market, publish(BYTES))
    etag = requests.get(link, timeout=5).headers["ETag"]

    sent = {name: value.format(etag=etag) for name, value in headers.items()}
    response = requests.get(link, headers=sent, timeout=5)

    assert response.status_code == status
    if expected is None:
        assert response.headers["Content-Range"] == "bytes */51200"
    else:
        start, stop, _ = expected.indices(len(BYTES))
        assert response.content == BYTES[expected]
        given = response.headers.get("Content-Range")
        assert given == (f"bytes {start}-{stop - 1}/51200" if status == 206 else None)
