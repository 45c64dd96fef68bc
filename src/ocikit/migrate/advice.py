"""Advice for what has no counterpart in targets."""

from __future__ import annotations

import re

_RUN = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (
            r"\b(pip3?|uv|poetry|pipenv)\b.*\b(install|sync)\b",
            "add a `pex_binary` with the requirements to `dependencies`; it becomes layers",
        ),
        (
            r"\b(apt|apt-get|apk|yum|dnf|microdnf|zypper)\b.*\b(install|add|upgrade|update)\b",
            "build on a base that has the packages: make it with a Dockerfile of its own, and name it in an `oci_base`",
        ),
        (
            r"\b(useradd|adduser|groupadd|addgroup)\b",
            'use numbers, such as user="1000:1000"; if a program needs a name, copy an /etc/passwd',
        ),
        (
            r"\b(go build|go install|cargo build|npm|yarn|pnpm|mvn|gradle|make|cmake|gcc|javac|dotnet)\b",
            "build it with a Pants target, such as a `go_binary` or a `deploy_jar`, and add that to `dependencies`",
        ),
        (r"^\s*chmod\b", "the executable bit is kept; for another mode, set `file_mode` of the `oci_layer`"),
        (r"^\s*chown\b", "set `owner` of the `oci_layer`"),
        (r"^\s*mkdir\b", 'write oci_layer(name="…", directory="/the/directory"), and list it in `layers`'),
        (r"^\s*ln\b", "add the link to `symlinks` of an `oci_layer`"),
        (r"^\s*(curl|wget)\b", "download it with file(source=http_source(…)), and add that target to `dependencies`"),
    )
)
RUN = (
    "Pants runs nothing while it builds an image. Make the result with a target and add that to `dependencies`, or put "
    "it into a base of its own"
)
COPY_FROM = (
    "stages do not copy from each other. Build the files with a Pants target and add that to `dependencies`; if they "
    "are in a published image, build on it or unpack them into the repository"
)
URL = "download it with file(source=http_source(url, len=…, sha256=…)), and add that target to `dependencies`"
HEREDOC = "write the text to a file in the repository and copy that file"
ONBUILD = "ONBUILD has no effect; write it into the targets that build on the image"
STAGE = "left out, because the image is not built on this stage. Each COPY from it is listed below"
START_INTERVAL = "there is no start interval; the rest of the healthcheck is kept"
BASE_VARIABLES = (
    "the base's variables are not read, and {names} may be one. See `docker inspect IMAGE`, and set the value with "
    "--base-env NAME=VALUE"
)


def instead_of_run(command: str) -> str:
    """Advice for a RUN: the first that matches, for each part of the command."""
    found = []
    for part in re.split(r"&&|;|\|\|", command):
        found += [advice for pattern, advice in _RUN if pattern.search(part)][:1]
    return "; ".join(dict.fromkeys(found)) or RUN
