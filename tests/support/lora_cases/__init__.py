"""LoRA files of every architecture, dialect and algorithm, with true names and shapes."""
