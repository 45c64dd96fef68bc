"""Compare an image or index with the one that the tag named before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ocikit.publish.remote_state import Content, IndexContent, Question, QuestionKind, RemoteState
from ocikit.publish.request import PushRequest
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex
from ocikit.spec.platform import UNKNOWN


@dataclass(frozen=True)
class LayerChange:
    """A layer that only one of two images has.

    `digest`: of the blob. `size`: compressed bytes. `origin`: the target that it is from, if known. `platforms`: the
    images of an index that have it.
    """

    digest: str
    size: int
    origin: str = ""
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changes:
    """An image compared with the one that the tag named before.

    `previous`: the digest of the previous image; null if the tag is new. `config`: whether the configuration differs.
    `added`: the layers that only the new image has. `removed`: the layers that only the previous image has.
    `previous_size`: compressed bytes of the layers of the previous image, each once; null if unknown.
    """

    previous: str | None = None
    previous_size: int | None = None
    config: bool = False
    added: tuple[LayerChange, ...] = ()
    removed: tuple[LayerChange, ...] = ()


NO_CHANGES = Changes()


@dataclass(frozen=True)
class _Layer:
    """A layer of an image; `platform` is "" outside of an index."""

    descriptor: Descriptor
    platform: str
    origin: str = ""


def content_question(request: PushRequest, image: Digest) -> Question:
    """The question about the content of an image or index in the repository."""
    return Question(request.destination, QuestionKind.CONTENT, str(image))


def compared_children(request: PushRequest, previous: Digest, seen: RemoteState) -> tuple[Descriptor, ...]:
    """The images of the index `previous` whose content is not known already; none if it is not an index."""
    own = {image.descriptor.digest for image in request.images}
    return tuple(child for child in _children(request, previous, seen) if child.digest not in own)


def layers(request: PushRequest) -> tuple[LayerChange, ...]:
    """The layers of a request, the lowest first; those of an index's images with their platforms."""
    return _grouped(tuple(_own_layers(request)))


def changes(request: PushRequest, tag: str, seen: RemoteState, *, known: bool) -> Changes:
    """Compare the request with what `tag` names now; `known`: only the tag is new. Pure.

    If an index replaces an index, layers are compared for each platform.
    """
    own = tuple(_own_layers(request))
    previous = seen.digest(Question(request.destination, QuestionKind.TAG, tag))
    if previous is None:
        return Changes(added=() if known else _grouped(own))
    configs = {image.config.digest for image in request.images}
    before = seen[content_question(request, previous)]
    if isinstance(before, Content):
        return _compared(
            previous, own, [_Layer(layer, "") for layer in before.layers], {before.config} != configs, by_platform=False
        )
    contents = {child: _content(request, child, seen) for child in _children(request, previous, seen)}
    if not contents or not all(contents.values()):
        return Changes(str(previous))
    old = [
        _Layer(layer, str(c.platform or "")) for c, content in contents.items() if content for layer in content.layers
    ]
    config = {content.config for content in contents.values() if content} != configs
    return _compared(previous, own, old, config, by_platform=isinstance(request.manifest, ImageIndex))


def _compared(
    previous: Digest, own: Sequence[_Layer], old: Sequence[_Layer], config: bool, *, by_platform: bool
) -> Changes:
    def key(layer: _Layer) -> tuple[Digest, str]:
        return layer.descriptor.digest, layer.platform if by_platform else ""

    had, has = {key(layer) for layer in old}, {key(layer) for layer in own}
    return Changes(
        str(previous),
        sum({layer.descriptor.digest: layer.descriptor.size for layer in old}.values()),
        config,
        _grouped([layer for layer in own if key(layer) not in had]),
        _grouped([layer for layer in old if key(layer) not in has]),
    )


def _grouped(layers: Sequence[_Layer]) -> tuple[LayerChange, ...]:
    """Each layer once per origin, with its platforms."""
    found: dict[tuple[str, int, str], dict[str, None]] = {}
    for layer in layers:
        key = (str(layer.descriptor.digest), layer.descriptor.size, layer.origin)
        found.setdefault(key, {}).update({layer.platform: None} if layer.platform else {})
    return tuple(LayerChange(*key, tuple(platforms)) for key, platforms in found.items())


def _own_layers(request: PushRequest) -> Iterator[_Layer]:
    listed = request.manifest.manifests if isinstance(request.manifest, ImageIndex) else ()
    platforms = [str(child.platform or "") for child in listed] or [""]
    layers = [(layer, platform) for image, platform in zip(request.images, platforms) for layer in image.layers]
    for number, (layer, platform) in enumerate(layers):
        origin = request.layer_origins[number] if number < len(request.layer_origins) else ""
        yield _Layer(layer, platform, origin)


def _children(request: PushRequest, index: Digest, seen: RemoteState) -> tuple[Descriptor, ...]:
    found = seen[content_question(request, index)]
    if not isinstance(found, IndexContent):
        return ()
    return tuple(
        child
        for child in found.manifests
        if child.media_type in media_type.MANIFESTS and not (child.platform and child.platform.os == UNKNOWN.os)
    )


def _content(request: PushRequest, image: Descriptor, seen: RemoteState) -> Content | None:
    for own in request.images:
        if own.descriptor.digest == image.digest:
            return Content(own.config.digest, own.layers)
    answer = seen[content_question(request, image.digest)]
    return answer if isinstance(answer, Content) else None
