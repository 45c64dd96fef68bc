"""Our publisher: `ocikit survey` and `ocikit publish` in this process, without waiting."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Callable

from faults.cell import Downtime, Pushed
from faults.scenario import BASE, TAG, Images, docker_config
from ocikit.publish.execute import execute_plan
from ocikit.publish.outcome import Blob, Outcomes
from ocikit.publish.plan import DEFAULT_POLICY, plan
from ocikit.publish.remote_state import Answer, Present, Question, QuestionKind
from ocikit.publish.report import PUSHED, TAGGED, UNCHANGED, line, rows
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.steps import Plan
from ocikit.publish.stores import Stores
from ocikit.publish.survey import survey
from ocikit.registry.client import RegistryClient
from ocikit.registry.deadline import Limits
from ocikit.registry.transport import HttpTransport
from ocikit.spec.digest import Digest
from ocikit.store.store import Opener
from ocikit.testing import FakeRegistry


def publish(registry: FakeRegistry, images: Images, down: Downtime) -> Pushed:
    """Query, plan and upload as the plugin does, each step with new connections, as in separate processes."""
    requests = _requests(registry, images)
    manifests = {request.manifest.descriptor.digest: request.manifest for request in requests}
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_bytes(docker_config(registry.address))
        environ = {"DOCKER_CONFIG": folder}
        with _connected(environ, down, for_push=False) as stores:
            seen = survey(requests, stores, DEFAULT_POLICY)
        steps = again = plan(requests, seen)
        outcomes, todo = Outcomes(), requests
        while todo:
            with _connected(environ, down, for_push=True) as stores:
                outcomes = outcomes.then(execute_plan(again, manifests, stores, _blobs_to_send(again, images)))
            # If the registry refuses a mount, the blob is uploaded after all.
            todo = [request for request in todo if _blobs(request) & outcomes.unmounted]
            again = plan(todo, seen.plus(_there(todo, outcomes)), refused_mounts=outcomes.unmounted)
    reported = rows(requests, seen, steps, outcomes, {})
    errors = tuple(line(row) for row in reported if row.error)
    return Pushed(all(row.outcome in (PUSHED, TAGGED, UNCHANGED) for row in reported), errors)


def _requests(registry: FakeRegistry, images: Images) -> list[PushRequest]:
    base = Destination(f"{registry.address}/{BASE}")
    return [
        PushRequest(
            f"{name}:push",
            Destination(f"{registry.address}/{name}"),
            (TAG,),
            manifest,
            bases=(base,),
            base_layers=1,
        )
        for name, manifest in images.manifests.items()
    ]


def _blobs(request: PushRequest) -> set[Blob]:
    return {(request.destination, blob.digest) for blob in request.blobs}


def _there(requests: list[PushRequest], outcomes: Outcomes) -> Mapping[Question, Answer]:
    return {
        Question(request.destination, QuestionKind.BLOB, str(blob.digest), blob.size): Present(blob.digest)
        for request in requests
        for blob in request.blobs
        if (request.destination, blob.digest) in outcomes.stored
    }


def _blobs_to_send(steps: Plan, images: Images) -> Callable[[Digest], Opener | None]:
    """An opener of the blobs to upload; as in a sandbox, others are not available."""
    at_hand = {step.blob.digest for step in steps.uploads}

    def open_blob(digest: Digest) -> Opener | None:
        return partial(_opened, images.blobs[digest]) if digest in at_hand else None

    return open_blob


def _opened(data: bytes) -> AbstractContextManager[BinaryIO]:
    return io.BytesIO(data)


@contextmanager
def _connected(environ: Mapping[str, str], down: Downtime, *, for_push: bool) -> Iterator[Stores]:
    transport = HttpTransport(limits=Limits(silence=down.read_seconds))
    make_client = partial(RegistryClient, transport=transport, clock=down.clock, sleep=down.sleep, jitter=lambda: 0.5)
    try:
        yield Stores("", environ, {}, for_push=for_push, make_client=make_client)
    finally:
        transport.close()
