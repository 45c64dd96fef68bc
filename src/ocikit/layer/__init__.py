"""Layers: entries become a tar stream, a tar stream becomes a blob."""
