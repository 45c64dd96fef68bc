"""Bases from image archives, as `docker save`, `podman save` and `skopeo copy` write them."""
