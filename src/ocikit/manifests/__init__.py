"""Addresses of push targets in deployment files: find them and replace them."""
