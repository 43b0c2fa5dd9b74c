"""A stand-in for Civitai: its API, its storage and its pictures, each on a loopback port.

    with Marketplace(keys=("secret",)) as market:
        lora = market.publish(path, model_name="Ink Wash Lines", base_model="Illustrious")
        market.fault("cut", after=1000, match=lora)
        ...

Shapes, status codes and odd behaviours follow Civitai's own source; `faults.KINDS` lists what can
be made to go wrong.
"""

from .faults import KINDS, Fault
from .market import Marketplace, RecordedRequest
from .pictures import Picture
from .values import Published

__all__ = ["KINDS", "Fault", "Marketplace", "Picture", "Published", "RecordedRequest"]
