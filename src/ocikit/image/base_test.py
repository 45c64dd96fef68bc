from __future__ import annotations

from dataclasses import replace

import pytest

from ocikit.errors import InvalidInput, OcikitError
from ocikit.image.base import base_image, check_names, choose
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.platform import Platform
from ocikit.testing.images import LINUX, described

ARM = Platform("linux", "arm64")
LAYER = described("layer")


def config_for(platform: Platform) -> bytes:
    return ImageConfig.of(platform, {}, (LAYER.digest,), ()).data


def manifest_with(layer: Descriptor = LAYER, kind: str = media_type.OCI_CONFIG, platform: Platform = LINUX) -> Manifest:
    data = config_for(platform)
    return Manifest.of(Descriptor(kind, Digest.of(data), len(data)), [layer])


def of_kind(kind: str) -> Descriptor:
    return replace(LAYER, media_type=kind)


@pytest.mark.parametrize("kind", [media_type.OCI_LAYER, media_type.OCI_LAYER_ZSTD, media_type.DOCKER_LAYER_GZIP])
def test_an_image_can_be_built_on(kind: str) -> None:
    manifest = manifest_with(of_kind(kind))
    assert base_image(manifest, config_for(LINUX), LINUX).manifest == manifest


@pytest.mark.parametrize(
    "manifest, platform, said",
    [
        pytest.param(
            manifest_with(of_kind("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")),
            LINUX,
            f"{LAYER.digest} is not distributable .*nondistributable.*choose a base without",
            id="foreign",
        ),
        pytest.param(
            manifest_with(of_kind("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")),
            LINUX,
            "foreign.*choose a base without",
            id="docker-foreign",
        ),
        pytest.param(manifest_with(of_kind("text/html")), LINUX, '"text/html" is not the media type', id="not-a-layer"),
        pytest.param(
            manifest_with(kind="application/vnd.cncf.helm.config.v1+json"),
            LINUX,
            "is not a container image.*helm",
            id="chart",
        ),
        pytest.param(manifest_with(), ARM, 'for platform "linux/arm64", got "linux/amd64"', id="platform"),
        pytest.param(manifest_with(platform=ARM), ARM, "the manifest's config: expected", id="another-config"),
    ],
)
def test_an_image_that_cannot_be_built_on(manifest: Manifest, platform: Platform, said: str) -> None:
    with pytest.raises(OcikitError, match=said):
        base_image(manifest, config_for(LINUX), platform)


def test_a_manifest_is_selected_from_an_index_by_platform() -> None:
    one, two = replace(LAYER, platform=LINUX), replace(LAYER, platform=ARM)
    attestation = replace(LAYER, platform=Platform("unknown", "unknown"))
    index = ImageIndex.of([one, attestation, two])
    assert choose(index, ARM) == two
    with pytest.raises(OcikitError, match=r'"linux/s390x"; available: linux/amd64, linux/arm64\.$'):
        choose(index, Platform("linux", "s390x"))
    assert choose(ImageIndex.of([LAYER]), ARM) == LAYER


def test_layers_need_sha256_digests() -> None:
    check_names(manifest_with())
    with pytest.raises(InvalidInput, match="the layer sha512:0+ is not named by its SHA-256.*into a tar"):
        check_names(manifest_with(replace(LAYER, digest=Digest("sha512", "0" * 128))))
