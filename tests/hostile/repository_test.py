"""Hostile files of a repository: manifests of deployments, and Dockerfiles."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from typing import Callable

import pytest

from hostile.rows import ENDS, SUCCEEDS, Row, Scene, table
from hostile.texts import DIGITS, HALF, IN_A_PATH
from support.client_process import Ran

MANIFESTS = ("manifests", "request.json")
DOCKERFILE = ("from-dockerfile", "--context", ".")
NOTES = ("ocikit: ", "left out: ", "look at: ")


def multiplied(first: bytes, line: bytes, count: int) -> bytes:
    """Lines that each refer to the previous one ten times: `@` is the number of a line, `#` that of the previous."""

    def one(number: int) -> bytes:
        return line.replace(b"@", b"%d" % number).replace(b"#", b"%d" % (number - 1))

    return first + b"".join(map(one, range(1, count)))


YAML: dict[str, bytes] = {
    "aliases-that-multiply": multiplied(b"a0: &a0 x\n", b"a@: &a@ [" + b"*a#," * 10 + b"]\n", 40),
    "alias-of-itself": b"a: &a [*a]\n",
    "merges-that-multiply": multiplied(b"a0: &a0 {x: y}\n", b"a@: &a@ {<<: [" + b"*a#," * 10 + b"]}\n", 40),
    "lists-nested-100000": b"[" * 100_000,
    "lists-nested-and-closed": b"[" * 20_000 + b"]" * 20_000,
    "maps-nested-100000": b"{a: " * 100_000,
    "blocks-nested-2000": b"".join(b" " * n + b"a:\n" for n in range(2_000)),
    "dashes-nested-50000": b"- " * 50_000 + b"x",
    "keys-nested": b"? " * 50_000 + b"x",
    "half-a-letter": b'a: "\\ud800"\n',
    "number-of-5000-digits": b"a: " + DIGITS.encode() + b"\n",
    "date-that-is-none": b"a: 9999-99-99T99:99:99Z\n",
    "tag-of-python": b"a: !!python/object/apply:os.system ['touch made']\n",
    "unknown-tag": b"a: !x {}\n",
    "control-characters": b"a: \x1b[2J\x07\n",
    "nul": b"a: \0\n",
    "not-utf-8": b"a: \xff\xfe\n",
    "utf-16": "image: a\n".encode("utf-16"),
    "tab": b"a:\n\t- b\n",
    "same-key-twice": b"a: 1\na: 2\n",
    "many-documents": b"---\na: 1\n" * 20_000,
    "long-line": b"a: " + b"x" * 5_000_000,
    "many-quotes": b'"' * 100_000,
    "many-anchors": b"".join(b"&a%d x%d: y\n" % (n, n) for n in range(20_000)),
    "version-9": b"%YAML 9.9\n---\na: b\n",
    "json": json.dumps({"a": HALF}).encode(),
    "empty": b"",
}
DOCKERFILES: dict[str, bytes] = {
    "continued-without-end": b"RUN a \\\n" * 50_000,
    "heredoc-without-end": b"FROM scratch\nRUN <<EOF\n" + b"x\n" * 50_000,
    "variables-that-multiply": multiplied(b"FROM scratch\nARG a0=xx\n", b"ARG a@=" + b"$a#" * 10 + b"\n", 30)
    + b"ENV x=$a29\n",
    "variable-of-itself": b"FROM scratch\nARG a=$a$a\nARG a=$a$a\nENV a=$a$a\n" * 50,
    "braces-nested": b"FROM scratch\nENV a=" + b"${a:-" * 20_000 + b"}" * 20_000 + b"\n",
    "stages-in-a-circle": b"FROM b AS a\nFROM a AS b\n",
    "many-stages": b"FROM scratch AS a\n" * 20_000,
    "quotes-without-end": b'FROM scratch\nLABEL a="' + b"\\" * 100_000,
    "not-utf-8": b"FROM \xff\xfe\n",
    "nul": b"FROM scratch\nRUN \0\n",
    "port-of-5000-digits": b"FROM scratch\nEXPOSE " + DIGITS.encode() + b"\n",
    "health-check-of-5000-digits": b"FROM scratch\nHEALTHCHECK --interval=" + DIGITS.encode() + b"h CMD x\n",
    "copy-that-leads-out": b"FROM scratch\nCOPY ../../../../etc/passwd /\nADD /etc/shadow /x\n",
    "path-of-dots": b"FROM scratch\nWORKDIR " + b"../" * 50_000 + b"\nCOPY a b\n",
    "globs-that-multiply": b"FROM scratch\nCOPY " + b"*a" * 2_000 + b" /\n",
}


def manifest(data: bytes, scene: Scene) -> None:
    scene.write("input/deployment.yaml", data)
    scene.write("request.json", {"files": ["deployment.yaml"]})


def dockerfile(data: bytes, scene: Scene) -> None:
    scene.write("pants.toml", "")
    scene.write(f"a{'a' * 200}", "")
    scene.write("Dockerfile", data)


def odd_context(scene: Scene) -> None:
    """A build context with odd names, odd kinds of files, and an archive that is a FIFO."""
    dockerfile(b"FROM scratch\nCOPY . /srv\nADD bomb.tar.gz /\n", scene)
    (scene.work / IN_A_PATH.replace("/", "|")).touch()
    os.mkfifo(scene.work / "a-fifo")
    os.mkfifo(scene.work / "bomb.tar.gz")
    (scene.work / ".dockerignore").write_bytes(b"[" * 1_000 + b"\n" + b"**/" * 1_000 + b"\n!" * 1_000 + b"\xff")


def nothing_was_run(scene: Scene, ran: Ran) -> Iterator[str]:
    if (scene.work / "made").exists():
        yield "a document ran a command"


def rows() -> Iterator[Row]:
    for name, data in YAML.items():
        yield Row(f"yaml-{name}", partial(manifest, data), MANIFESTS, ENDS, after=nothing_was_run)
    for name, data in DOCKERFILES.items():
        yield Row(f"dockerfile-{name}", partial(dockerfile, data), DOCKERFILE, ENDS, lines=NOTES)
    yield Row("dockerfile-in-an-odd-context", odd_context, DOCKERFILE, ENDS, lines=NOTES)
    yield Row("yaml", partial(manifest, b"image: pants://a:push\n"), MANIFESTS, SUCCEEDS)
    yield Row("dockerfile", partial(dockerfile, b"FROM scratch\nCOPY . /srv\n"), DOCKERFILE, SUCCEEDS, lines=NOTES)


@pytest.mark.parametrize("row", table(rows()))
def test_files_of_a_repository(row: Row, check: Callable[[Row], None]) -> None:
    check(row)
