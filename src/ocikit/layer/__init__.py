"""Layers: write entries as a tar and a blob, and read them back."""
