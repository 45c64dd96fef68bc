"""Execute a plan: blobs, then each manifest or index with its tags, as soon as everything it needs is stored.

Tasks are submitted to a pool in the order of the plan, and a task waits only for tasks that were submitted before it.
So the oldest running task never waits, and there is always progress.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable

from ocikit.errors import NetworkError, OcikitError
from ocikit.publish.outcome import Blob, Outcomes
from ocikit.publish.request import Destination
from ocikit.publish.steps import Mount, Plan, PutManifest, PutPlatformManifest, Upload
from ocikit.publish.stores import CONCURRENT_STEPS, Stores
from ocikit.registry.error_response import is_immutable_tag
from ocikit.registry.retry_policy import ATTEMPTS
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.store.store import BatchTagger, Mounter, Opener, Resumer, Store, counted

# Opens a blob; None if its bytes are not available.
BlobOpener = Callable[[Digest], "Opener | None"]


class NotMounted(OcikitError):
    """A registry did not mount a blob, and its bytes are not available."""


def execute_plan(
    plan: Plan, manifests: Mapping[Digest, Manifest | ImageIndex], stores: Stores, open_blob: BlobOpener
) -> Outcomes:
    """Execute the steps concurrently; a failure does not stop the others. `manifests`: indexes' images too."""
    run = _Run(manifests, stores, open_blob)
    stores.meter.expect(
        len(plan.puts), [((step.destination, step.blob.digest), step.blob.size) for step in plan.uploads]
    )
    moved: list[tuple[PutManifest, Future[dict[str, str]]]] = []
    with ThreadPoolExecutor(CONCURRENT_STEPS) as pool:
        for upload in plan.uploads:
            run.blobs[upload.destination, upload.blob.digest] = pool.submit(run.upload, upload)
        for mount in plan.mounts:
            source = run.blobs.get((mount.source, mount.blob.digest))
            run.blobs[mount.destination, mount.blob.digest] = pool.submit(run.mount, mount, source)
        for child in plan.children:
            run.children[child.destination, child.manifest.digest] = pool.submit(run.put_child, child)
        moved.extend((put, pool.submit(run.put, put)) for put in plan.puts)
    failed = {
        (put.origin, put.destination, tag): text for put, future in moved for tag, text in future.result().items()
    }
    return Outcomes(
        failed,
        frozenset(item for item, future in (*run.blobs.items(), *run.children.items()) if not future.exception()),
        frozenset(run.mounted),
        frozenset(blob for blob, future in run.blobs.items() if isinstance(future.exception(), NotMounted)),
        stores.costs({put.destination for put in plan.puts}),
        stores.warnings(),
        stores.waited(),
    )


class _Run:
    def __init__(
        self, manifests: Mapping[Digest, Manifest | ImageIndex], stores: Stores, open_blob: BlobOpener
    ) -> None:
        self._manifests = manifests
        self._stores = stores
        self._open_blob = open_blob
        self.blobs: dict[Blob, Future[None]] = {}
        self.children: dict[Blob, Future[None]] = {}
        self.mounted: set[Blob] = set()

    def upload(self, step: Upload) -> None:
        opener = self._open_blob(step.blob.digest)
        assert opener, f"the blob {step.blob.digest} is to be uploaded, but is not available"
        with self._stores.timed(step.destination) as store:
            _push_blob(store, step.blob, self._counted(step, opener))
        self._stores.meter.transferred((step.destination, step.blob.digest), step.blob.size)

    def mount(self, step: Mount, source: Future[None] | None) -> None:
        # Only wait: if the source failed, the mount is tried anyway.
        if source:
            source.exception()
        opener = self._open_blob(step.blob.digest)
        with self._stores.timed(step.destination) as store:
            assert isinstance(store, Mounter), f"{step.destination.address} does not mount blobs"
            if store.mount_blob(step.blob, step.source.path, opener and self._counted(step, opener)):
                self.mounted.add((step.destination, step.blob.digest))
            elif opener is None:
                raise NotMounted(f"{step.blob.digest} was not mounted from {step.source.address}")
            else:
                self._stores.meter.transferred((step.destination, step.blob.digest), step.blob.size)

    def _counted(self, step: Upload | Mount, opener: Opener) -> Opener:
        return counted(opener, self._stores.meter, (step.destination, step.blob.digest), step.blob.size)

    def put_child(self, step: PutPlatformManifest) -> None:
        manifest = self._manifests[step.manifest.digest]
        self._wait_for_needs(step.destination, manifest)
        with self._stores.timed(step.destination) as store:
            try:
                store.push_manifest(manifest)
            except NetworkError:
                # The response may have been lost.
                if not _names(store, str(step.manifest.digest), manifest):
                    raise

    def put(self, step: PutManifest) -> dict[str, str]:
        """Store the manifest and move its tags; returns the errors, by tag."""
        manifest = self._manifests[step.manifest.digest]
        try:
            self._wait_for_needs(step.destination, manifest)
        except NotMounted:
            # Neither done nor failed: there will be another plan.
            return {}
        except OcikitError as error:
            return dict.fromkeys(step.tags, str(error))
        refused = self._move(step, manifest)
        self._stores.meter.completed(not refused)
        return refused

    def _wait_for_needs(self, place: Destination, manifest: Manifest | ImageIndex) -> None:
        """Wait for everything that the manifest needs; raises the error of what was not stored."""
        if isinstance(manifest, ImageIndex):
            for child in manifest.manifests:
                self._wait_for_needs(place, self._manifests[child.digest])
                stored = self.children.get((place, child.digest))
                if stored:
                    self._wait_for(stored, f"the image for {child.platform} ({child.digest})")
            return
        for blob in manifest.blobs:
            transfer = self.blobs.get((place, blob.digest))
            if transfer:
                self._wait_for(transfer, f"the blob {blob.digest} ({blob.size} bytes)")

    def _move(self, step: PutManifest, manifest: Manifest | ImageIndex) -> dict[str, str]:
        try:
            with self._stores.timed(step.destination) as store:
                done: frozenset[str] = frozenset()
                if len(step.tags) > 1 and isinstance(store, BatchTagger):
                    done = store.push_with_tags(manifest, step.tags)
                tags = [tag for tag in step.tags if tag not in done]
                return {tag: why for tag in tags for why in [_move_tag(store, tag, manifest)] if why}
        except OcikitError as error:
            return dict.fromkeys(step.tags, str(error))

    def _wait_for(self, transfer: Future[None], what: str) -> None:
        try:
            transfer.result()
        except NotMounted:
            raise
        except OcikitError as error:
            raise OcikitError(f"{what} could not be uploaded: {error}") from None


def _push_blob(store: Store, blob: Descriptor, opener: Opener) -> None:
    """Upload a blob. If its source fails, an upload to a registry resumes by itself; one to a layout is repeated."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            store.push_blob(blob, opener)
            break
        except NetworkError:
            if attempt == ATTEMPTS or isinstance(store, Resumer):
                raise


def _move_tag(store: Store, tag: str, manifest: Manifest | ImageIndex) -> str | None:
    """Make a tag name the image; returns the error."""
    try:
        store.push_manifest(manifest, tag)
    except OcikitError as error:
        # The response may have been lost, or a registry refused to set a tag again: what the tag names decides.
        doubtful = isinstance(error, NetworkError) or is_immutable_tag(error)
        if not (doubtful and _names(store, tag, manifest)):
            return str(error)
    return None


def _names(store: Store, name: str, manifest: Manifest | ImageIndex) -> bool:
    """Whether a tag, or its digest, names the image."""
    try:
        found = store.resolve(name)
    except OcikitError:
        return False
    return found is not None and found.digest == manifest.descriptor.digest
