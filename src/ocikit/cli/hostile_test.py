"""Commands print harmless lines, whatever an image, an archive, a Dockerfile or an argument contains."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ocikit.cli.main import main
from ocikit.printable import printable
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import parse_manifest
from ocikit.spec.media_type import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from ocikit.store.layout import Layout

HOSTILE = {
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "c1": "\x9b31m\x85",
    "lines": "x\nocikit: done\r\x0b\x0c",
    "separators": "\u2028ocikit: done\u2029",
    "bidi": "\u202egnp.\u2066x\u2069\u061c",
    "zero-width": "a\u200b\u200d\ufeff\u00ad\u3164",
    "tags": "\U000e0041\U000e0042",
    "surrogate": "\udc80\ud800",
    "delete": "\x7f\x00",
}


def assert_harmless(text: str) -> None:
    """Check that all lines consist of printable characters."""
    assert [line for line in text.split("\n") if printable(line) != line] == []
    text.encode("utf-8")


def _write(layout: Layout, data: bytes) -> dict[str, Any]:
    digest = Digest.of(data)
    path = Path(layout.blob_path(digest))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"digest": str(digest), "size": len(data)}


def _tar(text: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for number, kind in enumerate((tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE)):
            name = text.replace("\0", "").encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
            member = tarfile.TarInfo(f"{number}{name}")
            member.type, member.linkname = kind, name
            tar.addfile(member)
    return file.getvalue()


def make_image(path: Path, text: str, more: str = "") -> None:
    """A layout whose image has `text` wherever an image can have a text."""
    layout = Layout(path)
    layer = _tar(text + more)
    container = {
        "Env": [f"{text}={text}{more}", f"PATH={text}"],
        "Labels": {text: text + more},
        "Cmd": [text],
        "Entrypoint": [text],
        "User": text,
        "WorkingDir": text,
        "ExposedPorts": {text: {}},
        "Volumes": {text: {}},
        "StopSignal": text,
        text: text,
    }
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": text,
        "author": text,
        "config": container,
        "history": [{"created_by": text}],
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer))]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, **_write(layout, json.dumps(config).encode())},
        "layers": [{"mediaType": OCI_LAYER, **_write(layout, layer), "annotations": {text: text}}],
        "annotations": {text: text},
    }
    data = json.dumps(manifest).encode()
    described = {"mediaType": OCI_MANIFEST, **_write(layout, data)}
    described["annotations"] = {"org.opencontainers.image.ref.name": "latest", text: text}
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "--files=9", "oci:one"),
        ("inspect", "--json", "--files=9", "oci:one"),
        ("diff", "oci:one", "oci:two"),
        ("diff", "--json", "oci:one", "oci:two"),
        ("verify", "oci:one"),
        ("copy", "oci:one", "oci:three"),
        ("build", "-o", "oci:out", "--base", "oci:one", "--compression", "none"),
        ("inspect", "oci:damaged"),
        ("inspect", "oci:{}"),
        ("inspect", "oci:one:{}"),
        ("inspect", "{}"),
        ("push", "one", "localhost:1/{}"),
        ("copy", "{}", "{}"),
        ("build", "-o", "oci:out", "--layer", "{}"),
        ("build", "-o", "oci:out", "--port", "{}"),
        ("build", "-o", "oci:out", "--env", "{}"),
        ("build", "-o", "oci:out", "--label", "{}={}"),
        ("{}",),
        ("inspect", "oci:one", "--{}"),
        ("from-dockerfile", "folder", "--partial"),
        ("from-dockerfile", "folder", "--file={}"),
        ("convert-targets", "{}"),
        ("convert-targets", "folder"),
        ("layer", "{}"),
    ],
    ids=" ".join,
)
def test_commands_print_harmless_lines(
    arguments: tuple[str, ...],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_image(tmp_path / "one", text)
    make_image(tmp_path / "two", text, " too")
    make_image(tmp_path / "damaged", text)
    (tmp_path / "damaged" / "index.json").write_text(json.dumps({"manifests": [{"digest": text, "mediaType": text}]}))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "BUILD").write_text(f"docker_image(name={text!r}, source={text!r})\n", errors="replace")
    (tmp_path / "pants.toml").touch()
    dockerfile = f"FROM {text}\nLABEL a={text!r}\nRUN {text}\nCOPY {text} /x\n{text}\n"
    (tmp_path / "folder" / "Dockerfile").write_text(dockerfile, errors="replace")
    # An operating system passes no other arguments.
    given = text.replace("\0", "").replace("\ud800", "")
    try:
        code = main([argument.replace("{}", given) for argument in arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    out, err = capsys.readouterr()
    assert_harmless(out)
    assert_harmless(err)
    assert code == 0 or "ocikit" in err or out
    if "--json" in arguments and code == 0:
        document = json.dumps(json.loads(out))
        assert json.dumps(text)[1:-1] in document


def test_hostile_annotations_are_read(tmp_path: Path) -> None:
    make_image(tmp_path / "one", HOSTILE["bidi"])
    layout = Layout(tmp_path / "one")
    assert parse_manifest(layout.fetch_manifest("latest").data).annotations


def test_a_terminal_without_unicode_gets_escapes(tmp_path: Path) -> None:
    make_image(tmp_path / "one", "ö🚀\x1b")
    library = Path(__file__).parent.parent.parent
    found = subprocess.run(
        [sys.executable, "-m", "ocikit", "inspect", "oci:one"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(library), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")
    assert rb"label       \xf6\U0001f680\x1b=" in found.stdout
