"""Pants escapes hostile text of images, registries and BUILD files in its output, logs and reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocikit.cli.hostile_test import assert_harmless, make_image
from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal
from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root

# Ends a line, clears the screen, reverses text, hides characters, and imitates a line of the log.
HOSTILE = "a\x1b[2J\x9b31m\u202eb\u2028\u200b\x7f\n12:00:00.00 [INFO] Published everything."
BUILD = f"""\
oci_base(name="base", path="base")
file(name="file", source="file.txt")
oci_image(
    name="image",
    base=":base",
    dependencies=[":file"],
    labels={{"l": {HOSTILE!r}}},
    env={{"E": {HOSTILE!r}}},
    annotations={{"a": {HOSTILE!r}}},
    args=[{HOSTILE!r}],
)
oci_push(name="push", image=":image", repository="web", image_tags=["1"])
"""
WRONG = {
    "tag": f'oci_push(name="wrong", image=":image", image_tags=[{HOSTILE!r}])',
    "repository": f'oci_push(name="wrong", image=":image", repository={HOSTILE!r})',
    "placeholder": f'oci_push(name="wrong", image=":image", image_tags=["{{{{" + {HOSTILE!r} + "}}}}"])',
    "user": f'oci_image(name="wrong", base=":base", user={HOSTILE!r})',
    "healthcheck": f'oci_image(name="wrong", base=":base", healthcheck={{{HOSTILE!r}: 1}})',
    "platform": f'oci_image(name="wrong", base=":base", platform={HOSTILE!r})',
    "path": f'oci_base(name="wrong", path={"../" + HOSTILE!r})',
    "image": f'oci_base(name="wrong", image={HOSTILE!r})',
    "directory": f'oci_layer(name="layer", dependencies=[":file"], directory={HOSTILE!r})\n{{layers}}',
    "link": f'oci_layer(name="layer", symlinks={{{HOSTILE!r}: "/x"}})\n{{layers}}',
}


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root() as build_root:
        build_root.write({"web/BUILD": BUILD, "web/file.txt": "x"})
        make_image(build_root.path / "web/base", HOSTILE)
        yield build_root


def harmless(result: Result) -> Result:
    assert_harmless(result.stdout)
    assert_harmless(result.stderr)
    # The imitated line of Pants's log does not start a line.
    assert "\n12:00:00.00 [INFO] Published" not in f"\n{result.stdout}\n{result.stderr}"
    return result


def at(address: str) -> str:
    return f"--oci-registries={{'here': {{'address': '{address}', 'default': True}}}}"


def test_images_are_shown(root: BuildRoot) -> None:
    text = harmless(root.pants("oci-inspect", "web:image")).stdout
    assert r"a\x1b[2J\x9b31m\u202eb\u2028\u200b\x7f\n12:00" in text
    (document,) = json.loads(harmless(root.pants("oci-inspect", "--json", "web:image")).stdout)
    assert document["config"]["config"]["Labels"]["l"] == HOSTILE
    assert document["manifest"]["annotations"]["a"] == HOSTILE


def test_images_are_published_and_compared(root: BuildRoot) -> None:
    report, page, output = (root.path / "dist" / name for name in ("report.json", "report.html", "output.json"))
    with FakeRegistry() as registry:
        registry.faults = Faults(warning=HOSTILE.replace("\n", " ").encode("latin-1", "ignore").decode("latin-1"))
        where = at(registry.address)
        options = (where, f"--oci-report={report}", f"--publish-output={output}")
        harmless(root.pants(*options, "--oci-dry-run", "publish", "web:push"))
        harmless(root.pants(*options, "publish", "web:push"))
        root.write({"web/BUILD": BUILD.replace("'E'", "'F'").replace('"E"', '"F"'), "web/file.txt": "y"})
        assert "F: (none)" in harmless(root.pants(where, "oci-diff", "web:push")).stdout
        json.loads(harmless(root.pants(where, "oci-diff", "--json", "web:push")).stdout)
        refused = Refusal("PUT .*/manifests/", 403, body=json.dumps({"message": HOSTILE}).encode())
        registry.faults = Faults(refusals=(refused,))
        failed = harmless(root.pants(where, f"--oci-report={page}", "publish", "web:push", check=False))
    assert failed.exit_code == 1
    # One line: white space is collapsed.
    assert r"a\x1b[2J\x9b31m\u202eb \u200b\x7f 12:00" in failed.stderr
    for file in (report, page, output):
        assert_harmless(file.read_text(encoding="utf-8"))
    assert r"a\x1b[2J\x9b31m" in page.read_text(encoding="utf-8")
    json.loads(report.read_bytes())


@pytest.mark.parametrize("build", WRONG.values(), ids=list(WRONG))
def test_errors_are_reported(build: str, root: BuildRoot) -> None:
    build = build.replace("{layers}", 'oci_image(name="wrong", layers=[":layer"])')
    root.write({"web/BUILD": f"{BUILD}{build}\n"})
    failed = harmless(root.pants("package", "web:wrong", check=False))
    assert failed.exit_code == 1 and "Traceback" not in failed.stderr


def test_folders_and_files_are_named(root: BuildRoot, tmp_path: Path) -> None:
    root.write({"web/BUILD": BUILD, "web/file.txt": "x"})
    result = harmless(root.pants(at("oci:dist/\x1b[31m\u202e"), "publish", "web:push", check=False))
    assert result.exit_code in (0, 1)
    harmless(root.pants("oci-lock", f"--oci-lockfile={tmp_path}/\x1b[31m.lock", check=False))
