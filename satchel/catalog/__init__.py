"""What is known about model files, kept in one SQLite database."""

from .store import Catalog

__all__ = ["Catalog"]
