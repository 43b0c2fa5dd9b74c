"""Texts that name a model."""

from __future__ import annotations

import pytest

from satchel.errors import ReferenceSyntaxError
from satchel.references import CivitaiReference, DigestReference, parse_reference

SHA256 = "5c31228594c022cce989f8586563fe36832f1ebfab6ab7737834ea6db6b960ae"

GOOD = [
    (SHA256, DigestReference("SHA256", SHA256)),
    (f"  {SHA256.upper()}\n", DigestReference("SHA256", SHA256)),
    ("https://civitai.com/models/1?modelVersionId=2", CivitaiReference(version_id=2)),
    ("https://www.civitai.com/models/1/ink-wash?modelVersionId=2", CivitaiReference(version_id=2)),
    ("https://civitai.red/models/1/ink?modelVersionId=2#files", CivitaiReference(version_id=2)),
    ("https://civitai.green/models/1/?modelVersionId=2", CivitaiReference(version_id=2)),
    ("HTTPS://CIVITAI.COM/models/1?modelVersionId=2", CivitaiReference(version_id=2)),
    ("https://civitai.com/models/1?a=b&modelVersionId=2&fileId=3", CivitaiReference(None, 2, 3)),
    ("https://civitai.com/api/download/models/2", CivitaiReference(version_id=2)),
    ("https://civitai.com/api/download/models/2/?fileId=3", CivitaiReference(None, 2, 3)),
    (
        "https://civitai.com/api/download/models/2?type=Model&format=SafeTensor",
        CivitaiReference(None, 2),
    ),
    ("https://civitai.com/api/download/models/2?fileId=x", CivitaiReference(version_id=2)),
    ("https://civitai.com/api/v1/model-versions/2", CivitaiReference(version_id=2)),
    ("https://civitai.com/model-versions/2", CivitaiReference(version_id=2)),
    ("urn:air:sdxl:lora:civitai:328553@368189", CivitaiReference(version_id=368189)),
    (
        "urn:air:sdxl:checkpoint:civitai:827184@2514310+2402203",
        CivitaiReference(None, 2514310, 2402203),
    ),
    ("urn:air:wanvideo-22-i2v-a14b:lora:civitai:910010@1021001", CivitaiReference(None, 1021001)),
    ("urn:air:a/b:lora:civitai:1@2", CivitaiReference(None, 2)),
    ("urn:air:sd1:embedding:civitai:7808@9208.safetensors", CivitaiReference(version_id=9208)),
    ("urn:air:sd1:embedding:civitai:7808@9208+5.safetensors", CivitaiReference(None, 9208, 5)),
    ("urn:air:other:unknown:civitai:1@2", CivitaiReference(version_id=2)),
    ("URN:AIR:SDXL:LORA:CIVITAI:1@2", CivitaiReference(version_id=2)),
    ("air:sdxl:lora:civitai:1@2", CivitaiReference(version_id=2)),
    ("lora:civitai:1@2", CivitaiReference(version_id=2)),
    ("civitai:4384@128713", CivitaiReference(version_id=128713)),
]


@pytest.mark.parametrize(("text", "reference"), GOOD)
def test_a_text_names_a_model(text, reference):
    assert parse_reference(text) == reference


BAD = [
    ("", "none of the known forms"),
    ("ink wash", "none of the known forms"),
    ("1@2", "none of the known forms"),
    (SHA256[:-1], "none of the known forms"),
    (SHA256 + "0", "none of the known forms"),
    ("g" * 64, "none of the known forms"),
    ("e3b0c44298", "none of the known forms"),
    ("urn:air:sd1:checkpoint:civitai:4384", "none of the known forms"),
    ("urn:air:sdxl:lora:civitai:abc@def", "none of the known forms"),
    ("urn:air:flux1:vae:huggingface:black-forest-labs/FLUX.1-dev@main/ae.safetensors", "none"),
    ("urn:air:some future base 9000:lora:civitai:1@2", "none of the known forms"),
    ("urn:air:sdxl:lora:notcivitai:1@2", "none of the known forms"),
    ("urn:air:sdxl:lora:civitai:1@2 extra", "none of the known forms"),
    ("urn:air:sdxl:lora:civitai:1@" + "9" * 5000, "none of the known forms"),
    ("urn:air:sdxl:lora:civitai:1@２", "none of the known forms"),
    ("https://civitai.com/models/1", "not one of its versions"),
    ("https://civitai.com/models/1/ink-wash", "not one of its versions"),
    ("https://civitai.com/models/1?modelVersionId=x", "not one of its versions"),
    ("https://civitai.com/models/1?modelVersionId=-2", "not one of its versions"),
    ("https://civitai.com/models/1?modelVersionId=" + "9" * 5000, "not one of its versions"),
    ("https://civitai.com/images/1", "no model page"),
    ("https://civitai.com/", "no model page"),
    ("https://civitai.com/api/v1/model-versions/" + "9" * 5000, "no model page"),
    ("https://civitai.com/api/download/models/" + "9" * 5000, "does not name a model"),
    ("https://evilcivitai.com/models/1?modelVersionId=2", "no address of Civitai"),
    ("https://civitai.com.evil.com/models/1?modelVersionId=2", "no address of Civitai"),
    ("https://civitai.com@evil.com/models/1?modelVersionId=2", "no address of Civitai"),
    ("https://huggingface.co/a/b/resolve/main/c.safetensors", "no address of Civitai"),
    ("https://[::1/models/1", "no valid URL"),
    ("file:///etc/passwd", "no address of Civitai"),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_a_text_that_names_none_is_refused_with_the_reason(text, reason):
    with pytest.raises(ReferenceSyntaxError, match=reason) as caught:
        parse_reference(text)

    assert caught.value.code == "reference_syntax"
    assert caught.value.details["text"] == text
    assert "urn:air:" in caught.value.hint
