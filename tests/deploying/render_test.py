"""Manifests that name push targets: rendered files, dependencies, and committed files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root

SETTINGS = """
[oci.registries.main]
address = "registry.example/team"
default = true

[oci.registries.second]
address = "second.example:5000"

[oci.registries.kind]
address = "oci:dist/kind"
pull_address = "kind.local:5001"
"""

WEB = """\
file(name="file", source="file.txt")
oci_image(name="image", dependencies=[":file"], platform=parametrize("linux/amd64", "linux/arm64"))
oci_index(name="index", images=[":image"])
oci_push(name="push", image=":image@platform=linux/amd64", repository="shop/web", image_tags=["1.0", "latest"])
oci_push(name="both", image=":image@platform=linux/amd64", repository="shop/web", registries=["@main", "@second"])
oci_push(name="index-push", image=":index", repository="shop/web")
oci_push(
    name="many",
    image=":image@platform=linux/amd64",
    repository=parametrize(a="shop/a", b="shop/b"),
    registries=["@kind"],
)
oci_push(name="skipped", image=":image@platform=linux/amd64", repository="shop/skipped", skip_push=True)
"""

KUBERNETES = """\
# pants://web:push is what runs
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      initContainers:
        - {name: first, image: "pants://web:index-push"}   # an index
      containers:
        - name: web
          image:    pants://web:push
          args: ['it''s', "\\u00e9"]
---
kind: Rollout
spec: {template: {spec: {containers: [{image: 'pants://web:many@repository=b'}]}}}
---
kind: ConfigMap
data:
  text: |
    image: pants://web:push
"""
KUSTOMIZATION = """\
resources: [../base]
images:
  - name: web
    newName: pants://web:push?part=name
    digest: pants://web:push?part=digest
"""
VALUES = """\
image: &image
  registry: pants://web:both?registry=second&part=registry
  repository: pants://web:both?registry=second&part=repository
  tag: pants://web:both?registry=@second&part=tag
other: {<<: *image}
"""
COMPOSE = """\
x-web: &web
  image: &image pants://:push
services:
  web: *web
  copy: {image: *image}
  # Of the two registries the target says which.
  both: {image: pants://web:both}
  skipped: {image: pants://web:skipped}
"""

FILES = {
    "web/BUILD": WEB,
    "web/file.txt": "1",
    "deploy/kubernetes/BUILD": 'oci_deployment(name="all", sources=["**/*.yaml"])\n',
    "deploy/kubernetes/apps/web.yaml": KUBERNETES,
    "deploy/kubernetes/plain.yaml": "a: {{ no yaml }\n",
    "deploy/base/BUILD": 'files(sources=["*"])\n',
    "deploy/base/kustomization.yaml": "resources: [web.yaml]\n",
    "deploy/base/web.yaml": "image: web\n",
    "deploy/production/BUILD": (
        'oci_deployment(name="all", sources=["*.yaml"], dependencies=["deploy/base"], '
        'rendered_dir="../../out/production")\n'
    ),
    "deploy/production/kustomization.yaml": KUSTOMIZATION,
    "deploy/values/BUILD": (
        'files(name="chart", sources=["*"])\n'
        'oci_deployment(name="all", sources=["values.yaml"], dependencies=[":chart"], output_path="helm")\n'
    ),
    "deploy/values/Chart.yaml": "name: web\n",
    "deploy/values/values.yaml": VALUES,
    "stack/BUILD": (
        'file(name="file", source="file.txt")\n'
        'oci_image(name="image", dependencies=[":file"])\n'
        'oci_push(name="push", image=":image", registries=["docker.io"])\n'
        'oci_deployment(name="stack", sources=["compose.yaml"], registry="second.example:5000", '
        'rendered_dir="rendered")\n'
    ),
    "stack/file.txt": "1",
    "stack/compose.yaml": COMPOSE,
    "none/BUILD": 'oci_deployment(name="none", sources=["none.yaml"])\n',
    "none/none.yaml": "image: web\n",
}


@pytest.fixture(scope="module")
def module_root() -> Iterator[BuildRoot]:
    with empty_build_root(SETTINGS) as root:
        root.write(FILES)
        root.commit()
        yield root


@pytest.fixture
def root(module_root: BuildRoot) -> Iterator[BuildRoot]:
    yield module_root
    module_root.restore()


def rendered(text: str, *references: str) -> str:
    """The source with its addresses replaced by `references`, except in comments and blocks."""
    values = iter(references)
    address = re.compile(r"(?<!# )(?<!    image: )pants://[^\s'\"}]+")
    return address.sub(lambda _: next(values), text)


def digests(root: BuildRoot) -> dict[str, str]:
    """The digests that the push targets publish, by address."""
    files = root.path.glob("dist/*/*.oci-push.json")
    return {
        f"{path.parent.name}:{path.name.partition('.')[0]}": json.loads(path.read_text())["digest"] for path in files
    }


def test_package_renders_without_a_registry(root: BuildRoot) -> None:
    result = root.pants("package", "::")
    dist = root.path / "dist"
    found = digests(root)
    digest, index = found["web:push"], found["web:index-push"]
    assert index != digest
    web, many = f"registry.example/team/shop/web@{digest}", f"kind.local:5001/shop/b@{digest}"
    indexed = f"registry.example/team/shop/web@{index}"

    kubernetes = (dist / "deploy.kubernetes/all/apps/web.yaml").read_text()
    assert kubernetes == rendered(KUBERNETES, indexed, web, many)
    assert (dist / "deploy.kubernetes/all/plain.yaml").read_text() == FILES["deploy/kubernetes/plain.yaml"]
    # Each reference is listed once.
    assert f"Wrote dist/deploy.kubernetes/all\n  {indexed}\n  {web}\n  {many}\n" in result.stderr

    # References between files still work: the base is next to the overlay.
    production = dist / "deploy.production/all"
    assert {str(path.relative_to(production)) for path in production.rglob("*.yaml")} == {
        "base/kustomization.yaml",
        "base/web.yaml",
        "production/kustomization.yaml",
    }
    overlay = (production / "production/kustomization.yaml").read_text()
    assert overlay == rendered(KUSTOMIZATION, "registry.example/team/shop/web", digest)

    values = (dist / "helm/values.yaml").read_text()
    assert values == rendered(VALUES, "second.example:5000", "shop/web", f"latest@{digest}")

    assert sorted(path.name for path in (dist / "helm").iterdir()) == ["Chart.yaml", "values.yaml"]

    both = f"second.example:5000/shop/web@{digest}"
    skipped = f"registry.example/team/shop/skipped@{digest}"
    stack = (dist / "stack/stack/compose.yaml").read_text()
    assert stack == rendered(COMPOSE, f"docker.io/library/stack@{found['stack:push']}", both, skipped)

    printed = result.stderr
    assert '[INFO] deploy/kubernetes:all: deploy/kubernetes/apps/web.yaml:1:3: "pants://web:push" is not' in printed
    assert '[WARN] deploy/kubernetes:all: deploy/kubernetes/apps/web.yaml:20:12: "pants://web:push" is not' in printed
    assert f"[WARN] stack:stack: web:skipped has `skip_push`, so nothing publishes {skipped}." in printed
    assert "[WARN] none:none: no source contains an image address" in printed
    assert (dist / "none/none/none.yaml").read_text() == FILES["none/none.yaml"]


def test_named_targets_are_dependencies(root: BuildRoot) -> None:
    found = root.pants("dependencies", "deploy/kubernetes:all").stdout.split()
    assert found == ["web:index-push", "web:many@repository=b", "web:push"]
    assert root.pants("dependencies", "stack:stack").stdout.split() == ["stack:push", "web:both", "web:skipped"]
    assert root.pants("dependencies", "none:none").stdout == ""
    assert "deploy/values:all" in root.pants("dependents", "--transitive", "web/file.txt").stdout.split()
    root.write({"stack/file.txt": "2"})
    changed = ["--changed-since=HEAD", "--changed-dependents=transitive", "--filter-target-type=oci_deployment", "list"]
    assert root.pants(*changed).stdout.split() == ["stack:stack"]


def test_rendered_files_are_committed(root: BuildRoot) -> None:
    missing = root.pants("oci-render", "--oci-deployment-check", "stack:stack", check=False)
    assert missing.exit_code == 1
    assert "stack:stack: stack/rendered/compose.yaml is missing" in missing.stdout
    assert not (root.path / "stack/rendered").exists()

    written = root.pants("oci-render", "::")
    assert written.stdout.splitlines() == [
        "deploy/production:all: wrote out/production/base/kustomization.yaml",
        "deploy/production:all: wrote out/production/base/web.yaml",
        "deploy/production:all: wrote out/production/production/kustomization.yaml",
        "stack:stack: wrote stack/rendered/compose.yaml",
    ]
    assert "have no `rendered_dir`: deploy/kubernetes:all, deploy/values:all, none:none." in written.stderr
    before = (root.path / "stack/rendered/compose.yaml").read_text()
    root.commit()
    assert root.pants("oci-render", "--oci-deployment-check", "::").stdout == "The committed files are up to date.\n"
    root.pants("package", "--oci-deployment-check", "stack:stack")

    # One image changes, so only its line differs.
    root.write({"stack/file.txt": "2", "stack/rendered/old.yaml": "kind: Old\n", "stack/rendered/BUILD": ""})
    stale = root.pants("oci-render", "--oci-deployment-check", "::", check=False)
    assert stale.exit_code == 1
    lines = stale.stdout.splitlines()
    assert lines[:4] == [
        "stack:stack: stack/rendered/compose.yaml is stale",
        "stack:stack: stack/rendered/old.yaml is left over: nothing renders it",
        "--- stack/rendered/compose.yaml",
        "@@ -2 +2 @@",
    ]
    assert [line.partition("@")[0] for line in lines[4:]] == [
        "-  image: &image docker.io/library/stack",
        "+  image: &image docker.io/library/stack",
    ]
    refused = root.pants("package", "--oci-deployment-check", "stack:stack", check=False)
    assert refused.exit_code == 1
    assert (
        "stack:stack: the committed manifests are out of date: stack/rendered/compose.yaml is stale" in refused.stderr
    )

    again = root.pants("oci-render", "::")
    assert again.stdout == "stack:stack: wrote stack/rendered/compose.yaml\n"
    assert "[WARN] stack:stack: nothing renders stack/rendered/old.yaml" in again.stderr
    assert (root.path / "stack/rendered/old.yaml").exists()
    root.write({"stack/file.txt": "1"})
    root.pants("oci-render", "stack:stack")
    assert (root.path / "stack/rendered/compose.yaml").read_text() == before


def test_a_folder_may_be_shared_and_a_file_may_not(root: BuildRoot) -> None:
    deployments = "".join(
        f'oci_deployment(name="{name}", sources=["{source}.yaml"], rendered_dir="rendered")\n'
        for name, source in (("a", "a"), ("b", "b"), ("c", "c"), ("d", "c"))
    )
    sources = {f"shared/{name}.yaml": "image: pants://web:push\n" for name in "abc"}
    root.write({"shared/BUILD": deployments, **sources})
    root.pants("oci-render", "shared:a", "shared:b")
    assert "up to date" in root.pants("oci-render", "--oci-deployment-check", "shared:a", "shared:b").stdout
    twice = root.pants("oci-render", "shared:c", check=False)
    assert twice.exit_code == 1
    assert "shared:c: shared:d renders shared/rendered/c.yaml too" in twice.stderr
