"""Describe an image, and compare two images."""
