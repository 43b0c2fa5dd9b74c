"""`python tests/support/marketplace FILES...`: offer files by hand at all sites, until Ctrl-C.

What it prints after the files are variables for the environment of `satchel` or of ComfyUI.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from support.marketplace import Marketplace
from support.marketplace.fal import Fal
from support.marketplace.huggingface import HuggingFace
from support.marketplace.modelscope import ModelScope
from support.marketplace.replicate import Replicate

REPOSITORY = "stand-in/files"
APP = "fal-ai/flux-lora-fast-training"


class Sites:
    """Every stand-in, started; each offers a file in its own way."""

    def __init__(self, market: Marketplace, keys: list[str], stack: ExitStack) -> None:
        self.market = market
        self.hub = stack.enter_context(HuggingFace(tokens=keys))
        self.scope = stack.enter_context(ModelScope(tokens=keys))
        self.fal = stack.enter_context(Fal(keys=keys))
        self.replicate = stack.enter_context(Replicate(tokens=keys))
        self._packed = Path(stack.enter_context(tempfile.TemporaryDirectory()))

    def environment(self) -> dict[str, str]:
        others = (self.hub, self.scope, self.fal, self.replicate)
        origins = [self.market.storage_url, *(site.storage_url for site in others)]
        return {
            **self.market.environment,
            "SATCHEL_HUGGINGFACE_URL": self.hub.site_url,
            "SATCHEL_MODELSCOPE_URL": self.scope.site_url,
            "SATCHEL_FAL_URL": self.fal.site_url,
            "SATCHEL_REPLICATE_URL": self.replicate.site_url,
            "SATCHEL_TRUSTED_ORIGINS": ",".join(origins),
        }

    def offer(self, number: int, path: Path) -> list[str]:
        """Puts a file everywhere; returns the references beside Civitai's."""
        self.hub.publish(REPOSITORY, path.name, path)
        self.scope.publish(REPOSITORY, path.name, path)
        file = self.fal.store_file(f"/files/stand-in/{number}_{path.name}", path)
        request = self.fal.train(APP, f"request-{number}", {"diffusers_lora_file": file})
        link = self._packed / f"{number}{path.suffix}"  # its tar is written beside it
        link.symlink_to(path.resolve())
        self.replicate.train(f"training{number}", link)
        return [
            f"https://huggingface.co/{REPOSITORY}/resolve/main/{path.name}",
            f"https://www.modelscope.cn/models/{REPOSITORY}/resolve/master/{path.name}",
            request,
            f"https://replicate.com/p/training{number}",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand-ins for all sources, on loopback ports.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--type", default="LORA", help="model type of the files (%(default)s)")
    parser.add_argument("--base-model", default="SD 1.5")
    parser.add_argument("--key", action="append", default=[], help="a valid API key of all sites")
    parser.add_argument("--site-port", type=int, default=0, help="of Civitai")
    parser.add_argument("--storage-port", type=int, default=0, help="of Civitai")
    parser.add_argument("--recorded", type=Path, help="folder of recorded civitai_*.json bodies")
    options = parser.parse_args()
    with ExitStack() as stack:
        market = stack.enter_context(
            Marketplace(
                keys=options.key, site_port=options.site_port, storage_port=options.storage_port
            )
        )
        if options.recorded:
            market.load_fixtures(options.recorded)
        sites = Sites(market, options.key, stack)
        say = sys.stdout.write
        say(f"site     {market.site_url}\nstorage  {market.storage_url}\n")
        for path in options.files:
            published = market.publish(
                path, model_name=path.stem, type=options.type, base_model=options.base_model
            )
            say(f"{published.air}  {published.sha256}  {path}\n")
        for number, path in enumerate(options.files, 1):
            say("".join(f"{reference}  {path}\n" for reference in sites.offer(number, path)))
        say("".join(f"{name}={value}\n" for name, value in sites.environment().items()))
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            say("\n")


if __name__ == "__main__":
    main()
