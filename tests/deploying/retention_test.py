"""Garbage collection in a registry deletes digests without a tag; a tag of its own keeps a digest for a rollback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.build_root import BuildRoot
from support.build_root_pool import as_options, empty_build_root
from support.commands import run
from support.registry_process import registry_process

SERVICE = """\
file(name="text", source="text.txt")
oci_image(name="image", dependencies=[":text"])
oci_push(name="push", image=":image", image_tags={tags})
"""
DEPLOYMENT = """\
oci_deployment(
    name="{name}", sources=["{name}.yaml"], rendered_dir="rendered", command=["cp", "{name}.yaml", "/dev/stderr"]
)
"""
NAMES = ("kept", "lost")


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        yield root


@contextmanager
def registry(root: BuildRoot, folder: Path) -> Iterator[None]:
    """Run the registry, each time at another port; its content and the repository names stay."""
    with registry_process(folder) as address:
        settings = f'[oci.registries.lab]\naddress = "{address}"\npull_address = "registry.example"\ndefault = true\n'
        root.options = as_options(settings)
        yield


def clean_up(folder: Path) -> None:
    """Collect garbage as an administrator does. The registry must be stopped: older versions require it."""
    run("docker-registry", "garbage-collect", "--delete-untagged", str(folder / "config.yml"))


def rendered(root: BuildRoot, name: str) -> str:
    return (root.path / "deploy/rendered" / f"{name}.yaml").read_text()


def test_a_digest_is_kept_as_long_as_a_tag_names_it(root: BuildRoot, tmp_path: Path) -> None:
    tags = {"kept": ["latest", "{digest}"], "lost": ["latest"]}
    for name in NAMES:
        root.write({f"{name}/BUILD": SERVICE.format(tags=json.dumps(tags[name])), f"{name}/text.txt": "one\n"})
        root.write({f"deploy/{name}.yaml": f"image: pants://{name}:push\n"})
    root.write({"deploy/BUILD": "".join(DEPLOYMENT.format(name=name) for name in NAMES)})
    with registry(root, tmp_path):
        root.pants("experimental-deploy", "deploy::")
        root.pants("oci-render", "deploy::")
        earlier = {name: rendered(root, name) for name in NAMES}
        root.commit()
        root.write({f"{name}/text.txt": "two\n" for name in NAMES})
        root.pants("experimental-deploy", "deploy::")
        root.pants("oci-render", "deploy::")
        assert all(rendered(root, name) != earlier[name] for name in NAMES)

    clean_up(tmp_path)

    root.restore()
    with registry(root, tmp_path):
        assert (
            earlier["kept"] in root.pants("--oci-deployment-use-committed", "experimental-deploy", "deploy:kept").stderr
        )
        refused = root.pants("--oci-deployment-use-committed", "experimental-deploy", "deploy:lost", check=False)
        assert refused.exit_code == 1
        pinned = earlier["lost"].split()[1]
        assert "deploy:lost" in refused.stderr and pinned.partition("@")[2] in refused.stderr
        assert "Traceback" not in refused.stderr and earlier["lost"] not in refused.stderr
        # The sources can always be built again.
        assert earlier["lost"] in root.pants("experimental-deploy", "deploy:lost").stderr
