"""The cases: what is pushed, the registry's delay, and its content before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

KB, MB = 1000, 1000 * 1000
# Seconds added to every request: a registry on this machine, and a distant one.
DELAYS = (0.0, 0.03)
# The floor: the same command with `skip_push` on every push target.
SKIPPING = "pants, all skipped"
# The way of rules_oci, ko and many scripts; the usual way to call skopeo; and the fairest setups of the others.
PEERS_AT_8 = ("crane at 8", "skopeo at 8", "docker at 8")


@dataclass(frozen=True)
class Images:
    """The images to push: `count` images with the `shared` layers, and one layer of their `own` on top.

    Sizes are bytes of incompressible content. `base`: layers of the base of all images, which is in the same registry.
    """

    count: int
    shared: tuple[int, ...]
    own: int
    base: tuple[int, ...] = ()


@dataclass(frozen=True)
class Edition:
    """A state of the content. `own`: the edition of the first image's own layer; `base`: the edition of the base."""

    own: int = 0
    base: int = 0
    tag: str = "latest"


@dataclass(frozen=True)
class Case:
    """A case. `before`: the registry's content. `after`: what repetition 0, 1 … pushes. `counts`: numbers of images."""

    name: str
    title: str
    images: Images
    before: Edition | None
    after: Callable[[int], Edition]
    peers: tuple[str, ...]
    delays: tuple[float, ...] = DELAYS
    counts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.counts:
            object.__setattr__(self, "counts", (self.images.count,))


_SMALL = Images(200, shared=(64 * KB,) * 4, own=2 * KB)

CASES = (
    Case(
        "unchanged-200",
        "200 images, nothing changed",
        _SMALL,
        before=Edition(),
        after=lambda _: Edition(),
        peers=(SKIPPING, "crane at 8", "skopeo one by one", "docker at 8"),
    ),
    Case(
        "changed-1-of-200",
        "one of 200 images changed",
        _SMALL,
        before=Edition(),
        after=lambda repetition: Edition(own=1 + repetition),
        peers=PEERS_AT_8,
    ),
    Case(
        "new-tag-200",
        "200 images, unchanged but for a new tag",
        _SMALL,
        before=Edition(),
        after=lambda repetition: Edition(tag=f"build-{repetition}"),
        peers=PEERS_AT_8,
    ),
    Case(
        "cold-20",
        "an empty registry, 20 images that share 35 MB",
        Images(20, shared=(5 * MB, 5 * MB, 5 * MB, 20 * MB), own=200 * KB),
        before=None,
        after=lambda _: Edition(),
        peers=("skopeo one by one", *PEERS_AT_8),
    ),
    Case(
        "base-moved-20",
        "20 images whose base, which is in the same registry, has a new version",
        Images(20, shared=(64 * KB,), own=20 * KB, base=(4 * MB,) * 3),
        before=Edition(),
        after=lambda repetition: Edition(base=1 + repetition),
        peers=PEERS_AT_8,
    ),
    Case(
        "scale-10-100-1000",
        "10, 100 and 1,000 images, nothing changed",
        Images(1000, shared=(64 * KB,) * 4, own=2 * KB),
        before=Edition(),
        after=lambda _: Edition(),
        peers=("crane at 8",),
        counts=(10, 100, 1000),
    ),
    Case(
        "smallest",
        "5 images, one changed: what the tests run",
        Images(5, shared=(4 * KB,), own=KB, base=(4 * KB,)),
        before=Edition(),
        after=lambda repetition: Edition(own=1 + repetition),
        peers=("skopeo one by one", "crane at 8"),
        delays=(0.0,),
    ),
)
