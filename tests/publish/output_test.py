"""The output of `publish`, and the repositories and tags that it publishes to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.build_root import BuildRoot, Result
from support.counting_proxy import CountingProxy
from support.registry_container import Registry

GREETER = "examples/greeter:push"


def push(root: BuildRoot, fields: str) -> str:
    """Add another `oci_push` of the greeter, and return its address."""
    root.write({"more/BUILD": f'oci_push(name="push", image="examples/greeter:image", {fields})\n'})
    return "more:push"


def report(root: BuildRoot, *arguments: str, env: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Publish, and return the rows of `--publish-output`, one for each reference, each with Pants's `published`."""
    output = root.path / "dist/published.json"
    root.pants(f"--publish-output={output}", *arguments, env=env)
    entries = json.loads(output.read_text())
    for entry in entries:
        assert entry["names"] == [row["reference"] for row in entry["references"]]
    return [{**row, "published": entry["published"]} for entry in entries for row in entry["references"]]


def tags_in(root: BuildRoot, repository: str) -> dict[str, str]:
    """The digests of a published layout, by tag."""
    index = json.loads((root.path / "dist/registry" / repository / "index.json").read_text())
    return {m["annotations"]["org.opencontainers.image.ref.name"]: m["digest"] for m in index["manifests"]}


def files_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_the_report_for_machines(examples: BuildRoot) -> None:
    rows = report(examples, "publish", "examples/banner:push")
    digests = tags_in(examples, "examples/banner")
    assert set(digests) == {"latest", "1.0"}
    for row, tag in zip(rows, ("latest", "1.0")):
        assert row["reference"] == f"oci:dist/registry/examples/banner:{tag}"
        assert (row["registry"], row["repository"], row["tag"]) == ("oci:", "dist/registry/examples/banner", tag)
        assert (row["published"], row["outcome"], row["error"]) == (True, "pushed", None)
        assert row["target"] == "examples/banner:push"
        assert row["digest"] == digests[tag]
    assert [layer["origin"] for layer in rows[0]["changes"]["added"]][-1] == "examples/banner:texts"

    for again, row in zip(report(examples, "publish", "examples/banner:push"), rows):
        assert (again["digest"], again["published"], again["outcome"]) == (row["digest"], False, "unchanged")
        assert again["bytes_sent"] == 0 < again["bytes_present"]


def test_a_directory_is_not_written_again(examples: BuildRoot) -> None:
    examples.pants("publish", "::")
    before = files_below(examples.path / "dist/registry")
    assert before
    again = examples.pants("publish", "::")
    assert files_below(examples.path / "dist/registry") == before
    assert again.stderr.count("skipped (unchanged") == 6


def test_two_registries(examples: BuildRoot) -> None:
    address = push(examples, 'registries=["@local", "oci:dist/other"], repository="more"')
    rows = report(examples, "publish", address)
    assert {row["repository"] for row in rows} == {"dist/registry/more", "dist/other/more"}
    assert len({row["digest"] for row in rows}) == 1
    assert (examples.path / "dist/other/more/index.json").exists()


def test_tags_and_repository_from_placeholders(examples: BuildRoot) -> None:
    tags = ["{git.short_sha}", "v-{env.RELEASE}", "{digest}", "{name}"]
    address = push(examples, f'image_tags={tags}, repository="{{full_directory}}/{{name}}"')
    rows = report(examples, "publish", address, env={"RELEASE": "7"})
    sha = examples.git("rev-parse", "HEAD")[:7]
    assert [row["tag"] for row in rows] == [sha, "v-7", rows[0]["digest"].split(":")[1][:12], "push"]
    assert set(tags_in(examples, "more/push")) == {row["tag"] for row in rows}


def test_a_placeholder_that_cannot_be_filled(examples: BuildRoot) -> None:
    address = push(examples, 'image_tags=["v-{env.NO_SUCH}"]')
    result = examples.pants("publish", address, check=False)
    assert result.exit_code == 1
    for part in ("more:push", "image_tags", "{env.NO_SUCH}", "is not set"):
        assert part in result.stderr


def test_tags_of_a_registry(examples: BuildRoot) -> None:
    registries = {"local": {"address": "oci:dist/registry", "default": True, "extra_image_tags": ["stable"]}}
    examples.pants(f"--oci-registries={registries!r}", "publish", GREETER)
    assert set(tags_in(examples, "examples/greeter")) == {"latest", "stable"}


def test_an_old_tag_stays_when_the_image_changes(examples: BuildRoot) -> None:
    address = push(examples, 'image_tags=["latest", "{digest}"]')
    (_, row) = report(examples, "publish", address)
    examples.write({"examples/greeter/greeting.txt": "Good day.\n"})
    (latest, changed) = report(examples, "publish", address)
    tags = tags_in(examples, "more")
    assert tags["latest"] == changed["digest"] == tags[changed["tag"]]
    assert tags[row["tag"]] == row["digest"] != changed["digest"]
    assert latest["changes"]["previous"] == row["digest"]
    assert [layer["origin"] for layer in latest["changes"]["added"]] == ["examples/greeter:texts"]
    assert len(latest["changes"]["removed"]) == 1


def test_skip_push(examples: BuildRoot) -> None:
    address = push(examples, "skip_push=True")
    result = examples.pants("publish", address)
    assert re.search("more:latest skipped", result.stderr)
    assert not (examples.path / "dist/registry/more").exists()


def test_skip_push_of_a_registry(examples: BuildRoot) -> None:
    registries = {
        "local": {"address": "oci:dist/registry", "default": True},
        "off": {"address": "oci:dist/off", "default": True, "skip_push": True},
    }
    result = examples.pants(f"--oci-registries={registries!r}", "publish", GREETER)
    assert "oci:dist/off/examples/greeter:latest skipped" in result.stderr
    assert set(tags_in(examples, "examples/greeter")) == {"latest"}
    assert not (examples.path / "dist/off").exists()


@pytest.mark.container
def test_a_new_tag_on_an_unchanged_image_uploads_no_blob(examples: BuildRoot, registry: Registry) -> None:
    with CountingProxy(registry.address).running() as proxy:

        def publish() -> Result:
            registries = {"wire": {"address": proxy.address, "default": True}}
            return examples.pants(f"--oci-registries={registries!r}", "publish", address)

        address = push(examples, 'image_tags=["latest", "{git.short_sha}"], repository="new-tag"')
        publish()
        digest = registry.digest("new-tag")
        examples.git("commit", "--quiet", "--allow-empty", "--message=Nothing")
        proxy.take()
        result = publish()
        exchanges = proxy.take()
    sha = examples.git("rev-parse", "HEAD")[:7]
    (sent,) = [exchange for exchange in exchanges if exchange.method not in ("GET", "HEAD")]
    assert (sent.method, sent.path) == ("PUT", f"/v2/new-tag/manifests/{sha}")
    assert registry.digest("new-tag", sha) == digest
    assert f"tagged {proxy.address}/new-tag:{sha}" in result.stderr
