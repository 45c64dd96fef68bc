"""Building on archives in the repository, as the usual tools write them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root
from support.commands import DOCKER, image_from, need_engine, run
from support.layouts import LayoutImage

pytestmark = pytest.mark.container

NAME = "localhost/pants-oci-test-archive"
# The first hold the image as Docker stores it, the others as skopeo compressed it.
SAVED = ("docker", "docker-by-skopeo", "docker-by-podman")
COPIED = ("oci-by-skopeo", "oci-by-podman")


def build_file() -> str:
    lines = ['file(name="file", source="file.txt")', 'oci_base(name="zipped-base", path="zipped.tar.gz")']
    lines += [f'oci_base(name="{name}-base", path="{name}.tar")' for name in (*SAVED, *COPIED)]
    lines += [
        f'oci_image(name="{name}", base=":{name}-base", dependencies=[":file"])' for name in (*SAVED, *COPIED, "zipped")
    ]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    need_engine()
    image = image_from("TEST_PYTHON_IMAGE")
    with empty_build_root() as root:
        root.write({"BUILD": build_file(), "file.txt": "text\n"})
        tar = {name: str(root.path / f"{name}.tar") for name in (*SAVED, *COPIED)}
        run(DOCKER, "save", "--output", tar["docker"], image)
        run("skopeo", "copy", "--quiet", f"docker-daemon:{image}", f"docker-archive:{tar['docker-by-skopeo']}")
        run("skopeo", "copy", "--quiet", f"docker-daemon:{image}", f"oci-archive:{tar['oci-by-skopeo']}")
        (root.path / "zipped.tar.gz").write_bytes(gzip.compress((root.path / "docker.tar").read_bytes(), 1))
        run("skopeo", "copy", "--quiet", f"docker-daemon:{image}", f"containers-storage:{NAME}")
        try:
            run("podman", "save", "--quiet", "--output", tar["docker-by-podman"], NAME)
            run("podman", "save", "--quiet", "--format=oci-archive", "--output", tar["oci-by-podman"], NAME)
        finally:
            run("podman", "image", "rm", "--force", NAME)
        root.pants("package", "::")
        yield root


def images(root: BuildRoot, *names: str) -> list[LayoutImage]:
    return [LayoutImage(root.path / "dist" / name) for name in names]


def test_the_tool_that_saved_an_image_makes_no_difference(root: BuildRoot) -> None:
    assert len({image.digest for image in images(root, *SAVED, "zipped")}) == 1
    assert len({image.digest for image in images(root, *COPIED)}) == 1


def test_the_base_is_the_saved_image(root: BuildRoot) -> None:
    described = json.loads(run(DOCKER, "image", "inspect", image_from("TEST_PYTHON_IMAGE")))[0]
    for image in images(root, "docker", "oci-by-skopeo"):
        assert image.config["rootfs"]["diff_ids"][:-1] == described["RootFS"]["Layers"]
        assert image.config["config"]["Env"] == described["Config"]["Env"]
        run("skopeo", "inspect", f"oci:{image.path}")
        done = image.run("python3", "-c", "print(open('/file.txt').read())")
        assert (done.returncode, done.stdout) == (0, "text\n\n"), done


def test_layers_are_uploaded_compressed(root: BuildRoot) -> None:
    uncompressed = (root.path / "docker.tar").stat().st_size
    (image,) = images(root, "docker")
    assert all(layer["mediaType"].endswith("+gzip") for layer in image.manifest["layers"])
    assert sum(layer["size"] for layer in image.manifest["layers"]) < uncompressed / 2
    # A layer that is compressed in the archive is used as it is.
    (copied,) = images(root, "oci-by-skopeo")
    with tarfile.open(root.path / "oci-by-skopeo.tar") as tar:
        names = tar.getnames()
    assert all(f"blobs/{digest.replace(':', '/')}" in names for digest in copied.layers[:-1])


def repacked(source: Path, target: Path, change: str) -> None:
    """Copy the archive `source` with one byte of its layer changed, or without the layer."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            if not member.isfile():
                continue
            data = old.extractfile(member).read()  # type: ignore[union-attr]
            if member.name.endswith("layer.tar"):
                if change == "no-layer":
                    continue
                data = data[:-1] + b"?"
            new.addfile(member, io.BytesIO(data))


def bad(root: BuildRoot, name: str) -> Path:
    root.write(
        {
            f"bad/{name}/BUILD": (
                'oci_base(name="base", path="base.tar")\n'
                'oci_image(name="image", base=":base")\n'
                'oci_image(name="arm", base=":base", platform="linux/arm64")\n'
            )
        }
    )
    return root.path / f"bad/{name}/base.tar"


def message(root: BuildRoot, name: str, target: str = "image") -> str:
    result = root.pants("package", f"bad/{name}:{target}", check=False)
    assert result.exit_code == 1, result
    assert "Traceback" not in result.stdout + result.stderr, result
    _, found, text = result.stderr.partition(f"bad/{name}:base: ")
    assert found, result
    return text.partition("\n\n")[0]


def test_errors_in_an_archive_are_reported(root: BuildRoot) -> None:
    bad(root, "missing")
    assert 'the `path` "base.tar" is not an archive: the file does not exist' in message(root, "missing")

    bad(root, "text").write_text("no tar")
    assert 'the `path` "base.tar" cannot be built on: it is not a tar, or it is damaged' in message(root, "text")

    good = (root.path / "docker.tar").read_bytes()
    bad(root, "cut").write_bytes(good[: len(good) // 2])
    assert "cannot be built on: it is not a tar, or it is damaged: unexpected end of data" in message(root, "cut")

    repacked(root.path / "docker.tar", bad(root, "no-layer"), "no-layer")
    text = message(root, "no-layer")
    assert "the archive has no file " in text
    assert "Save the image again." in text

    repacked(root.path / "docker.tar", bad(root, "other-layer"), "other-layer")
    text = message(root, "other-layer")
    assert "expected the diff ID sha256:" in text
    assert "got sha256:" in text
    assert 'expected a base for platform "linux/arm64", got "linux/amd64"' in message(root, "other-layer", "arm")


def test_digest_selects_one_of_several_images(root: BuildRoot) -> None:
    image = image_from("TEST_PYTHON_IMAGE")
    other = image_from("TEST_REGISTRY_IMAGE")
    path = bad(root, "several")
    run(DOCKER, "save", "--output", str(path), image, other)
    text = message(root, "several")
    assert 'the archive has 2 images for platform "linux/amd64"; set `digest` to one of them: ' in text
    ids = {name: run(DOCKER, "image", "inspect", "--format={{.Id}}", name).strip() for name in (image, other)}
    for name, image_id in ids.items():
        assert f"{image_id} ({name}" in text
    build = (path.parent / "BUILD").read_text()
    (path.parent / "BUILD").write_text(build.replace('"base.tar"', f'"base.tar", digest="{ids[image]}"'))
    root.pants("package", "bad/several:image")
    (built,) = images(root, "bad.several/image")
    (saved,) = images(root, "docker")
    assert built.layers == saved.layers[:-1]
