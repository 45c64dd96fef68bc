from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ocikit.errors import InvalidInput
from ocikit.migrate.build_context import DIRECTORY, SYMLINK, Archive, Context, ContextFile
from ocikit.migrate.build_file import Target, build_text
from ocikit.migrate.convert import Conversion, Wishes, convert, report_lines
from ocikit.migrate.dockerfile import parse_dockerfile
from ocikit.migrate.dockerignore import Ignore
from ocikit.spec.platform import Platform

ARCHIVE = Archive((ContextFile("d", DIRECTORY), ContextFile("d/f")), frozenset({"0:0"}))
FILES = (
    ContextFile("app.py"),
    ContextFile("conf", DIRECTORY),
    ContextFile("conf/a.conf"),
    ContextFile("conf/b.conf"),
    ContextFile("src", DIRECTORY),
    ContextFile("src/main.py"),
    ContextFile("src/main.pyc"),
    ContextFile("src/lib", DIRECTORY),
    ContextFile("src/lib/x.py"),
    ContextFile("src/link", SYMLINK, target="main.py"),
    ContextFile("empty", DIRECTORY),
    ContextFile("secret", mode=0o600),
    ContextFile("v.tar"),
)


def context(ignore: str = "", root: str = "", folder: str = "", files: Iterable[ContextFile] = FILES) -> Context:
    return Context(
        root,
        folder,
        {file.path: file for file in files},
        Ignore.parse(ignore),
        unseen=(".git", "build"),
        archive=lambda path: ARCHIVE if path == "v.tar" else None,
    )


def converted(text: str, seen: Context | None = None, **wishes: Any) -> Conversion:
    wishes.setdefault("file", "D")
    return convert(parse_dockerfile(text, "D"), seen or context(), Wishes(**wishes))


def image_of(text: str, **wishes: Any) -> dict[str, Any]:
    """The fields of the image, without its layers and the PATH that Docker sets if there is no base."""
    conversion = converted(f"FROM scratch\nCOPY app.py /\n{text}", **wishes)
    assert conversion.notes == ()
    fields = {key: value for key, value in conversion.targets[-1].fields.items() if value is not None}
    del fields["env"]["PATH"], fields["layers"]
    return {key: value for key, value in fields.items() if value != {}}


def layers_of(conversion: Conversion) -> list[dict[str, Any]]:
    """The fields of the layers, with the globs of the files as `files`."""
    globs = {f":{target.name}": target.fields["sources"] for target in conversion.targets if target.kind == "files"}
    return [_layer(target, globs) for target in conversion.targets if target.kind == "oci_layer"]


def _layer(target: Target, globs: dict[str, list[str]]) -> dict[str, Any]:
    fields = {key: value for key, value in target.fields.items() if value is not None}
    for dependency in fields.pop("dependencies", []):
        fields["files"] = globs[dependency]
    return fields


@pytest.mark.parametrize(
    "text, fields",
    [
        pytest.param(
            "ENV A=1 B='x y'\nENV C $A z\nENV A=2 D=$A", {"env": {"A": "2", "B": "x y", "C": "1 z", "D": "1"}}, id="env"
        ),
        pytest.param(
            "ARG A=1\nARG B=${A}2\nENV C=$B\nENV A=9 E=$A", {"env": {"C": "12", "A": "9", "E": "1"}}, id="arg"
        ),
        pytest.param(
            "ENV A=env\nARG A=arg\nLABEL x=$A", {"env": {"A": "env"}, "labels": {"x": "env"}}, id="env-before-arg"
        ),
        pytest.param('LABEL a=1 "b c"="d e"\nLABEL a=2', {"labels": {"a": "2", "b c": "d e"}}, id="label"),
        pytest.param("WORKDIR /a\nWORKDIR b/../c", {"workdir": "/a/c"}, id="workdir"),
        pytest.param("USER 1000:1000", {"user": "1000:1000"}, id="user"),
        pytest.param("ARG P=80\nEXPOSE $P 53/udp\nEXPOSE 80", {"ports": ["80", "53/udp"]}, id="expose"),
        pytest.param('VOLUME ["/a", "/b c"]\nVOLUME /d /e', {"volumes": ["/a", "/b c", "/d", "/e"]}, id="volume"),
        pytest.param("STOPSIGNAL SIGINT", {"stop_signal": "SIGINT"}, id="signal"),
        pytest.param("STOPSIGNAL term", {"stop_signal": "SIGTERM"}, id="short-signal"),
        pytest.param('ENTRYPOINT ["/a", "$B"]\nCMD ["c"]', {"entrypoint": ["/a", "$B"], "args": ["c"]}, id="exec"),
        pytest.param("CMD echo $A | x", {"args": ["/bin/sh", "-c", "echo $A | x"]}, id="shell-form"),
        pytest.param("CMD ['a']", {"args": ["/bin/sh", "-c", "['a']"]}, id="not-json"),
        pytest.param("CMD a\nENTRYPOINT []", {"entrypoint": [], "args": ["/bin/sh", "-c", "a"]}, id="empty-entrypoint"),
        pytest.param("HEALTHCHECK NONE", {"healthcheck": {"test": "NONE"}}, id="no-health"),
        pytest.param(
            "HEALTHCHECK --interval=5s --timeout=1m --start-period=2s --retries=3 CMD curl x || exit 1",
            {
                "healthcheck": {
                    "test": "curl x || exit 1",
                    "interval": "5s",
                    "timeout": "1m",
                    "start_period": "2s",
                    "retries": 3,
                }
            },
            id="health",
        ),
        pytest.param('HEALTHCHECK CMD ["CMD", "x"]', {"healthcheck": {"test": ["CMD", "CMD", "x"]}}, id="health-exec"),
    ],
)
def test_settings(text: str, fields: dict[str, Any]) -> None:
    assert image_of(text) == fields


def test_build_arguments_and_platforms() -> None:
    text = "ARG A=1\nARG TARGETARCH\nARG B\nLABEL a=$A arch=$TARGETARCH b=${B:-none}"
    fields = image_of(text, arguments={"A": "2"}, platform=Platform("linux", "arm64"))
    assert fields == {"labels": {"a": "2", "arch": "arm64", "b": "none"}, "platform": "linux/arm64"}


@pytest.mark.parametrize(
    "text, layers",
    [
        pytest.param("COPY app.py /", [{"files": ["app.py"]}], id="file"),
        pytest.param("COPY app.py /x/", [{"files": ["app.py"], "directory": "/x"}], id="to-directory"),
        pytest.param(
            "COPY app.py /x/main.py",
            [{"files": ["app.py"], "directory": "/x", "rename": {"app.py": "main.py"}}],
            id="renamed",
        ),
        pytest.param(
            "WORKDIR /x\nCOPY app.py /x", [{"files": ["app.py"], "directory": "/x"}], id="to-an-existing-directory"
        ),
        pytest.param("WORKDIR /x\nCOPY app.py .", [{"files": ["app.py"], "directory": "/x"}], id="to-the-workdir"),
        pytest.param("COPY ../app.py /", [{"files": ["app.py"]}], id="out-of-the-context"),
        pytest.param(
            "COPY src /x",
            [
                {
                    "files": ["src/**", "!**/*.pyc", "!src/link"],
                    "strip_prefix": "src",
                    "directory": "/x",
                    "symlinks": {"link": "main.py"},
                }
            ],
            id="directory",
        ),
        pytest.param(
            "COPY conf/*.conf /x/",
            [{"files": ["conf/*.conf"], "strip_prefix": "conf", "directory": "/x"}],
            id="wildcard",
        ),
        pytest.param(
            "COPY conf/[b]* app.py /x/",
            [
                {"files": ["conf/[b]*"], "strip_prefix": "conf", "directory": "/x"},
                {"files": ["app.py"], "directory": "/x"},
            ],
            id="several",
        ),
        pytest.param('COPY ["app.py", "/x y/"]', [{"files": ["app.py"], "directory": "/x y"}], id="json"),
        pytest.param("COPY empty /x", [{"directory": "/x"}], id="empty-directory"),
        pytest.param("WORKDIR /a/b", [{"directory": "/a/b"}], id="workdir-is-made"),
        pytest.param("USER 7\nWORKDIR /a", [{"directory": "/a", "owner": "7:7"}], id="workdir-belongs-to-the-user"),
        pytest.param("ADD v.tar /x", [{"files": ["v.tar"], "unpack": True, "directory": "/x"}], id="archive"),
        pytest.param("COPY v.tar /x/", [{"files": ["v.tar"], "directory": "/x"}], id="copied-archive"),
        pytest.param(
            "COPY --chown=1:2 --chmod=640 app.py /x/",
            [{"files": ["app.py"], "directory": "/x", "owner": "1:2", "file_mode": "0640"}],
            id="owner-and-mode",
        ),
        pytest.param(
            "WORKDIR /x\nCOPY --chown=1 app.py .",
            [{"files": ["app.py"], "directory": "/x", "owner": "1:1"}, {"directory": "/x"}],
            id="an-existing-directory-keeps-its-owner",
        ),
        pytest.param(
            "COPY --chmod=750 conf /x",
            [
                {
                    "files": ["conf/**", "!**/*.pyc"],
                    "strip_prefix": "conf",
                    "directory": "/x",
                    "file_mode": "0750",
                    "directory_mode": "0750",
                },
                {"directory": "/x"},
            ],
            id="chmod-does-not-change-the-destination",
        ),
        pytest.param(
            "COPY --chown=1 app.py /x/y/",
            [{"files": ["app.py"], "directory": "/x/y", "owner": "1:1"}, {"directory": "/x", "owner": "1:1"}],
            id="parents-have-the-same-owner",
        ),
    ],
)
def test_layers(text: str, layers: list[dict[str, Any]]) -> None:
    conversion = converted(f"FROM scratch\n{text}", context("**/*.pyc"))
    assert layers_of(conversion) == layers
    assert conversion.notes == ()


@pytest.mark.parametrize(
    "ignore, globs",
    [
        pytest.param("", ["**", "!BUILD", "!src/link"], id="none"),
        pytest.param(
            "src/lib\nsecret",
            ["**", "!BUILD", "!src/lib", "!src/lib/**", "!secret", "!secret/**", "!src/link"],
            id="names",
        ),
        pytest.param("*\n!app.py\n!conf", ["app.py", "conf/a.conf", "conf/b.conf"], id="included-again"),
        pytest.param(
            "src\nconf\nsecret\nempty\nv.tar\nnope",
            [
                "**",
                "!BUILD",
                "!src",
                "!src/**",
                "!conf",
                "!conf/**",
                "!secret",
                "!secret/**",
                "!empty",
                "!empty/**",
                "!v.tar",
                "!v.tar/**",
            ],
            id="missing-names",
        ),
    ],
)
def test_the_whole_context(ignore: str, globs: list[str]) -> None:
    (layer, *_) = layers_of(converted("FROM scratch\nCOPY . /x", context(ignore)))
    assert layer["files"] == globs


def test_paths_are_from_the_build_root_and_sources_from_the_build_file() -> None:
    (layer,) = layers_of(converted("FROM scratch\nCOPY conf /x", context(root="web", folder="web")))
    assert layer == {"files": ["conf/**"], "strip_prefix": "web/conf", "directory": "/x"}


def test_files_outside_the_build_files_folder_need_another_build_file() -> None:
    files = (ContextFile("web", DIRECTORY), ContextFile("other", DIRECTORY), ContextFile("other/a"))
    conversion = converted("FROM scratch\nCOPY other/a /x/", context(folder="web", files=files))
    assert conversion.targets[0].fields["dependencies"] == ["//other:a-files"]
    assert 'Add to other/BUILD: files(name="a-files", sources=["a"])' in conversion.notes[0].advice


def test_a_base_a_stage_on_another_and_stages_that_are_left_out() -> None:
    text = """\
ARG TAG=3
FROM golang AS build
RUN go build
FROM --platform=linux/arm64 python:${TAG}@sha256:%s AS common
ENV A=1
CMD ["common"]
FROM common
COPY app.py /usr/local/bin/
ENTRYPOINT ["x"]
""" % ("0" * 64)
    conversion = converted(text)
    base, image = conversion.targets[0], conversion.targets[-1]
    assert base.fields == {"image": "docker.io/library/python:3", "digest": f"sha256:{'0' * 64}"}
    assert (image.fields["base"], image.fields["env"], image.fields["platform"]) == (
        ":python",
        {"A": "1"},
        "linux/arm64",
    )
    assert (image.fields["entrypoint"], image.fields["args"]) == (["x"], None)
    assert [(note.where, note.matters) for note in conversion.notes] == [("D:2", False)]


def test_a_stage_by_its_name() -> None:
    text = "FROM scratch AS a\nCOPY app.py /\nFROM x AS b\nCMD b"
    assert [target.kind for target in converted(text, stage="A").targets] == ["files", "oci_layer", "oci_image"]
    assert converted(text, stage="1").targets[0].kind == "oci_base"
    with pytest.raises(InvalidInput, match='D: there is no stage "c"; available: a, b'):
        converted(text, stage="c")


@pytest.mark.parametrize(
    "instruction, advice",
    [
        pytest.param("RUN apt-get update && apt-get install -y x", "a base that has the packages", id="run-apt"),
        pytest.param("RUN pip install x", "a `pex_binary`", id="run-pip"),
        pytest.param("RUN mkdir /x && ln -s a b", "to `symlinks`", id="run-mkdir"),
        pytest.param("RUN --mount=type=cache,target=/x odd", "Pants runs nothing", id="run"),
        pytest.param("RUN <<E\nodd\nE", "Pants runs nothing", id="run-heredoc"),
        pytest.param("COPY <<E /x\nhello\nE", "write the text to a file", id="heredoc"),
        pytest.param("COPY --from=build /x /y", "stages do not copy", id="copy-from"),
        pytest.param("ADD https://example.com/x /y", "http_source", id="url"),
        pytest.param("ADD git@example.com:x/y.git /y", "http_source", id="git"),
        pytest.param("ONBUILD RUN x", "write it into the targets", id="onbuild"),
        pytest.param("COPY --chown=app app.py /", "--chown=app: only the base", id="owner-by-name"),
        pytest.param("COPY --chmod=u+x app.py /", '"u+x" is not a mode', id="mode"),
        pytest.param("COPY --exclude=x src /", "--exclude has no counterpart", id="flag"),
        pytest.param("COPY nope /", '"nope": the context has no such file', id="missing"),
        pytest.param("COPY build/x /", "Pants does not see it", id="unseen"),
        pytest.param("COPY src/main.pyc /", "`.dockerignore` excludes it", id="ignored"),
        pytest.param("COPY app.py secret /x", '"/x" must end in "/"', id="several-to-a-file"),
        pytest.param("COPY app.py", "expected a source and a destination", id="one-word"),
        pytest.param("ENV A=$HOME/x", "the base's variables are not read, and $HOME", id="base-variable"),
        pytest.param("ENV A", "expected NAME=VALUE", id="env"),
        pytest.param("EXPOSE http", '"http" is not a port', id="port"),
        pytest.param("USER a b", '"a b" is not a user', id="user"),
        pytest.param("VOLUME x", '"x" is not a volume', id="volume"),
        pytest.param("STOPSIGNAL no-signal", "is not a signal", id="signal"),
        pytest.param("SHELL bash", "expected the JSON form", id="shell"),
        pytest.param("HEALTHCHECK curl", "expected HEALTHCHECK NONE or", id="health"),
        pytest.param("HEALTHCHECK --retries=x CMD y", '--retries: expected a whole number, got "x"', id="retries"),
        pytest.param("HEALTHCHECK --interval=x CMD y", '"x" is not a duration', id="interval"),
        pytest.param(
            "HEALTHCHECK --every=1s CMD y", "unknown option --every; valid options: --interval", id="health-option"
        ),
        pytest.param("WORKDIR '/x", "' is not closed", id="quote"),
    ],
)
def test_instructions_without_counterpart_are_noted_with_their_line(instruction: str, advice: str) -> None:
    conversion = converted(f"FROM x\nWORKDIR /\n{instruction}\nCMD a", context("**/*.pyc"))
    assert [(note.where, note.matters) for note in conversion.notes] == [("D:3", True)]
    assert advice in conversion.notes[0].advice
    assert not conversion.is_complete
    assert conversion.targets[-1].fields["args"] == ["/bin/sh", "-c", "a"]
    assert "# Left out" in build_text((), report_lines(conversion.notes))


@pytest.mark.parametrize(
    "instruction, advice",
    [
        pytest.param("COPY app.py /bin/", "replaces the link", id="link"),
        pytest.param("WORKDIR /home/node/app", "set it again in a layer on top", id="home"),
        pytest.param("COPY app.py x/", "set --base-workdir", id="base-workdir"),
        pytest.param("COPY secret /x/", "permissions that Git does not keep", id="mode"),
        pytest.param('SHELL ["/bin/bash", "-c"]\nCMD a', "written out", id="shell"),
        pytest.param("MAINTAINER me", "there is no author", id="maintainer"),
        pytest.param("USER app\nWORKDIR /x", 'Docker makes "app" the owner', id="workdir-of-a-name"),
        pytest.param("HEALTHCHECK --start-interval=1s CMD a", "no start interval", id="start-interval"),
    ],
)
def test_hints(instruction: str, advice: str) -> None:
    conversion = converted(f"FROM x\n{instruction}")
    assert [note.matters for note in conversion.notes] == [False]
    assert advice in str(conversion.notes[0])
    assert conversion.is_complete


def test_values_of_the_base_are_used() -> None:
    conversion = converted("FROM x\nENV PATH=/a:$PATH\nCOPY app.py .", base_env={"PATH": "/bin"}, base_workdir="/srv")
    assert conversion.notes == ()
    assert conversion.targets[-1].fields["env"] == {"PATH": "/a:/bin"}
    assert layers_of(conversion)[0]["directory"] == "/srv"


@pytest.mark.parametrize(
    "archive, advice",
    [
        pytest.param(Archive(owners=frozenset({"7:7"})), "belong to 7:7, in the layer to 0:0", id="owner"),
        pytest.param(Archive(odd_modes=("a", "b")), "a (and 1 more) has other permissions", id="mode"),
    ],
)
def test_owners_and_modes_that_an_archive_loses_are_noted(archive: Archive, advice: str) -> None:
    seen = Context(everything={"v.tar": ContextFile("v.tar")}, archive=lambda _path: archive)
    assert advice in converted("FROM scratch\nADD v.tar /x", seen).notes[0].advice


@pytest.mark.parametrize(
    "text, message",
    [
        pytest.param("FROM a b", 'D:1: expected "FROM IMAGE" or "FROM IMAGE AS NAME", got "FROM a b"', id="words"),
        pytest.param("FROM $A", 'D:1: "$A" is empty: set its ARG', id="empty"),
        pytest.param("FROM UPPER/case:x:y", "D:1: FROM: ", id="reference"),
        pytest.param("FROM --platform=plan9 x", 'D:1: FROM: "plan9" is not a platform', id="platform"),
        pytest.param("ARG =1\nFROM x", 'D:1: ARG: expected NAME or NAME=DEFAULT, got "=1"', id="argument"),
    ],
)
def test_what_docker_rejects_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        converted(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "start, more, name",
    [
        pytest.param("FROM scratch\nCOPY app.py /\nENV A=xxxxxxxx\n", "ENV A=$A$A\n", "ENV", id="env"),
        pytest.param("FROM scratch\nCOPY app.py /\nENV A=x\n", "ENV " + "A=$A$A$A " * 9 + "\n", "ENV", id="in-one"),
        pytest.param("FROM scratch\nCOPY app.py /\nARG A=xxxxxxxx\n", "ARG A=$A$A\n", "ARG", id="arg"),
    ],
)
def test_variables_that_grow_exponentially_are_noted(start: str, more: str, name: str) -> None:
    notes = converted(start + more * 60).notes
    assert notes[0].what.startswith(name)
    assert "use each other repeatedly" in notes[0].advice


def test_arguments_that_grow_exponentially_are_an_error() -> None:
    with pytest.raises(InvalidInput, match=r"D:\d+: ARG: with A, the values of variables exceed"):
        converted("ARG A=xxxxxxxx\n" + "ARG A=$A$A\n" * 60 + "FROM scratch\n")


def test_an_empty_image_is_noted() -> None:
    assert "the image is empty" in converted("FROM scratch\nCMD a").notes[0].advice


def test_an_archive_made_by_a_target_is_unpacked() -> None:
    seen = Context(packages={"web/a.tar": "web:a"}, unpacked=frozenset({"web/a.tar"}))
    layer = converted("FROM scratch\nADD web/a.tar /x", seen).targets[0]
    assert (layer.fields["dependencies"], layer.fields["directory"]) == (["web:a"], "/x")
    assert "which layers unpack" in converted("FROM scratch\nCOPY web/a.tar /x", seen).notes[-1].advice


def test_names_are_unique_and_have_a_prefix() -> None:
    text = "FROM scratch\nCOPY app.py /a/\nCOPY app.py /b/"
    names = [target.name for target in converted(text, name="web", prefix="web-").targets]
    assert names == ["web-app-py-files", "web-app-py", "web-app-py-2-files", "web-app-py-2", "web"]
