"""What happened and why, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ocikit.errors import OcikitError
from ocikit.push.plan import Plan, PutManifest, Upload
from ocikit.push.wanted import Destination


def human_bytes(count: int) -> str:
    """`count` bytes with the unit people read: 999 B, 1.2 kB, 34.5 MB."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def success_lines(plan: Plan) -> Iterator[str]:
    """One line for every reference of a plan that was carried out whole."""
    sent: dict[Destination, tuple[int, int]] = {}
    for step in plan.uploads:
        count, size = sent.get(step.destination, (0, 0))
        sent[step.destination] = (count + 1, size + step.blob.size)
    for put in plan.manifests:
        # Blobs belong to a destination and are told once, with its first reference.
        count, size = sent.pop(put.destination, (0, 0))
        what = "tagged" if put.known else "pushed"
        blobs = f", {count} {'blob' if count == 1 else 'blobs'} ({human_bytes(size)}) sent"
        reference = put.destination.reference(put.tag)
        yield f"{put.origin}: {what} {reference} {put.manifest.digest}{blobs if count else ''}"


def failure_lines(
    plan: Plan,
    uploads: Mapping[Upload, OcikitError],
    commits: Sequence[tuple[PutManifest, OcikitError]],
) -> Iterator[str]:
    """Why references were not published: what was wanted, what was found; one line for each reason."""
    told = set()
    for put in plan.manifests:
        for step, error in uploads.items():
            line = (
                f"{put.origin}: {put.destination.address} was not published: blob {step.blob.digest} "
                f"({human_bytes(step.blob.size)}) could not be sent: {error}"
            )
            if step.destination == put.destination and str(error) not in told:
                told.add(str(error))
                yield line
    for put, error in commits:
        yield (f"{put.origin}: {put.destination.reference(put.tag)} was not moved to {put.manifest.digest}: {error}")
