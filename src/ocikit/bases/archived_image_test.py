from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ocikit.bases.archive_file import open_archive
from ocikit.bases.archived_image import ArchivedBase
from ocikit.errors import OcikitError
from ocikit.image.build import Image
from ocikit.layer.compression import Compression, compress
from ocikit.spec.config import ImageConfig
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from ocikit.store.archive import write_archive
from ocikit.testing.images import tiny_index, tiny_layout

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
LAYER, OTHER = b"the tar of a layer" * 1000, b"another layer"
GZIP, ZSTD, NONE = Compression(), Compression("zstd", 3), Compression("none", 0)


def config_of(*layers: bytes, platform: Platform = AMD) -> bytes:
    return ImageConfig.of(platform, {}, tuple(Digest.of(layer) for layer in layers), ()).data


def entry(config: bytes, *layers: str, name: str = "web:1") -> tuple[dict[str, object], dict[str, bytes]]:
    """An image for manifest.json, and the file of its config."""
    path = f"{Digest.of(config).hex}.json"
    return {"Config": path, "RepoTags": [name], "Layers": layers}, {path: config}


def docker_archive(
    path: Path, files: Mapping[str, bytes | str], *images: tuple[dict[str, object], dict[str, bytes]]
) -> Path:
    """`files`: bytes, or the text of a symbolic link."""
    contents = {name: data for _, configs in images for name, data in configs.items()}
    table = json.dumps([table for table, _ in images]).encode()
    return tar_of(path, {**files, **contents, "manifest.json": table})


def tar_of(path: Path, files: Mapping[str, bytes | str]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def unpacked(
    archive: Path, platform: Platform = AMD, digest: Digest | None = None, compression: Compression = GZIP
) -> Image:
    """The image, whose layers were written next to the archive and match their descriptors."""
    with open_archive(str(archive)) as opened:
        image = ArchivedBase(platform, digest, compression).unpack(opened, str(archive.parent))
    for layer in image.manifest.layers:
        data = (archive.parent / "blobs/sha256" / layer.digest.hex).read_bytes()
        assert (Digest.of(data), len(data)) == (layer.digest, layer.size)
    return image


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("compression", [GZIP, ZSTD, NONE], ids=str)
def test_what_docker_save_writes(compression: Compression, tmp_path: Path) -> None:
    config = config_of(LAYER, OTHER, LAYER)
    files: dict[str, bytes | str] = {"1/layer.tar": LAYER, "2/layer.tar": OTHER, "3/layer.tar": "../1/layer.tar"}
    path = docker_archive(tmp_path / "a", files, entry(config, "1/layer.tar", "2/layer.tar", "3/layer.tar"))
    image = unpacked(path, compression=compression)
    assert image.config.data == config
    assert [layer.media_type for layer in image.manifest.layers] == [compression.media_type] * 3
    expected = [Digest.of(b"".join(compress([content], compression))) for content in (LAYER, OTHER, LAYER)]
    assert [layer.digest for layer in image.manifest.layers] == expected


def test_compressed_layers_stay_as_they_are(tmp_path: Path) -> None:
    first, second = gzip.compress(LAYER, 1), b"".join(compress([OTHER], ZSTD))
    path = docker_archive(tmp_path / "a", {"1": first, "2": second}, entry(config_of(LAYER, OTHER), "1", "2"))
    layers = unpacked(path).manifest.layers
    assert [layer.digest for layer in layers] == [Digest.of(first), Digest.of(second)]
    assert [layer.media_type for layer in layers] == [GZIP.media_type, ZSTD.media_type]


def test_the_archive_itself_changes_nothing(tmp_path: Path) -> None:
    """Compression, order and names of files do not change the digest."""
    config = config_of(LAYER)
    path = docker_archive(tmp_path / "a", {"1/layer.tar": LAYER}, entry(config, "1/layer.tar"))
    again = docker_archive(tmp_path / "b", {"x": LAYER, "y": b""}, entry(config, "x", name="other:2"))
    (tmp_path / "c").write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / "d").write_bytes(b"".join(compress([path.read_bytes()], ZSTD)))
    assert len({unpacked(archive).digest for archive in (path, again, tmp_path / "c", tmp_path / "d")}) == 1


@pytest.mark.parametrize("compression", [GZIP, ZSTD], ids=str)
def test_an_image_of_a_layout_keeps_its_digest(compression: Compression, tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", {"a": b"a"}, compression=compression)
    write_archive(str(tmp_path / "l"), digest, "web:1", str(tmp_path / "a"))
    assert unpacked(tmp_path / "a").digest == digest


def test_uncompressed_layers_of_a_layout_are_compressed(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", {"a": b"a"})
    write_archive(str(tmp_path / "l"), digest, "web:1", str(tmp_path / "a"))
    image = unpacked(tmp_path / "a", digest=digest)
    assert [layer.media_type for layer in image.manifest.layers] == [GZIP.media_type]
    assert image.digest == tiny_layout(tmp_path / "zipped", {"a": b"a"}, compression=GZIP)
    assert unpacked(tmp_path / "a", compression=NONE).digest == digest


@pytest.mark.parametrize("platform", [AMD, ARM], ids=str)
def test_the_platform_selects_the_image(platform: Platform, tmp_path: Path) -> None:
    digest = tiny_index(tmp_path / "l", {"a": b"a"})
    write_archive(str(tmp_path / "l"), digest, "web:1", str(tmp_path / "a"))
    assert unpacked(tmp_path / "a", platform).platform == platform
    images = [entry(config_of(LAYER, platform=p), "1", name=str(p)) for p in (AMD, ARM)]
    assert unpacked(docker_archive(tmp_path / "b", {"1": LAYER}, *images), platform).platform == platform


def test_the_image_id_selects_one_of_several_images(tmp_path: Path) -> None:
    first, second = config_of(LAYER), config_of(OTHER)
    images = [entry(first, "1"), entry(second, "2", name="db:2")]
    path = docker_archive(tmp_path / "a", {"1": LAYER, "2": OTHER}, *images)
    assert unpacked(path, digest=Digest.of(second)).config.data == second
    with pytest.raises(OcikitError) as caught:
        unpacked(path)
    assert f"{Digest.of(first)} (web:1), {Digest.of(second)} (db:2)" in str(caught.value)


def saved(path: Path, files: Mapping[str, bytes | str], *layers: str, config: bytes | None = None) -> Path:
    return docker_archive(path, files, entry(config or config_of(LAYER), *layers))


def cut_in_a_layer(path: Path) -> None:
    saved(path, {"1": LAYER}, "1")
    # The table of contents comes first, as in some tools' archives, so that the layer is missed only when it is read.
    with tarfile.open(path) as tar:
        table = tar.extractfile("manifest.json").read()  # type: ignore[union-attr]
    config = config_of(LAYER)
    tar_of(path, {"manifest.json": table, f"{Digest.of(config).hex}.json": config, "1": LAYER})
    path.write_bytes(path.read_bytes()[:4096])


def layout_with(damage: Callable[[Path], object]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        layout = path.parent / "l"
        tiny_layout(layout, {"a": b"a" * 5000}, compression=GZIP)
        damage(layout)
        files = {str(f.relative_to(layout)): f.read_bytes() for f in sorted(layout.rglob("*")) if f.is_file()}
        tar_of(path, files)

    return make


def layer_in(layout: Path) -> Path:
    return next(path for path in (layout / "blobs/sha256").iterdir() if path.read_bytes()[:2] == b"\x1f\x8b")


def many(path: Path) -> None:
    tar_of(path, {f"usr/{number}": b"" for number in range(10_001)})


def twice(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("manifest.json"))


BAD = [
    pytest.param(lambda path: path.write_bytes(b""), "it is not a tar, or it is damaged: empty file", id="empty"),
    pytest.param(lambda path: path.write_bytes(b"text" * 500), "it is not a tar, or it is damaged", id="text"),
    pytest.param(
        lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "run `git lfs pull`", id="lfs"
    ),
    pytest.param(lambda path: path.write_bytes(gzip.compress(b"text" * 500)), "it is not a tar", id="zipped-text"),
    pytest.param(lambda path: path.write_bytes(gzip.compress(LAYER)[:-9]), "the gzip stream ends early", id="cut-gzip"),
    pytest.param(lambda path: tar_of(path, {"a": b""}), "is not an image archive: expected", id="another-tar"),
    pytest.param(many, "`docker export` a file system", id="file-system"),
    pytest.param(twice, '"manifest.json" twice', id="file-twice"),
    pytest.param(lambda path: tar_of(path, {"../a": b""}), 'path "../a", which leads out', id="path-out"),
    pytest.param(lambda path: tar_of(path, {"a": "/etc/passwd"}), '"/etc/passwd", which leads out', id="link-out"),
    pytest.param(cut_in_a_layer, "it is not a tar, or it is damaged: unexpected end of data", id="cut"),
    pytest.param(lambda path: saved(path, {}, "1/layer.tar"), 'no file "1/layer.tar". Save', id="no-layer"),
    pytest.param(lambda path: saved(path, {"1": "2"}, "1"), 'no file "2", which "1" links to', id="link-to-nothing"),
    pytest.param(
        lambda path: saved(path, {"1": OTHER}, "1"),
        f'the layer "1": expected the diff ID {Digest.of(LAYER)}, got {Digest.of(OTHER)}',
        id="diff-id",
    ),
    pytest.param(
        lambda path: saved(path, {"1": gzip.compress(LAYER)[:-9]}, "1"),
        'layer "1": the gzip stream ends early',
        id="cut-layer",
    ),
    pytest.param(
        lambda path: saved(path, {"1": LAYER}, "1", config=config_of(LAYER, platform=ARM)),
        'for platform "linux/amd64", got "linux/arm64"',
        id="another-platform",
    ),
    pytest.param(lambda path: docker_archive(path, {}), "manifest.json has no image", id="no-image"),
    pytest.param(layout_with(lambda layout: layer_in(layout).unlink()), 'no file "blobs/sha256/', id="no-blob"),
    pytest.param(
        layout_with(lambda layout: layer_in(layout).write_bytes(gzip.compress(b"evil"))),
        "the layer sha256:[0-9a-f]+: expected [0-9]+ bytes, got",
        id="another-blob",
    ),
]


@pytest.mark.parametrize("make, text", BAD)
def test_invalid_archives(make: Callable[[Path], object], text: str, tmp_path: Path) -> None:
    make(tmp_path / "a")
    with pytest.raises(OcikitError) as caught:
        unpacked(tmp_path / "a")
    assert caught.match(text)
    assert not list(tmp_path.glob("blobs/sha256/*"))
