"""What to do instead of what does not map."""

from __future__ import annotations

import re

_RUN = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (
            r"\b(pip3?|uv|poetry|pipenv)\b.*\b(install|sync)\b",
            "let a `pex_binary` bring the requirements, and put it into `dependencies`: it becomes layers",
        ),
        (
            r"\b(apt|apt-get|apk|yum|dnf|microdnf|zypper)\b.*\b(install|add|upgrade|update)\b",
            "build on a base that has the packages: a Dockerfile of its own makes one; name it in an `oci_base`",
        ),
        (
            r"\b(useradd|adduser|groupadd|addgroup)\b",
            'write numbers, such as user="1000:1000"; where a program wants a name, copy an /etc/passwd',
        ),
        (
            r"\b(go build|go install|cargo build|npm|yarn|pnpm|mvn|gradle|make|cmake|gcc|javac|dotnet)\b",
            "build it with a Pants target, such as a `go_binary` or a `deploy_jar`, and put that into `dependencies`",
        ),
        (r"^\s*chmod\b", "executable files stay so; else give the `oci_layer` a `file_mode`"),
        (r"^\s*chown\b", "give the `oci_layer` an `owner`"),
        (r"^\s*mkdir\b", 'write oci_layer(name="…", directory="/the/directory"), and list it in `layers`'),
        (r"^\s*ln\b", "give an `oci_layer` the link in `symlinks`"),
        (r"^\s*(curl|wget)\b", "let a target fetch it: file(source=http_source(…)), and put it into `dependencies`"),
    )
)
RUN = (
    "nothing is run while an image is built. Make what it makes with a target and put that into `dependencies`, or put "
    "it into a base of its own"
)
COPY_FROM = (
    "stages do not copy from each other. Build it with a Pants target and put that into `dependencies`; of an image of "
    "others, unpack the files into the repository or build on it"
)
URL = "let a target fetch it: file(source=http_source(url, len=…, sha256=…)), and put it into `dependencies`"
HEREDOC = "write the text to a file of the repository and copy that"
ONBUILD = "nothing happens when others build on an image; write it into their targets"
STAGE = "the image is not built on it: it is left out. What is copied from it is told below"
START_INTERVAL = "there is no start interval; the rest of the healthcheck is kept"
BASE_VARIABLES = (
    "the base's variables are not read, and {names} may be one. See `docker inspect IMAGE`, and give the value with "
    "--base-env NAME=VALUE"
)


def instead_of_run(command: str) -> str:
    """Advice for a RUN, the first that fits of each part of the command."""
    found = []
    for part in re.split(r"&&|;|\|\|", command):
        found += [advice for pattern, advice in _RUN if pattern.search(part)][:1]
    return "; ".join(dict.fromkeys(found)) or RUN
