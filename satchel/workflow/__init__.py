"""Workflows: reading them, what models they name, the lock, the plan, installing."""
