"""Media types of OCI and Docker.

Source: image-spec v1.1.1, media-types.md; Docker's image manifest version 2, schema 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_MANIFEST_LIST)

# Layers that are downloaded from their publishers, and that registries need not store.
_NOT_DISTRIBUTABLE = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)

# The OCI media type of a Docker layer: the bytes are the same.
OCI_NAME_OF_DOCKER_LAYER: Mapping[str, str] = MappingProxyType({DOCKER_LAYER_GZIP: OCI_LAYER_GZIP})


def is_distributable(layer: str) -> bool:
    """Whether layers of this media type may be uploaded and copied.

    Spec: image-spec v1.1.1, layer.md#non-distributable-layers.
    """
    return not layer.startswith(_NOT_DISTRIBUTABLE)
