"""Images in one tar, as `docker save`, `podman save` and `skopeo copy` write them, as bases."""
