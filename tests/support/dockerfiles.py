"""Folders with typical Dockerfiles, and the content of images, whichever tool built them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.commands import DOCKER, run

BUSYBOX = Path("/bin/busybox")
# Settings that Docker's builders add: for Windows, and of the container that ran an instruction.
_BUILDER_S = ("ArgsEscaped", "Hostname", "Image")


@dataclass(frozen=True)
class Shape:
    """A folder with `files` by path, and a Dockerfile in which `{base}` is the reference of an image with a shell.

    A name that ends in "/" is an empty folder, and a text that begins with "-> " is the target of a link. `modes`: of
    files that are not 0644.
    """

    dockerfile: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    # Arguments of `docker run` after the image.
    arguments: tuple[str, ...] = ()
    converted_with: tuple[str, ...] = ()

    def write(self, folder: Path, base: str) -> None:
        for name, content in {**self.files, "Dockerfile": self.dockerfile.replace("{base}", base)}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                path.mkdir()
            elif isinstance(content, str) and content.startswith("-> "):
                path.symlink_to(content[3:])
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
                path.chmod(self.modes.get(name, 0o644))
        # Docker copies the mode of a folder, so it must not depend on the umask.
        for path in (folder, *(p for p in folder.rglob("*") if p.is_dir() and not p.is_symlink())):
            path.chmod(0o755)


def tar_of(files: Mapping[str, str]) -> bytes:
    """A tar of files of root, in the notation of `Shape.files`; names that end in ".sh" are executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.rstrip("/"))
            member.mode = 0o755 if name.endswith(("/", ".sh")) else 0o644
            member.size = len(text)
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            elif text.startswith("-> "):
                member.type, member.linkname, member.size = tarfile.SYMTYPE, text[3:], 0
            tar.addfile(member, io.BytesIO(text.encode()) if member.isreg() else None)
    return buffer.getvalue()


def make_base(reference: str) -> None:
    """Import an image with a shell into Docker's store: busybox, links to it, and a variable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("bin", "etc", "home", "opt", "srv", "tmp", "usr", "usr/bin", "usr/local", "usr/local/bin", "var"):
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(member)
        member = tarfile.TarInfo("bin/busybox")
        member.mode, member.size = 0o755, BUSYBOX.stat().st_size
        with BUSYBOX.open("rb") as file:
            tar.addfile(member, file)
        for name in ("sh", "cat", "echo", "env", "find", "id", "ls", "pwd", "sort", "stat"):
            member = tarfile.TarInfo(f"bin/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(member)
    changes = ("ENV PATH=/usr/local/bin:/usr/bin:/bin", "ENV FROM_BASE=1", 'CMD ["sh"]', "LABEL made.by=tests")
    options = [option for change in changes for option in ("--change", change)]
    subprocess.run(
        [DOCKER, "import", *options, "-", reference], input=buffer.getvalue(), check=True, capture_output=True
    )


def docker_build(folder: Path, tag: str) -> None:
    run(DOCKER, "build", "--quiet", "--network=none", "--tag", tag, str(folder), env={"DOCKER_BUILDKIT": "1"})


def docker_load(archive: Path) -> str:
    """Load an archive and return the name of the image."""
    printed = run(DOCKER, "load", "--input", str(archive))
    return printed.strip().rpartition(": ")[2]


def config_of_image(image: str) -> dict[str, Any]:
    """The settings of an image, without empty ones."""
    config = json.loads(run(DOCKER, "image", "inspect", image))[0]["Config"]
    if config.get("WorkingDir") == "/":
        # Equal to no setting.
        del config["WorkingDir"]
    return {key: value for key, value in config.items() if value and key not in _BUILDER_S}


def files_of_image(image: str) -> dict[str, str]:
    """The kind, mode, owner, and content or link target of each path of a container's root."""
    container = run(DOCKER, "create", image, "x").strip()
    try:
        exported = subprocess.run([DOCKER, "export", container], check=True, capture_output=True).stdout
    finally:
        run(DOCKER, "rm", container)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(exported)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            content = hashlib.sha256(file.read()).hexdigest()[:12] if file else member.linkname
            kind = member.type.decode()
            found[member.name] = f"{kind} {member.mode:04o} {member.uid}:{member.gid} {content}"
    return found
