"""Registries: the distribution specification, authentication and credentials."""
