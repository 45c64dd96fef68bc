"""Requests of the commands that Pants runs, about `image:1` of the scene's registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hostile.contents import ImageParts
from hostile.rows import Scene

OTHER_DIGEST = f"sha256:{'5' * 64}"


def lock(scene: Scene, *, registries: Mapping[str, Any] | None = None) -> None:
    """For ("lock", "request.json"): the digest and the platforms of a tag; the answer is `lock.json`."""
    request = {"references": ["$registry/image:1"], "only_digests": False, "registries": registries or {}}
    scene.write("request.json", request)


def base(scene: Scene) -> None:
    """For ("base", "request.json"): the manifest and config of a base, which become files."""
    digest = scene.contents.repositories["image"].tags["1"]
    scene.write("request.json", {"repository": "$registry/image", "digest": digest, "platform": "linux/amd64"})


def base_layer(scene: Scene) -> None:
    """For ("base_layer", "request.json"): the first layer of a base, which becomes a local blob."""
    repository = scene.contents.repositories["image"]
    manifest = json.loads(repository.manifests[repository.tags["1"]][1])
    config = json.loads(repository.blobs[manifest["config"]["digest"]])
    request = {
        "repository": "$registry/image",
        "layer": manifest["layers"][0],
        "diff_id": config["rootfs"]["diff_ids"][0],
    }
    scene.write("request.json", request)


def remote_images(scene: Scene) -> None:
    """For ("remote_images", "request.json"): the query of `oci-diff`; the answer is `images.json`."""
    reference = {
        "destination": "$registry/image",
        "platform": "linux/amd64",
        "tag": "1",
        "digest": OTHER_DIGEST,
        "diff_ids": [],
        "layers": [],
    }
    scene.write("request.json", {"root": ".", "registries": {}, "references": [reference]})


def survey(scene: Scene) -> None:
    """For ("survey", "request.json"): the first query of a publish; the answer is `survey.json`."""
    push = {
        "origin": "images:push",
        "destination": "$registry/image",
        "tags": ["1"],
        "manifest": ImageParts(config_members={"author": "somebody else"}).manifest.decode(),
        "immutable_tags": False,
        "children": [],
    }
    memory = {"memory": "kept/memory.json", "history": "kept/history.json"}
    scene.write("request.json", {"root": ".", "registries": {}, "requests": [push], "verify_blobs": True, **memory})


def archived_base(scene: Scene) -> None:
    """For ("archived_base", "request.json"): the image in the archive `input/archive`."""
    scene.write("request.json", {"platform": "linux/amd64", "digest": None, "compression": "gzip"})
