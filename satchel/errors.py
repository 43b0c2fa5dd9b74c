"""Every error that Satchel raises on purpose.

`code` is a stable snake_case word for programs, `str(error)` is one full sentence for people,
`hint` says what to do about it and `details` carries the facts. Each surface (node, HTTP route,
command line, toast) translates them once; `http_status` is the HTTP surface's answer.
"""

from __future__ import annotations

from typing import Any, ClassVar


class SatchelError(Exception):
    """Base of all errors with a known cause."""

    code: ClassVar[str] = "satchel_error"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.hint = hint
        """What the user can do; empty when there is nothing to do."""
        self.details: dict[str, Any] = details
        """Facts for programs: JSON-compatible values, never a secret."""

    def to_json(self) -> dict[str, Any]:
        """The `error` object of HTTP answers and of `--json` output."""
        return {
            "code": self.code,
            "message": str(self),
            "hint": self.hint,
            "details": dict(self.details),
        }


# --- what the user wrote -------------------------------------------------------------------


class InvalidInputError(SatchelError, ValueError):
    """A value from the user that has no meaning here."""

    code = "invalid_input"
    http_status = 400


class BlockWeightSyntaxError(InvalidInputError):
    """`details`: `text`, `position` (0-based), `expected`."""

    code = "block_weight_syntax"


class LoraRowError(InvalidInputError):
    """A row of a LoRA stack is malformed. `details`: `row`."""

    code = "lora_row"


class ReferenceSyntaxError(InvalidInputError):
    """A text that should name a model does not. `details`: `text`, `position`."""

    code = "reference_syntax"


class AmbiguousReferenceError(InvalidInputError):
    """A text names several files. `details`: `files`, the texts that name one each."""

    code = "ambiguous_reference"


class PresetExistsError(InvalidInputError):
    """A stack preset of that name is there already. `details`: `name`."""

    code = "preset_exists"
    http_status = 409


class CredentialsError(SatchelError):
    """The file of tokens cannot be used. `details`: `path`, its name."""

    code = "credentials"


class PolicyError(SatchelError):
    """The operator's policy file cannot be used. `details`: `path`, its name."""

    code = "policy"


class UnsupportedMediaTypeError(InvalidInputError):
    """A request that is not JSON."""

    code = "unsupported_media_type"
    http_status = 415


# --- files ------------------------------------------------------------------------------------


class FileFormatError(SatchelError):
    """A file's bytes are not what its name says."""

    code = "file_format"
    http_status = 422


class SafetensorsHeaderError(FileFormatError):
    """`details`: `path`, `reason`."""

    code = "safetensors_header"


class ArchiveError(FileFormatError):
    """An archive that is broken, hostile or holds no single wanted file. `details`: `name`,
    `reason`."""

    code = "archive"


class UnreadableMediaError(FileFormatError):
    """An image that should hold a workflow is broken. `details`: `reason`."""

    code = "unreadable_media"


class ModelNotFoundError(SatchelError):
    """A named model file is in none of the model folders. `details`: `name`, `directory`."""

    code = "model_not_found"
    http_status = 404


# --- LoRA stacks ------------------------------------------------------------------------------


class LoraMismatchError(SatchelError):
    """A LoRA fits nothing in the connected model. `details`: `row`, `name`."""

    code = "lora_mismatch"
    http_status = 422


class LoraFileError(FileFormatError):
    """A LoRA file is broken: orphan halves, bad alphas, wrong shapes. `details`: `name`, `key`."""

    code = "lora_file"


# --- marketplaces -----------------------------------------------------------------------------


class MarketplaceError(SatchelError):
    """`details`: `marketplace`, `status`, `url` (without query)."""

    code = "marketplace"
    http_status = 502


class NotFoundError(MarketplaceError):
    """The marketplace does not have it."""

    code = "not_found"
    http_status = 404


class LoginRequiredError(MarketplaceError):
    """A token is needed, or the one that is set is not accepted."""

    code = "login_required"
    http_status = 401


class AccessDeniedError(MarketplaceError):
    """The marketplace refuses this download: early access, disabled, private, blocked region."""

    code = "access_denied"
    http_status = 403


class GoneError(MarketplaceError):
    """It was there, and is not any more: archived, taken down."""

    code = "gone"
    http_status = 410


class QuotaExceededError(MarketplaceError):
    """A limit that waiting a moment does not lift."""

    code = "quota_exceeded"
    http_status = 429


class RateLimitedError(MarketplaceError):
    """`details`: `retry_after_s` when the marketplace says it."""

    code = "rate_limited"
    http_status = 429


class UnavailableError(MarketplaceError):
    """The marketplace does not answer properly right now."""

    code = "unavailable"
    http_status = 503


class BadResponseError(MarketplaceError):
    """The answer is not what the API promises."""

    code = "bad_response"


# --- the network and the disk -----------------------------------------------------------------


class DownloadError(SatchelError):
    """A file could not be fetched."""

    code = "download"
    http_status = 502


class HashMismatchError(DownloadError):
    """`details`: `expected`, `actual`, `source`."""

    code = "hash_mismatch"
    http_status = 422


class SizeMismatchError(DownloadError):
    """`details`: `expected`, `actual`, `source`."""

    code = "size_mismatch"
    http_status = 422


class UnsafePathError(DownloadError):
    """A file name or folder that must not be written to. `details`: `name`, `directory`."""

    code = "unsafe_path"
    http_status = 400


class ForbiddenUrlError(DownloadError):
    """A URL outside the allowlist, or one that leads to a private address. `details`: `host`."""

    code = "forbidden_url"
    http_status = 403


class ForbiddenFormatError(DownloadError):
    """A file type that the operator has not allowed. `details`: `name`."""

    code = "forbidden_format"
    http_status = 403


class ForbiddenSizeError(DownloadError):
    """More bytes than the operator allows. `details`: `allowed`."""

    code = "forbidden_size"
    http_status = 403


class InsufficientSpaceError(DownloadError):
    """`details`: `needed`, `free` (bytes)."""

    code = "insufficient_space"
    http_status = 507


class CancelledError(DownloadError):
    """The user stopped it."""

    code = "cancelled"
    http_status = 409


class InstallNotAllowedError(SatchelError):
    """This client may not install on this server."""

    code = "install_not_allowed"
    http_status = 403


class PreviewsOffError(SatchelError):
    """The operator wants no pictures to be fetched."""

    code = "previews_off"
    http_status = 403


# --- workflows --------------------------------------------------------------------------------


class WorkflowError(SatchelError):
    """A workflow, or the lock that it carries, cannot be used."""

    code = "workflow"
    http_status = 422


class WorkflowFormatError(WorkflowError):
    """It is no ComfyUI workflow, or holds none."""

    code = "workflow_format"


class NoApiGraphError(WorkflowError):
    """Only a UI graph is there, which no server can run without its web page."""

    code = "no_api_graph"


class ModelsMissingError(WorkflowError):
    """A workflow cannot run: some of its models are not here. `details`: `plan`."""

    code = "models_missing"


class PromptRefusedError(WorkflowError):
    """ComfyUI does not take the graph. `details`: `error`, `node_errors`, as it says it."""

    code = "prompt_refused"
    http_status = 400


class ConversionError(WorkflowError):
    """A node of another pack has no exact counterpart here."""

    code = "conversion"


class LockError(WorkflowError):
    """The lock is malformed. `details`: `path` inside the document."""

    code = "lock"


class LockVersionError(LockError):
    """The lock was written by a newer release. `details`: `version`, `supported`."""

    code = "lock_version"


class CatalogError(SatchelError):
    """The catalog database cannot be used. `details`: `path`."""

    code = "catalog"


class UnknownJobError(SatchelError):
    """There is no such job, or no longer."""

    code = "unknown_job"
    http_status = 404


class UnknownFileError(SatchelError):
    """The server has no such handed over file, or no longer. `details`: `file`."""

    code = "unknown_file"
    http_status = 404


class UnknownDownloadError(SatchelError):
    """The queue has no such entry, or no longer. `details`: `id`."""

    code = "unknown_download"
    http_status = 404
