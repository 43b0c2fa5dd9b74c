"""What every image of this server carries, if its operator or user wants that.

Works on what is posted to `/prompt`, so for every save node, and for clients without a browser.
"""

from __future__ import annotations

import logging
from typing import Any

from ..satchel.errors import SatchelError
from ..satchel.settings import EmbedSettings
from ..satchel.workflow.queued import embed
from . import host
from .background import background
from .workspace import machine

log = logging.getLogger(__name__)

EMBED_LOCK = "Satchel.EmbedLockInImages"
CIVITAI_READY = "Satchel.CivitaiReady"


def register_embedding() -> None:
    """Tells the host."""
    host.add_prompt_handler(embed_in_prompt)


def embed_in_prompt(body: Any) -> Any:
    """The body with the lock and the marks that are wanted; what goes wrong stops no run."""
    operator = EmbedSettings.from_environment()
    lock, civitai = operator.lock, operator.civitai
    lock = host.user_setting(EMBED_LOCK) is True if lock is None else lock
    civitai = host.user_setting(CIVITAI_READY) is True if civitai is None else civitai
    if not lock and not civitai:
        return body
    try:
        here = machine()
        new, to_hash = embed(body, here, lock=lock, civitai=civitai)
        background.hash_first(to_hash)
    except SatchelError as error:
        log.warning("Images of this run carry no lock: %s", error)
        return body
    return new
