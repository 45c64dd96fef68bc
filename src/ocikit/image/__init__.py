"""Images and indexes: built from a base, layers and settings."""
