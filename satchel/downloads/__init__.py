"""Downloads: from a source to a verified file, alone or in a queue that outlives the process."""

from .fetch import Downloader
from .queue import DownloadQueue
from .queue_runner import QueueRunner
from .queue_values import QueueEntry, QueueLimits
from .values import TransferLimits

__all__ = [
    "DownloadQueue",
    "Downloader",
    "QueueEntry",
    "QueueLimits",
    "QueueRunner",
    "TransferLimits",
]
