"""The cases: what is pushed, where the registry is, and what it has already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

KB, MB = 1000, 1000 * 1000
# A registry on this machine, and one at some distance: seconds added to every request.
DELAYS = (0.0, 0.03)
# The floor: the same command, when every push target says `skip_push`.
SKIPPING = "pants, all skipped"
# What rules_oci, ko and many scripts do; how most people call skopeo; and the fairest that can be made of the others.
PEERS_AT_8 = ("crane at 8", "skopeo at 8", "docker at 8")


@dataclass(frozen=True)
class Images:
    """What there is to push: so many images with the `shared` layers, and each with one of its `own` on top.

    Sizes are bytes, of content that does not compress. `base`: layers of an image in the same registry all stand on.
    """

    count: int
    shared: tuple[int, ...]
    own: int
    base: tuple[int, ...] = ()


@dataclass(frozen=True)
class Edition:
    """A state of the content. `own`: which edition of the first image's own layer; `base`: which of the base."""

    own: int = 0
    base: int = 0
    tag: str = "latest"


@dataclass(frozen=True)
class Case:
    """`before`: what the registry has already. `after`: what repetition 0, 1 … pushes. `counts`: of how many images."""

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
