"""`python tests/support/marketplace FILES...`: offer files by hand, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from support.marketplace import Marketplace


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for Civitai on two loopback ports.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--type", default="LORA", help="model type of the files (%(default)s)")
    parser.add_argument("--base-model", default="SD 1.5")
    parser.add_argument("--key", action="append", default=[], help="a valid API key")
    parser.add_argument("--site-port", type=int, default=0)
    parser.add_argument("--storage-port", type=int, default=0)
    parser.add_argument("--recorded", type=Path, help="folder of recorded civitai_*.json bodies")
    options = parser.parse_args()
    with Marketplace(
        keys=options.key, site_port=options.site_port, storage_port=options.storage_port
    ) as market:
        if options.recorded:
            market.load_fixtures(options.recorded)
        say = sys.stdout.write
        say(f"site     {market.site_url}\nstorage  {market.storage_url}\n")
        for path in options.files:
            published = market.publish(
                path, model_name=path.stem, type=options.type, base_model=options.base_model
            )
            say(f"{published.air}  {published.sha256}  {path}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            say("\n")


if __name__ == "__main__":
    main()
