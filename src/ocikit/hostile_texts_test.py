"""Hostile text in the files of a repository: reading it succeeds or raises an OcikitError."""

from __future__ import annotations

import ast
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent, OcikitError
from ocikit.image.lockfile import Lock
from ocikit.layer.compression import Compression
from ocikit.layer.entry import Entry
from ocikit.layer.placement import Owner, Placement, Source, parse_mode, place
from ocikit.manifests.scan import decode, scan
from ocikit.manifests.substitute import replace
from ocikit.migrate.build_context import Context, ContextFile
from ocikit.migrate.build_file import build_text
from ocikit.migrate.build_reader import read_build_file
from ocikit.migrate.convert import Wishes, convert, report_lines
from ocikit.migrate.dockerfile import INSTRUCTIONS, parse_dockerfile
from ocikit.migrate.dockerignore import Ignore
from ocikit.publish.history import history_from_json, history_to_json
from ocikit.publish.remote_state import memory_from_json, memory_to_json
from ocikit.python_app.interpreter import Interpreter, WheelPlatform
from ocikit.registry.options import RegistryOptions
from ocikit.spec.container_settings import (
    parse_annotations,
    parse_duration,
    parse_env,
    parse_healthcheck,
    parse_labels,
    parse_port,
    parse_stop_signal,
    parse_user,
    parse_volume,
    parse_workdir,
)
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from ocikit.spec.reference import Reference, parse_repository, validate_tag
from ocikit.testing.examples import examples
from ocikit.testing.strategies import hostile, json_values

few = examples(60)
many = examples(300)
WORDS = (
    "²", "\uff11", "9" * 5000, "-1", "\0", "\ud800", "\x1b[2J", "sha256:", "sha256:" + "a" * 64, "sha512:" + "a" * 128,
    "linux/amd64", "docker.io/library/python:3.12", "localhost:5000/a@", "tag", "<<<<<<<", "@", ":", "/",
    "[::1]:5000/a", "1:1", "CMD", "NONE", "zstd:", "\u2028", "\ufeff", "a", "=", "0x1", "1_0",
)  # fmt: skip
ANY_TEXT = st.text(st.characters(), max_size=60) | st.lists(st.sampled_from(WORDS), max_size=5).map("".join)
LINES = st.lists(ANY_TEXT | st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join), max_size=6).map("\n".join)


@many
@given(ANY_TEXT, ANY_TEXT)
def test_values_of_one_line(text: str, other: str) -> None:
    for read in (
        Reference.parse, parse_repository, validate_tag, Digest.parse, Platform.parse, Compression.parse, Owner.parse,
        parse_mode, parse_port, parse_user, parse_workdir, parse_volume, parse_stop_signal, parse_duration,
        Interpreter.parse, WheelPlatform.of_tag, lambda text: parse_env({text: other}),
        lambda text: parse_labels({text: other}), lambda text: parse_annotations({text: other}),
        lambda text: RegistryOptions(path_prefix=text), lambda text: RegistryOptions(mirrors=(text,)),
        lambda text: place([Source(text, other)], Placement(directory=other)),
        lambda text: place([Source("a", other)], Placement(symlinks={text: other})),
        lambda text: Entry(text, "file", 0, 0, 0, source="x"),
    ):  # fmt: skip
        with suppress(OcikitError):
            assert str(read(text)) is not None


@many
@given(
    json_values().filter(lambda value: isinstance(value, dict))
    | st.dictionaries(st.sampled_from(["test", "interval"]), ANY_TEXT)
)
def test_healthchecks(document: object) -> None:
    with suppress(OcikitError):
        parse_healthcheck(document)  # type: ignore[arg-type]


@many
@given(LINES)
def test_lock_files(text: str) -> None:
    with suppress(InvalidContent):
        lock = Lock.parse(text)
        assert Lock.parse(str(lock)) == lock
        for base in lock.bases.values():
            base.select(Platform("linux", "amd64"))


@many
@given(st.lists(st.tuples(st.sampled_from(sorted(INSTRUCTIONS)), ANY_TEXT), max_size=5), LINES, st.sampled_from(WORDS))
def test_dockerfiles(lines: list[tuple[str, str]], rest: str, stage: str) -> None:
    text = "\n".join(("FROM x AS y", *(f"{name} {rest}" for name, rest in lines), rest))
    context = Context(everything={"a": ContextFile("a"), "\ud800": ContextFile("\ud800")}, ignore=Ignore.parse(rest))
    with suppress(OcikitError):
        conversion = convert(parse_dockerfile(text), context, Wishes(stage=stage if len(stage) == 1 else None))
        ast.parse(build_text(conversion.targets, report_lines(conversion.notes)).encode("utf-8", "backslashreplace"))


@many
@given(LINES, ANY_TEXT)
def test_dockerignores(text: str, path: str) -> None:
    assert Ignore.parse(text).ignores(path) in (True, False)


@many
@given(LINES | st.sampled_from(["(" * 5000, "[" * 100_000, "-" * 5000 + "1", "a." * 5000 + "b"]))
def test_build_files(text: str) -> None:
    with suppress(OcikitError):
        read_build_file(text, "a", "BUILD")


@few
@given(
    st.binary(max_size=60)
    | hostile({"a": [{"image": "pants://a:b"}]})
    | LINES.map(lambda text: text.encode("utf-8", "replace"))
)
def test_deployments(data: bytes) -> None:
    with suppress(InvalidContent):
        text = decode(data, "f.yaml")
        scanned = scan(text, "f.yaml")
        replace(text, scanned.spans, ["r.example/a@sha256:" + "0" * 64] * len(scanned.spans))


@many
@given(
    hostile({"r.example/a": {"v1": "sha256:" + "0" * 64}})
    | hostile({"stored": [["sha256:" + "0" * 64, "r.example/a"]]})
)
def test_memories(data: bytes) -> None:
    with suppress(InvalidContent):
        memory_to_json(memory_from_json(data))
    with suppress(InvalidContent):
        history_to_json(history_from_json(data))


@many
@given(
    hostile({"marker_environment": {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.12"}})
)
def test_complete_platforms(data: bytes) -> None:
    with suppress(OcikitError):
        str(WheelPlatform.of_complete_platform("it", data))
