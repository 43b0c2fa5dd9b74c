"""Marketplaces: where models are known by their bytes, and fetched from."""
