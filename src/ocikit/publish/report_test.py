from __future__ import annotations

from dataclasses import replace

from ocikit.publish.outcome import Cost, Outcomes
from ocikit.publish.plan import plan
from ocikit.publish.remote_state import Absent, Answer, Content, Present, Question, QuestionKind, RemoteState
from ocikit.publish.report import Row, dry_run_outcomes, line, rows, skipped, summary
from ocikit.publish.request import Destination, PushRequest
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.manifest import Manifest
from ocikit.testing.images import described, manifest_of

WEB = Destination("registry.example/shop/web")
SHOP = Destination("registry.example/shop")

OLD, NEW = manifest_of("base", "old"), manifest_of("base", "newer")
BASE, NEWER, CONFIG = 4, 5, len("config of base newer")


def push(manifest: Manifest = NEW, *tags: str, destination: Destination = WEB) -> PushRequest:
    return PushRequest("web:push", destination, tags or ("latest",), manifest, ("//:base", "web:files"))


def tag(manifest: Manifest | None, name: str = "latest") -> dict[Question, Answer]:
    """What a tag names; and the content of that image, when it is asked for."""
    if manifest is None:
        return {Question(WEB, QuestionKind.TAG, name): Absent()}
    digest = manifest.descriptor.digest
    return {
        Question(WEB, QuestionKind.TAG, name): Present(digest),
        Question(WEB, QuestionKind.CONTENT, str(digest)): Content(manifest.config.digest, manifest.layers),
    }


def has(item: Descriptor) -> dict[Question, Answer]:
    return {Question(WEB, QuestionKind.BLOB, str(item.digest), item.size): Present(item.digest)}


def reported(answers: dict[Question, Answer], *pushes: PushRequest) -> tuple[Row, ...]:
    requests = pushes or (push(),)
    steps = plan(requests, RemoteState(answers))
    surveyed = {request.destination: Cost(2, 0, 10) for request in requests}
    return rows(requests, RemoteState(answers), steps, dry_run_outcomes(steps), surveyed)


def test_an_unchanged_reference() -> None:
    (row,) = reported(tag(NEW))
    assert (row.registry, row.repository, row.tag) == ("registry.example", "shop/web", "latest")
    assert (row.outcome, row.bytes_sent, row.bytes_present) == ("unchanged", 0, BASE + NEWER + CONFIG)
    assert (row.requests, row.seconds) == (2, 0.01)
    assert row.changes.added == row.changes.removed == ()
    assert row.layers == ()
    assert row.size == BASE + NEWER


def test_a_changed_layer_is_reported_with_its_target() -> None:
    (row,) = reported({**tag(OLD), **has(described("base"))})
    assert row.outcome == "pushed"
    assert (row.bytes_sent, row.bytes_present) == (NEWER + CONFIG, BASE)
    assert row.changes.previous == str(OLD.descriptor.digest)
    assert [(change.origin, change.size) for change in row.changes.added] == [("web:files", NEWER)]
    assert [change.digest for change in row.changes.removed] == [str(described("old").digest)]
    assert (row.size, row.changes.previous_size) == (BASE + NEWER, BASE + len("old"))
    assert [(layer.origin, layer.size, layer.transfer) for layer in row.layers] == [
        ("//:base", BASE, "present"),
        ("web:files", NEWER, "sent"),
    ]
    assert line(row) == (
        f"web:push: pushed registry.example/shop/web:latest {row.digest}: "
        f"changed layer web:files (5 B), {NEWER + CONFIG} B sent"
    )


def test_a_new_reference() -> None:
    (row,) = reported(tag(None))
    assert [change.origin for change in row.changes.added] == ["//:base", "web:files"]
    assert "new, " in line(row)


def test_a_new_tag_on_an_image_that_is_there() -> None:
    latest, one = reported({**tag(NEW), **tag(None, "1.0")}, push(NEW, "latest", "1.0"))
    assert (latest.outcome, one.outcome) == ("unchanged", "tagged")
    # The cost of a repository is in the first reference that changed.
    assert (latest.requests, one.requests) == (0, 2)
    assert "the image was there already" in line(one)


def test_what_is_mounted_is_not_sent() -> None:
    first, second = reported({}, push(), push(destination=SHOP))
    assert (first.bytes_sent, first.bytes_mounted) == (BASE + NEWER + CONFIG, 0)
    assert (second.bytes_sent, second.bytes_mounted, second.bytes_present) == (0, BASE + NEWER + CONFIG, 0)
    assert [layer.transfer for layer in (*first.layers, *second.layers)] == ["sent", "sent", "mounted", "mounted"]


def test_a_failure() -> None:
    steps = plan([push()], RemoteState())
    outcomes = Outcomes(failed={("web:push", WEB, "latest"): "no."})
    (row,) = rows([push()], RemoteState(), steps, outcomes, {})
    assert (row.outcome, row.error) == ("failed", "no.")
    assert [layer.transfer for layer in row.layers] == ["unsent", "unsent"]
    assert line(row) == f"web:push: registry.example/shop/web:latest was not moved to {row.digest}: no."


def test_a_tag_that_must_not_move() -> None:
    (row,) = reported(tag(OLD), replace(push(), immutable_tags=True))
    assert row.outcome == "failed"
    assert [layer.transfer for layer in row.layers] == ["unsent", "unsent"]
    for part in (str(OLD.descriptor.digest), "`immutable_tags`", "Nothing was uploaded.", "`image_tags`"):
        assert part in line(row)


def test_only_the_configuration_changed() -> None:
    other = Manifest.of(described("another config", media_type.OCI_CONFIG), NEW.layers)
    (row,) = reported({**tag(other), **has(described("base")), **has(described("newer"))})
    assert (row.changes.config, row.changes.added) == (True, ())
    assert "changed configuration" in line(row)


def test_only_the_annotations_changed() -> None:
    other = Manifest.of(NEW.config, NEW.layers, {"key": "value"})
    (row,) = reported({**tag(other), **has(described("base")), **has(described("newer"))})
    assert not row.changes.config
    assert "changed manifest, " in line(row)


def test_what_is_skipped() -> None:
    assert [(row.tag, row.outcome) for row in skipped(push(NEW, "a", "b"))] == [("a", "skipped"), ("b", "skipped")]


def test_a_directory_of_layouts() -> None:
    place = Destination("oci:dist/web")
    (row,) = reported({}, push(destination=place))
    assert (row.registry, row.repository) == ("oci:", "dist/web")


def test_summary() -> None:
    assert summary(()) == "0 references: ; 0 B sent in 0 requests"
    found = reported({}, push(), push(destination=SHOP))
    assert summary(found) == "2 references: 2 pushed; 29 B sent, 29 B mounted in 4 requests"


def test_outcomes_cross_out_of_a_sandbox() -> None:
    digest = described("base").digest
    outcomes = Outcomes(
        {("web:push", WEB, "latest"): "no."},
        frozenset({(WEB, digest)}),
        frozenset({(WEB, digest)}),
        frozenset({(SHOP, digest)}),
        {WEB: Cost(1, 2, 3)},
        ("careful",),
        12,
    )
    assert Outcomes.from_json(outcomes.to_json()) == outcomes


def test_later_outcomes_add_to_earlier_ones() -> None:
    digest = described("base").digest
    first = Outcomes(unmounted=frozenset({(WEB, digest)}), costs={WEB: Cost(1, 2, 3)}, waited=20)
    later = Outcomes(stored=frozenset({(WEB, digest)}), costs={WEB: Cost(10, 20, 30)}, waited=30)
    both = first.then(later)
    assert (both.unmounted, both.stored) == (frozenset(), frozenset({(WEB, digest)}))
    assert (both.costs, both.waited) == ({WEB: Cost(11, 22, 33)}, 50)
