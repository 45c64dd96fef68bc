"""Stores: image layouts, archives and the protocol that registries share with them."""
