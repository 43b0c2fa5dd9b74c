"""Texts that name a model: each form, there and back, and what a bad one is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.errors import AmbiguousReferenceError, ReferenceSyntaxError
from satchel.references import (
    ArchiveReference,
    CivitaiReference,
    DigestReference,
    FileNameReference,
    HubReference,
    TrainingReference,
    UrlReference,
    parse_reference,
    to_text,
)

DATA = Path(__file__).resolve().parents[1] / "data" / "references"
SHA256 = "5c31228594c022cce989f8586563fe36832f1ebfab6ab7737834ea6db6b960ae"
ANY_SHA256 = DigestReference("SHA256", SHA256, ("BLAKE3", "AutoV3"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def hub(repository, revision=None, path=None):
    return HubReference("huggingface", repository, revision, path)


def scope(repository, revision=None, path=None):
    return HubReference("modelscope", repository, revision, path)


def fal(url):
    return TrainingReference("fal", url)


def replicate(url):
    return TrainingReference("replicate", url)


CIVITAI = [
    ("https://civitai.com/models/1?modelVersionId=2", CivitaiReference(1, 2)),
    ("https://www.civitai.com/models/1/ink-wash?modelVersionId=2", CivitaiReference(1, 2)),
    ("https://civitai.red/models/1/ink?modelVersionId=2#files", CivitaiReference(1, 2)),
    ("https://civitai.green/models/1/?modelVersionId=2", CivitaiReference(1, 2)),
    ("https://some.civitai.com/models/1?modelVersionId=2", CivitaiReference(1, 2)),
    ("HTTPS://CIVITAI.COM/models/1?modelVersionId=2", CivitaiReference(1, 2)),
    ("http://civitai.com/models/1?modelVersionId=2", CivitaiReference(1, 2)),
    ("civitai.com/models/1?modelVersionId=2", CivitaiReference(1, 2)),
    ("https://civitai.com/models/1?a=b&modelVersionId=2&fileId=3", CivitaiReference(1, 2, 3)),
    ("https://civitai.com/models/1", CivitaiReference(1)),
    ("https://civitai.com/models/1/ink-wash", CivitaiReference(1)),
    ("https://civitai.com/api/v1/models/1", CivitaiReference(1)),
    ("https://civitai.com/api/download/models/2", CivitaiReference(None, 2)),
    ("https://civitai.com/api/download/models/2/?fileId=3", CivitaiReference(None, 2, 3)),
    ("https://civitai.com/api/download/models/2?type=Model&token=abc", CivitaiReference(None, 2)),
    ("https://civitai.com/api/v1/model-versions/2", CivitaiReference(None, 2)),
    ("https://civitai.com/model-versions/2", CivitaiReference(None, 2)),
    (
        "https://civitai.com/api/v1/model-versions/mini/2?modelFileId=3",
        CivitaiReference(None, 2, 3),
    ),
    (f"https://civitai.com/api/v1/model-versions/by-hash/{SHA256.upper()}", ANY_SHA256),
    ("https://civitai.com/images/71000001", CivitaiReference(image_id=71000001)),
]
DIGESTS = [
    (SHA256, ANY_SHA256),
    (f"  {SHA256.upper()}\n", ANY_SHA256),
    (f"sha256:{SHA256}", DigestReference("SHA256", SHA256)),
    (f"BLAKE3: {SHA256}", DigestReference("BLAKE3", SHA256)),
    (f"autov3={SHA256}", DigestReference("AutoV3", SHA256[:12])),
    ("D4A3F7CDAA4B", DigestReference("AutoV3", "d4a3f7cdaa4b")),
    ("512668307B", DigestReference("AutoV2", "512668307b")),
    ("d216d7ed", DigestReference("AutoV1", "d216d7ed", ("CRC32",))),
    ("AutoV1 d216d7ed", DigestReference("AutoV1", "d216d7ed")),
    ("crc32:22DCFDC5", DigestReference("CRC32", "22dcfdc5")),
]
AIRS = [
    ("urn:air:sdxl:lora:civitai:328553@368189", CivitaiReference(328553, 368189)),
    (
        "urn:air:sdxl:checkpoint:civitai:827184@2514310+2402203",
        CivitaiReference(827184, 2514310, 2402203),
    ),
    ("urn:air:sd1:embedding:civitai:7808@9208.safetensors", CivitaiReference(7808, 9208)),
    ("urn:air:sd1:embedding:civitai:7808@9208+5.safetensors", CivitaiReference(7808, 9208, 5)),
    ("urn:air:sd1:checkpoint:civitai:4384", CivitaiReference(4384)),
    ("URN:AIR:SDXL:LORA:CIVITAI:1@2", CivitaiReference(1, 2)),
    ("lora:civitai:1@2", CivitaiReference(1, 2)),
    ("civitai:4384@128713", CivitaiReference(4384, 128713)),
    (
        "urn:air:flux1:vae:huggingface:black-forest-labs/FLUX.1-dev@main/ae.safetensors",
        hub("black-forest-labs/FLUX.1-dev", "main", "ae.safetensors"),
    ),
    ("huggingface:gpt2", hub("gpt2")),
]
HUGGINGFACE = [
    ("https://huggingface.co/o/r", hub("o/r")),
    ("https://huggingface.co/gpt2", hub("gpt2")),
    ("https://huggingface.co/gpt2/resolve/main/a.sft", hub("gpt2", "main", "a.sft")),
    ("https://huggingface.co/o/r/resolve/main/a%20b/c%23.safetensors?download=true",
     hub("o/r", "main", "a b/c#.safetensors")),
    ("https://hf.co/o/r/blob/v1.0/墨.safetensors", hub("o/r", "v1.0", "墨.safetensors")),
    (f"https://huggingface.co/o/r/raw/{COMMIT}/a.json", hub("o/r", COMMIT, "a.json")),
    ("https://huggingface.co/o/r/resolve/refs%2Fpr%2F3/a.sft", hub("o/r", "refs/pr/3", "a.sft")),
    ("https://huggingface.co/o/r/blob/refs/pr/3/a.sft", hub("o/r", "refs/pr/3", "a.sft")),
    ("https://huggingface.co/o/r/tree/main", hub("o/r", "main")),
    ("https://huggingface.co/o/r/tree/main/loras/flux", hub("o/r", "main", "loras/flux")),
    ("https://huggingface.co/api/models/o/r/revision/dev", hub("o/r", "dev")),
    ("huggingface.co/o/r/resolve/main/a.sft", hub("o/r", "main", "a.sft")),
    ("hf://o/r", hub("o/r")),
    ("hf://models/o/r/a.sft", hub("o/r", None, "a.sft")),
    ("hf://o/r@dev/b/a.sft", hub("o/r", "dev", "b/a.sft")),
    ("HF://o/r@refs%2Fpr%2F3/a.sft", hub("o/r", "refs/pr/3", "a.sft")),
    ("hf://o/r@refs/pr/3/a.sft", hub("o/r", "refs/pr/3", "a.sft")),
]  # fmt: skip
MODELSCOPE = [
    ("https://modelscope.cn/models/o/r", scope("o/r")),
    ("https://www.modelscope.cn/models/o/r/summary", scope("o/r")),
    ("https://www.modelscope.ai/models/o/r/files", scope("o/r")),
    ("https://www.modelscope.cn/models/o/r/resolve/master/b/a.sft",
     scope("o/r", "master", "b/a.sft")),
    ("https://www.modelscope.cn/models/o/r/file/view/master/a.sft?status=2",
     scope("o/r", "master", "a.sft")),
    ("https://www.modelscope.cn/models/o/r/tree/v1", scope("o/r", "v1")),
    ("https://www.modelscope.cn/api/v1/models/o/r/repo?Revision=master&FilePath=b/a%20.sft",
     scope("o/r", "master", "b/a .sft")),
    ("https://www.modelscope.cn/api/v1/models/o/r/repo?FilePath=b/a.sft",
     scope("o/r", None, "b/a.sft")),
]  # fmt: skip
ARCHIVE = [
    (f"https://civarchive.com/sha256/{SHA256}", ArchiveReference(SHA256)),
    (f"https://civitaiarchive.com/api/sha256/{SHA256.upper()}", ArchiveReference(SHA256)),
    (f"https://civarchive.com/api/v1/sha256/{SHA256}", ArchiveReference(SHA256)),
    ("https://civarchive.com/models/1", ArchiveReference(None, "civitai", "1")),
    ("https://civarchive.com/models/1?modelVersionId=2",
     ArchiveReference(None, "civitai", "1", "2")),
    ("https://civarchive.com/tensorart/models/8", ArchiveReference(None, "tensorart", "8")),
    ("https://civarchive.com/api/v1/tensorart/models/8/versions/9",
     ArchiveReference(None, "tensorart", "8", "9")),
]  # fmt: skip
LORA_URL = "https://v3.fal.media/files/a/pytorch_lora_weights.safetensors"
ANSWER_URL = "https://queue.fal.run/fal-ai/flux-lora-fast-training/requests/0a1b"
WEIGHTS_URL = "https://replicate.delivery/xezq/abc/trained_model.tar"
GET_URL = "https://api.replicate.com/v1/trainings/zz4ibbonubfz"
CONFIG = {"config_file": {"url": "https://v3.fal.media/files/a/config.json"}}
TRAININGS = [
    (f"{LORA_URL}?expires=1&signature=abc", fal(LORA_URL)),
    (ANSWER_URL, fal(ANSWER_URL)),
    (WEIGHTS_URL, replicate(WEIGHTS_URL)),
    (GET_URL, replicate(GET_URL)),
    ("https://replicate.com/o/m/versions/9/_weights",
     replicate("https://replicate.com/o/m/versions/9/_weights")),
    (json.dumps({"diffusers_lora_file": {"url": LORA_URL}, **CONFIG}), fal(LORA_URL)),
    (json.dumps({"data": {"lora_file": {"url": LORA_URL}, **CONFIG}}), fal(LORA_URL)),
    (json.dumps({"status": "COMPLETED", "response_url": ANSWER_URL}), fal(ANSWER_URL)),
    (json.dumps({"output": {"version": "o/m:1", "weights": WEIGHTS_URL}, "urls": {"get": GET_URL}}),
     replicate(WEIGHTS_URL)),
    (json.dumps({"status": "processing", "output": None, "urls": {"get": GET_URL}}),
     replicate(GET_URL)),
]  # fmt: skip
REST = [
    ("https://Example.com/A/b.safetensors?dl=1",
     UrlReference("https://example.com/A/b.safetensors?dl=1")),
    ("https://example.com/b.sft?token=abc&X-Amz-Signature=def&v=2#access_token=g",
     UrlReference("https://example.com/b.sft?v=2")),
    ("https://example.com/ink wash.sft # x", UrlReference("https://example.com/ink%20wash.sft%20")),
    ("ink.safetensors", FileNameReference("ink.safetensors")),
    ("styles\\ink wash.GGUF", FileNameReference("styles/ink wash.GGUF")),
    ("styles/墨.ckpt", FileNameReference("styles/墨.ckpt")),
]  # fmt: skip
GOOD = [*CIVITAI, *DIGESTS, *AIRS, *HUGGINGFACE, *MODELSCOPE, *ARCHIVE, *TRAININGS, *REST]


@pytest.mark.parametrize(("text", "reference"), GOOD)
def test_a_text_names_a_model(text, reference):
    assert parse_reference(text) == reference


@pytest.mark.parametrize(("text", "reference"), GOOD)
def test_the_canonical_text_names_the_same_and_is_its_own(text, reference):
    canonical = to_text(reference)

    assert parse_reference(canonical) == reference
    assert to_text(parse_reference(canonical)) == canonical


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (CivitaiReference(1, 2, 3), "https://civitai.com/models/1?modelVersionId=2&fileId=3"),
        (CivitaiReference(None, 2, 3), "https://civitai.com/api/download/models/2?fileId=3"),
        (hub("o/r", "refs/pr/3", "a b.sft"),
         "https://huggingface.co/o/r/resolve/refs%2Fpr%2F3/a%20b.sft"),
        (hub("o/r", "main", "loras"), "https://huggingface.co/o/r/tree/main/loras"),
        (DigestReference("CRC32", "22dcfdc5"), "crc32:22dcfdc5"),
        (DigestReference("AutoV1", "22dcfdc5", ("CRC32",)), "22dcfdc5"),
    ],
)  # fmt: skip
def test_the_canonical_text_is_what_locks_and_people_write(reference, text):
    assert to_text(reference) == text


AIR_VECTORS = json.loads((DATA / "air_urns.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", AIR_VECTORS, ids=lambda vector: vector["urn"])
def test_airs_mean_what_the_reference_parser_finds_in_them(vector):
    """Groups as `Air.parseSafe` of @civitai/client 0.2.0-beta.86 returned them."""
    groups, text = vector["groups"], vector["urn"]
    source = (groups or {}).get("source", "").lower()
    readable = source == "huggingface" or (source == "civitai" and groups["id"].isdecimal())
    if not readable:
        if "://" not in text:
            with pytest.raises(ReferenceSyntaxError):
                parse_reference(text)
        return

    reference = parse_reference(text)

    if source == "huggingface":
        revision, _, path = groups["version"].partition("/")
        assert reference == hub(groups["id"], revision, path)
    else:
        version = groups.get("version", "").partition(".")[0]
        file_id = groups.get("modelFileId")
        assert reference == CivitaiReference(
            int(groups["id"]), int(version) if version else None, int(file_id) if file_id else None
        )


BAD = [
    ("", 0, "none of the known forms"),
    ("ink wash", 0, "none of the known forms"),
    ("1@2", 0, "none of the known forms"),
    ("owner/name", 0, "none of the known forms"),
    (SHA256[:-1], 0, "none of the known forms"),
    (SHA256 + "0", 0, "none of the known forms"),
    ("g" * 64, 0, "none of the known forms"),
    ("x" * (1 << 21), 1 << 20, "far too long"),
    (f"sha256:{SHA256[:-1]}", 70, "a SHA256 has 64 hex digits"),
    ("sha256:12g4", 9, "no hex digit"),
    ("autov3:d4a3", 11, "12 or 64"),
    ("e3b0c44298", 0, "digest of nothing"),
    (NOTHING, 0, "digest of nothing"),
    ("autov3:e3b0c44298fc", 7, "digest of nothing"),
    ("0" * 64, 0, "digest of nothing"),
    ("urn:air:", 8, "names a source and an id"),
    ("urn:air:sdxl:lora", 8, "source 'sdxl'"),
    ("urn:air:sdxl:lora:civitai:abc@def", 26, "id is a number"),
    ("urn:air:sdxl:lora:civitai:1@two", 28, "version is a number"),
    ("urn:air:sdxl:lora:civitai:1@" + "9" * 50, 28, "version is a number"),
    ("urn:air:sdxl:lora:civitai:1@" + "9" * 5000, 2000, "too long for an AIR"),
    ("urn:air:sdxl:lora:civitai:1@2 extra", 29, "an AIR has no ' '"),
    ("urn:air:sdxl:lora:civitai:1@２", 28, "an AIR has no"),
    ("urn:air:some future base 9000:lora:civitai:1@2", 12, "an AIR has no ' '"),
    ("urn:air:sdxl:lora:notcivitai:1@2", 18, "source 'notcivitai'"),
    ("urn:air:comfy:nodepack:comfyregistry:kijai/kj@1.4.0", 23, "source 'comfyregistry'"),
    ("urn:air:sdxl:lora:orchestrator:job@e.safetensors", 18, "source 'orchestrator'"),
    ("urn:air:flux1:vae:huggingface:a/b/c@main/ae.sft", 30, "owner/name"),
    ("urn:air:flux1:vae:huggingface:a/b@main/../ae.sft", 34, "not plain"),
    ("https://civitai.com/models/1?modelVersionId=x", 44, "modelVersionId is no number"),
    ("https://civitai.com/models/1?modelVersionId=-2", 44, "modelVersionId is no number"),
    ("https://civitai.com/models/1?modelVersionId=" + "9" * 50, 44, "modelVersionId is no number"),
    ("https://civitai.com/models/0", 27, "that is no id"),
    ("https://civitai.com/api/download/models/2?fileId=x", 49, "fileId is no number"),
    ("https://civitai.com/api/download/training-data/2", 19, "no page of a model"),
    ("https://civitai.com/", 19, "no page of a model"),
    ("https://civitai.com", 19, "no page of a model"),
    ("https://civitai.com/user/ann", 19, "no page of a model"),
    ("https://civitai.com/api/v1/model-versions/" + "9" * 50, 42, "that is no id"),
    ("https://civitai.com@evil.com/models/1?modelVersionId=2", 8, "carries a user name"),
    ("https://[::1/models/1", 8, "no valid URL"),
    ("https://civitai.com/models/1\x00", 28, "no valid URL"),
    ("file:///etc/passwd", 0, "no scheme"),
    ("javascript://civitai.com/models/1", 0, "no scheme"),
    ("https://huggingface.co/", 22, "names no repository"),
    ("https://huggingface.co/models", 22, "names no repository"),
    ("https://huggingface.co/datasets/o/r/resolve/main/a.sft", 22, "not datasets"),
    ("https://huggingface.co/o/r/discussions/1", 22, "no page of a file"),
    ("https://huggingface.co/o/r/resolve/main/..%2Fa.sft", 22, "not plain"),
    ("https://huggingface.co/o/r/resolve/main/a%5Cb.sft", 22, "not plain"),
    ("hf://spaces/o/r/a.sft", 5, "not spaces"),
    ("hf://o", 6, "no owner/name"),
    ("hf://o/r@/a.sft", 9, "a revision follows"),
    ("https://www.modelscope.cn/models/o", 25, "models/owner/name"),
    ("https://www.modelscope.cn/datasets/o/r", 25, "models/owner/name"),
    ("https://www.modelscope.cn/models/o/r/pulls/1", 25, "no page of a file"),
    ("https://civarchive.com/users/ann", 22, "no page of a model"),
    ("https://civarchive.com/sha256/abcd", 22, "no page of a model"),
    ("https://civarchive.com/models/a%2Fb", 22, "is no id"),
    ("https://v3.fal.media/", 20, "names no training"),
    ("{", 1, "no JSON"),
    ('{"a": 1}', 0, "no file of fal or Replicate"),
    ('{"lora_file": {"url": "https://evil.example/a.safetensors"}}', 0, "no file of fal"),
    ("http://example.com/a.sft", 0, "by https only"),
    ("https://example.com/", 19, "a site but no file"),
    ("/home/ann/ink.safetensors", 0, "a path of one machine"),
    ("C:\\models\\ink.safetensors", 0, "a path of one machine"),
    ("~/ink.safetensors", 0, "a path of one machine"),
    ("styles/../ink.safetensors", 7, "not plain"),
    ("../ink.safetensors", 0, "not plain"),
    ("ink\ud800.safetensors", 3, "half a character"),
    ("civitai.com\\ink.safetensors", 19, "no valid URL"),
    ("hf://a b/c/d.sft", 5, "no owner/name"),
    ("https://huggingface.co/o/tree%3F/resolve/main/a.sft", 22, "names no repository"),
]


@pytest.mark.parametrize(("text", "position", "reason"), BAD, ids=[text[:60] for text, *_ in BAD])
def test_a_bad_text_is_told_where_and_how_it_should_be(text, position, reason):
    with pytest.raises(ReferenceSyntaxError, match=reason) as caught:
        parse_reference(text)

    error = caught.value
    assert (error.code, error.details["position"]) == ("reference_syntax", position)
    assert error.details["grammar"] in error.hint
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    "host",
    ["evilcivitai.com", "civitai.com.evil.com", "evilhuggingface.co", "huggingface.co.evil.com",
     "v3.fal.media.evil.com", "replicate.delivery.evil.com", "civarchive.com.evil.com"],
)  # fmt: skip
def test_a_host_that_only_looks_like_a_site_is_a_plain_address(host):
    url = f"https://{host}/models/1?modelVersionId=2"

    assert parse_reference(url) == UrlReference(url)


def test_a_training_that_made_a_pair_asks_which_file_is_meant():
    high = LORA_URL.replace("pytorch", "high")
    answer = {"diffusers_lora_file": {"url": LORA_URL}, "high_noise_lora": {"url": high}}

    with pytest.raises(AmbiguousReferenceError) as caught:
        parse_reference(json.dumps(answer))

    assert caught.value.details["files"] == [LORA_URL, high]


@pytest.mark.parametrize(
    "text",
    ["https://civitai.com/nothing?token=s3cr3t", "https://u:s3cr3t@example.com/a.sft",
     "http://example.com/a.sft?X-Amz-Signature=s3cr3t", "ftp://u:s3cr3t@example.com/a"],
)  # fmt: skip
def test_an_error_does_not_repeat_a_secret(text):
    with pytest.raises(ReferenceSyntaxError) as caught:
        parse_reference(text)

    assert "s3cr3t" not in json.dumps(caught.value.to_json())


PIECES = st.sampled_from(
    ["https://", "hf://", "urn:air:", "civitai.com", "huggingface.co", "civarchive.com", "/models/",
     "/resolve/", "refs/pr/", "modelVersionId=", "fileId=", "?", "&", "#", "@", ":", "%2F", "%",
     "\\", "[", "]", "{", "}", '"', "1", "9" * 30, "sha256:", "a" * 64, ".safetensors", " ", "\x00",
     "\u202e", "墨", "\ud800", "/", "//"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)))
def test_any_text_is_a_reference_with_a_canonical_text_or_refused_with_a_sentence(text):
    position = -1
    try:
        reference = parse_reference(text)
    except ReferenceSyntaxError as error:
        position = error.details["position"]
    if position < 0:
        assert parse_reference(to_text(reference)) == reference
    else:
        assert position <= len(text) + len("https://")
