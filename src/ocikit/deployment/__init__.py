"""Manifests that name push targets: where they do, and what comes to stand there."""
