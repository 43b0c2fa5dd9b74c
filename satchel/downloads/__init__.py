"""Downloads: from a source to a verified file, alone or in a queue that outlives the process."""

from .fetch import Downloader
from .values import TransferLimits

__all__ = ["Downloader", "TransferLimits"]
