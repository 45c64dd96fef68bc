"""The page that a real run of `publish` writes, in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal
from support.browser import PHONE, shown
from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root

BUILD = """\
file(name="large", source="large.bin")
file(name="text", source="text.txt")
file(name="arm", source="arm.txt")
oci_layer(name="shared", dependencies=[":large"])
oci_image(name="image", layers=[":shared"], dependencies=[":text"])
oci_image(name="arm64", layers=[":shared"], dependencies=[":arm"], platform="linux/arm64")
oci_index(name="index", images=[":image", ":arm64"])
oci_push(name="web", image=":image", repository="web", image_tags=["latest", "1.0"])
oci_push(name="all", image=":index", repository="all")
oci_push(name="broken", image=":image", repository="broken")
oci_push(name="still", image=":arm64", repository="still")
"""
SAID = "no <script>window.hurt = 1</script>"
REFUSING = Faults(refusals=(Refusal("PUT /v2/broken/manifests", 400, body=SAID.encode()),))


@pytest.fixture(scope="module")
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture(scope="module")
def root(registry: FakeRegistry) -> Iterator[BuildRoot]:
    """Published once, and changed since then."""
    with empty_build_root() as root:
        noise = bytes(range(256)) * 40
        root.write({"BUILD": BUILD, "large.bin": noise, "text.txt": "Good day.\n", "arm.txt": "Arm.\n"})
        publish(root, registry, "publish.json")
        root.write({"text.txt": "Good day, and here are more words.\n" * 50})
        yield root


def publish(root: BuildRoot, registry: FakeRegistry, report: str, *arguments: str, check: bool = True) -> Result:
    table = {"lab": {"address": registry.address, "default": True}}
    return root.pants(
        f"--oci-registries={table!r}", f"--oci-report=dist/{report}", *arguments, "publish", "::", check=check
    )


def rows(root: BuildRoot, report: str) -> dict[str, dict[str, Any]]:
    document = json.loads((root.path / "dist" / report).read_text())
    return {f"{row['repository']}:{row['tag']}": row for row in document["references"]}


def travels(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(layer["origin"], layer["transfer"]) for layer in row["layers"]]


def test_a_page_for_a_run(root: BuildRoot, registry: FakeRegistry, browser: Browser) -> None:
    publish(root, registry, "plan.json", "--oci-dry-run")
    publish(root, registry, "plan.html", "--oci-dry-run")
    planned = rows(root, "plan.json")
    registry.faults = REFUSING
    assert publish(root, registry, "publish.html", check=False).exit_code == 1

    web = planned["web:latest"]
    # New blobs are uploaded to the first repository; the others mount them.
    assert travels(web) == [("//:shared", "present"), ("//:text", "mounted")]
    assert travels(planned["all:latest"])[:2] == [("//:shared", "present"), ("//:text", "sent")]
    assert web["size"] == sum(one["size"] for one in web["layers"])
    old, new = web["changes"]["removed"][0]["size"], web["changes"]["added"][0]["size"]
    assert web["changes"]["previous_size"] == web["size"] - new + old
    assert planned["all:latest"]["layers"][0]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert planned["still:latest"]["layers"] == []

    with shown(browser, root.path / "dist/plan.html") as seen:
        assert seen.page.locator("h1").inner_text() == "4 of 5 references would change"
        assert seen.page.locator(".badge").all_inner_texts() == ["would be pushed"] * 3
    with shown(browser, root.path / "dist/publish.html", width=PHONE) as seen:
        assert seen.overflow() <= 0
        assert seen.complaints == [] and len(seen.requests) == 1 and seen.ask("() => window.hurt") is None
        assert seen.page.locator("h1").inner_text() == "1 failed, 3 of 5 references changed"
        assert SAID in seen.page.locator("#failed .error").inner_text()
        image = seen.page.locator(".image", has=seen.page.get_by_role("heading", name="//:web"))
        assert image.locator(".tags b").all_inner_texts() == ["latest", "1.0"]
        for text in ("1 layer is new", "Before", web["digest"], web["changes"]["previous"]):
            assert image.get_by_text(text).first.is_visible()
        widths = image.locator(".bar").first.evaluate(
            "(bar) => [...bar.querySelectorAll('.part')].map((part) => part.getBoundingClientRect().width)"
        )
        whole = image.locator(".bar").first.evaluate("(bar) => bar.getBoundingClientRect().width")
        assert widths == pytest.approx([whole * one["size"] / web["size"] for one in web["layers"]], abs=0.5)
        index = seen.page.locator(".image", has=seen.page.get_by_role("heading", name="//:all"))
        assert index.get_by_text("linux/amd64, linux/arm64").is_visible()
        assert "//:still" in seen.page.locator("#unchanged").inner_text()


def test_a_report_that_cannot_be_written(root: BuildRoot, registry: FakeRegistry) -> None:
    registry.faults = Faults()
    root.write({"dist/file": ""})
    result = publish(root, registry, "file/publish.html")
    assert '[ERROR] [oci].report "dist/file/publish.html" was not written: cannot write' in result.stderr
    assert "published" in result.stderr or "skipped" in result.stderr
