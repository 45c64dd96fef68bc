"""A run is published as a whole: its requests, uploads, mounts, cached knowledge and report, counted at a registry."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ocikit.testing.fake_registry import FakeRegistry, Faults
from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root

BUILD = """\
file(name="shared-file", source="shared.txt")
oci_layer(name="shared", dependencies=[":shared-file"])
"""
IMAGE = """\
file(name="file", source="own.txt")
oci_image(name="image", layers=["//:shared"], dependencies=[":file"])
oci_push(name="push", image=":image", image_tags=["{{env.TAG}}"], repository="{name}")
"""
NAMES = ("one", "two", "three")
FILES: dict[str, str | bytes] = {
    "BUILD": BUILD,
    "shared.txt": "shared\n",
    **{f"{name}/BUILD": IMAGE.format(name=name) for name in NAMES},
    **{f"{name}/own.txt": f"{name}\n" for name in NAMES},
    "specs": "one:push\ntwo:push\n",
}


@pytest.fixture(scope="module")
def shared_root() -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        root.write(FILES)
        root.commit()
        yield root


@dataclass(frozen=True)
class Publisher:
    root: BuildRoot
    registry: FakeRegistry

    def publish(self, *arguments: str, tag: str = "1", check: bool = True, **table: Any) -> Result:
        """Publish, and reset the counted requests first. `table`: more keys of `[oci.registries.lab]`."""
        self.registry.requests.clear()
        registries = {"lab": {"address": self.registry.address, "default": True, **table}}
        return self.root.pants(f"--oci-registries={registries!r}", *arguments, env={"TAG": tag}, check=check)

    def rows(self, *arguments: str, **more: Any) -> dict[str, Any]:
        """Publish everything, and return the rows of the report by repository."""
        self.publish("--oci-report=report.json", *arguments, "publish", "::", **more)
        document = json.loads((self.root.path / "report.json").read_text())
        return {row["repository"]: row for row in document["references"]}

    def tags(self) -> dict[str, list[str]]:
        return {name: list(self.registry.repositories[name].tags) for name in NAMES}


@pytest.fixture
def publisher(shared_root: BuildRoot) -> Iterator[Publisher]:
    with FakeRegistry() as registry:
        yield Publisher(shared_root, registry)
    shared_root.restore()


def summaries(result: Result) -> list[str]:
    return re.findall(r"\[INFO\] (?:dry run: )?(\d+ references?: .*)", result.stderr)


def test_shared_layers_are_uploaded_once_and_mounted_elsewhere(publisher: Publisher) -> None:
    rows = publisher.rows()
    assert {name: row["outcome"] for name, row in rows.items()} == dict.fromkeys(NAMES, "pushed")
    # Each image has its own layer and config; the shared layer is uploaded once.
    assert publisher.registry.count("PUT .*/blobs/uploads") == 3 + 3 + 1
    assert publisher.registry.count("POST .*mount=") == 2
    assert sorted(row["bytes_mounted"] > 0 for row in rows.values()) == [False, True, True]
    assert publisher.tags() == {name: ["1"] for name in NAMES}
    assert "//:shared" in {layer["origin"] for layer in rows["one"]["changes"]["added"]}


def test_a_registry_that_does_not_mount_gets_uploads(publisher: Publisher) -> None:
    publisher.registry.faults = Faults(no_mount=True)
    rows = publisher.rows()
    assert publisher.registry.count("PUT .*/blobs/uploads") == 3 + 3 + 3
    assert {row["bytes_mounted"] for row in rows.values()} == {0}
    assert publisher.tags() == {name: ["1"] for name in NAMES}


def test_blobs_are_uploaded_when_a_mount_is_refused(publisher: Publisher) -> None:
    publisher.publish("publish", "one:push")
    publisher.registry.faults = Faults(no_mount=True)
    rows = publisher.rows()
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "one": "unchanged",
        "two": "pushed",
        "three": "pushed",
    }
    assert publisher.tags() == {name: ["1"] for name in NAMES}
    assert publisher.rows()["two"]["outcome"] == "unchanged"


def test_an_unchanged_reference_takes_one_request(publisher: Publisher) -> None:
    publisher.publish("publish", "::")
    result = publisher.publish("publish", "::")
    assert [request.method for request in publisher.registry.requests] == ["HEAD"] * 3
    assert summaries(result) == ["3 references: 3 unchanged; 0 B sent in 3 requests"]


def test_a_new_tag_on_known_content_takes_two_requests(publisher: Publisher) -> None:
    publisher.publish("publish", "::")
    result = publisher.publish("publish", "::", tag="2")
    assert sorted(request.method for request in publisher.registry.requests) == ["HEAD"] * 3 + ["PUT"] * 3
    assert publisher.tags() == {name: ["1", "2"] for name in NAMES}
    assert summaries(result)[0].startswith("3 references: 3 tagged;")
    again = publisher.publish("publish", "::", tag="2")
    assert [request.method for request in publisher.registry.requests] == ["HEAD"] * 3
    assert "3 unchanged" in summaries(again)[0]


def test_cached_knowledge_is_verified(publisher: Publisher) -> None:
    publisher.publish("publish", "::")
    publisher.registry.repositories.clear()
    rows = publisher.rows(tag="2")
    assert {row["outcome"] for row in rows.values()} == {"pushed"}
    assert publisher.tags() == {name: ["2"] for name in NAMES}


def test_a_dry_run_reports_and_changes_nothing(publisher: Publisher) -> None:
    publisher.publish("publish", "one:push")
    result = publisher.publish("--oci-dry-run", "publish", "::")
    assert {request.method for request in publisher.registry.requests} == {"HEAD"}
    assert result.exit_code == 0
    assert "/two:1 skipped (dry run: would be pushed: new, " in result.stderr
    assert re.search(r"/one:1 skipped \(unchanged: sha256:", result.stderr)
    assert publisher.tags() == {"one": ["1"], "two": [], "three": []}
    assert summaries(result)[0].startswith("3 references: 2 pushed, 1 unchanged;")


def test_a_blob_that_the_registry_lost_is_uploaded_again(publisher: Publisher) -> None:
    publisher.publish("publish", "::")
    repository = publisher.registry.repositories["two"]
    lost = next(iter(repository.blobs))
    content = repository.blobs.pop(lost)
    assert publisher.rows()["two"]["outcome"] == "unchanged"
    rows = publisher.rows("--oci-verify=blobs")
    assert (rows["one"]["outcome"], rows["two"]["outcome"]) == ("unchanged", "pushed")
    assert repository.blobs[lost] == content
    assert {row["outcome"] for row in publisher.rows("--oci-verify=blobs").values()} == {"unchanged"}


def test_a_tag_that_must_not_move_is_refused_before_anything_is_sent(publisher: Publisher) -> None:
    publisher.publish("publish", "::", immutable_tags=True)
    before = publisher.registry.repositories["one"].tags["1"]
    assert "3 unchanged" in summaries(publisher.publish("publish", "::", immutable_tags=True))[0]

    publisher.root.write({"one/own.txt": "another\n", "two/BUILD": IMAGE.format(name="fresh")})
    result = publisher.publish("publish", "::", immutable_tags=True, check=False)
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if "[ERROR] one:push: " in line]
    for part in (f"{publisher.registry.address}/one:1 was not moved", f"the tag names {before}", "`immutable_tags`"):
        assert part in line
    assert publisher.registry.repositories["one"].tags == {"1": before}
    assert not publisher.registry.count("(POST|PUT|PATCH) /v2/one/")
    assert list(publisher.registry.repositories["fresh"].tags) == ["1"]


def test_the_report_says_what_changed_and_why(publisher: Publisher) -> None:
    old = publisher.rows()
    publisher.root.write({"one/own.txt": "one more line\n"})
    new = publisher.rows()
    changes = new["one"]["changes"]
    assert changes["previous"] == old["one"]["digest"] != new["one"]["digest"]
    assert [layer["origin"] for layer in changes["added"]] == ["one:file"]
    assert (len(changes["removed"]), changes["config"]) == (1, True)
    assert new["one"]["bytes_present"] > 0 < new["one"]["bytes_sent"]
    assert (new["two"]["outcome"], new["two"]["requests"]) == ("unchanged", 1)


def test_one_failure_leaves_the_others_published(publisher: Publisher) -> None:
    (publisher.root.path / "two/own.txt").write_text("refused\n")
    publisher.registry.faults = Faults(max_body=0)
    failed = publisher.publish("publish", "::", check=False)
    assert failed.exit_code == 1
    assert failed.stderr.count("was not moved to") == 3
    publisher.registry.faults = Faults()
    assert "3 pushed" in summaries(publisher.publish("publish", "::"))[0]


SELECTIONS = [
    pytest.param(("publish", "::"), {"one", "two", "three"}, id="everything"),
    pytest.param(("publish", "one:", "two::"), {"one", "two"}, id="globs"),
    pytest.param(("publish", "one:push", "three:push"), {"one", "three"}, id="addresses"),
    pytest.param(("publish", "two:push"), {"two"}, id="one"),
    pytest.param(("publish", "::", "-two::"), {"one", "three"}, id="all-but"),
    pytest.param(("--spec-files=specs", "publish"), {"one", "two"}, id="spec-files"),
    pytest.param(("publish", "one:image"), set(), id="none"),
    pytest.param(("--changed-since=HEAD", "--changed-dependents=transitive", "publish"), {"three"}, id="changed-since"),
    pytest.param(("--changed-since=HEAD", "publish"), set(), id="changed-without-dependents"),
]


@pytest.mark.parametrize("arguments, expected", SELECTIONS)
def test_a_selection_is_published_as_one_run(
    publisher: Publisher, arguments: tuple[str, ...], expected: set[str]
) -> None:
    publisher.root.write({"three/own.txt": "changed\n"})
    result = publisher.publish(*arguments)
    assert {name for name, tags in publisher.tags().items() if tags} == expected
    assert len(summaries(result)) == bool(expected)


def test_uploads_of_an_earlier_run_are_not_repeated(publisher: Publisher) -> None:
    """Pants may start work that depended on the last answer while a request runs; slow answers give it time to."""
    publisher.publish("publish", "::")
    publisher.registry.faults = Faults(delay_seconds=2)
    publisher.publish("publish", "::")
    assert [request.method for request in publisher.registry.requests] == ["HEAD"] * 3


@pytest.mark.parametrize("pwd", ["one", "", "elsewhere", "two"])
@pytest.mark.parametrize("spec", ["::", ":push"])
def test_only_the_requested_targets_are_published(publisher: Publisher, pwd: str, spec: str) -> None:
    """`PWD` may be wrong: not every launcher is a shell that sets it to the working directory."""
    folder = publisher.root.path / "one"
    registries = {"lab": {"address": publisher.registry.address, "default": True}}
    publisher.root.pants(
        f"--oci-registries={registries!r}",
        "publish",
        spec,
        env={"TAG": "1"},
        folder=folder,
        told_folder=str(publisher.root.path / pwd),
    )
    assert publisher.tags() == {"one": ["1"], "two": [], "three": []}
