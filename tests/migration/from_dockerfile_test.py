"""Dockerfiles of common shapes: converted and packaged, the image equals the one that Docker builds."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root
from support.commands import DOCKER, ocikit, run
from support.dockerfiles import (
    BUSYBOX,
    Shape,
    config_of_image,
    docker_build,
    docker_load,
    files_of_image,
    make_base,
    tar_of,
)
from support.registry_container import Registry

pytestmark = pytest.mark.container

SHAPES = {
    "scratch_static": Shape(
        'FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox", "echo"]\nCMD ["hello", "world"]\n',
        {"busybox": BUSYBOX.read_bytes()},
        {"busybox": 0o755},
    ),
    "base_and_copy": Shape(
        'FROM {base}\nWORKDIR /srv/app\nCOPY src .\nCOPY run.sh /usr/local/bin/run\nCMD ["run"]\n',
        {
            "src/main.txt": "main\n",
            "src/lib/part.txt": "part\n",
            "src/empty/": "",
            "src/link.txt": "-> lib/part.txt",
            "run.sh": "#!/bin/sh\ncat main.txt lib/part.txt link.txt\n",
        },
        {"run.sh": 0o755},
    ),
    "archive": Shape(
        "FROM {base}\nADD tool.tar.gz other.tar /opt/tool/\nCOPY other.tar /opt/as-it-is/\n"
        'CMD ["sh", "-c", "/opt/tool/bin/tool.sh; find /opt | sort"]\n',
        {
            "tool.tar.gz": gzip.compress(
                tar_of({"bin/": "", "bin/tool.sh": "#!/bin/sh\necho tool\n", "bin/also": "-> tool.sh", "empty/": ""})
            ),
            "other.tar": tar_of({"share/": "", "share/text": "text\n"}),
        },
    ),
    "arguments_and_variables": Shape(
        "ARG NAME=base\nFROM {base}\nARG NAME\nARG LEVEL=info\nARG DERIVED=${LEVEL:+x-$LEVEL}\n"
        "ENV LEVEL=$LEVEL NAME=\"the '$NAME'\" \\\n    # a comment\n\n    QUOTED='$LEVEL'\n"
        "ENV OLD style  $LEVEL\nENV PATH=/opt/bin:$PATH UNSET=${UNSET:-default} ESC=\\$LEVEL D=$DERIVED\n"
        'CMD ["sh", "-c", "env | sort | grep -v HOSTNAME"]\n',
        converted_with=("--base-env", "PATH=/usr/local/bin:/usr/bin:/bin", "--base-env", "UNSET="),
    ),
    "user_and_owner": Shape(
        "FROM {base}\nWORKDIR /srv\nWORKDIR app\nCOPY --chown=1000:1001 data.txt sub ./\n"
        "COPY --chown=7 sub /var/new/deep/\n"
        "USER 1000:1001\nWORKDIR /var/own\nCMD id -u; id -g; pwd; stat -c '%n %u:%g %a' /srv/app/* /var/*\n",
        {"data.txt": "data\n", "sub/one.txt": "1\n", "sub/folder/two.txt": "2\n"},
    ),
    "metadata": Shape(
        'FROM {base}\nARG VERSION=1.2\nLABEL org.example.version="$VERSION" other=\'a b\' "third one"=3\n'
        "EXPOSE 8080 53/udp\nEXPOSE 9000-9002\n"
        'VOLUME ["/data", "/more data"]\nVOLUME /cache\nCMD ["echo", "metadata"]\n'
    ),
    "shell_forms": Shape(
        '# escape=`\nFROM {base}\nENV A=`$B\nCMD echo "a  b" $A | `\n  # not this`\n  cat\n',
    ),
    "stages": Shape(
        'FROM {base} AS common\nENV COMMON=1\nCMD ["never"]\nCOPY a.txt /srv/\n'
        "FROM {base} AS test\nCOPY nothing /srv/\n"
        'FROM common\nENTRYPOINT ["sh", "-c", "echo $COMMON; cat /srv/*.txt; echo \\"$@\\"", "-"]\n'
        "COPY b.txt /srv/a.txt\n",
        {"a.txt": "a\n", "b.txt": "b\n", "nothing": ""},
        arguments=("one", "two"),
    ),
    "health_and_signal": Shape(
        "FROM {base}\nSTOPSIGNAL SIGINT\n"
        "HEALTHCHECK --interval=1m30s --timeout=5s --start-period=500ms --retries=2 CMD test -e /tmp || exit 1\n"
        'CMD ["echo", "healthy"]\n',
    ),
    "health_exec": Shape('FROM {base}\nHEALTHCHECK CMD ["test", "-e", "/tmp"]\nCMD ["echo", "well"]\n'),
    "ignored": Shape(
        "FROM {base}\nCOPY . /srv/all/\nCOPY conf/*.conf conf/[a-m]* /etc/some/\n"
        'CMD ["sh", "-c", "find /srv /etc/some | sort"]\n',
        {
            ".dockerignore": "# nothing that is made\n**/*.pyc\n/secret\nDockerfile\n",
            "secret/key": "key\n",
            "app/a.py": "",
            "app/a.pyc": "",
            "conf/a.conf": "a\n",
            "conf/z.conf": "z\n",
            "conf/b.txt": "b\n",
            "conf/x.txt": "x\n",
        },
    ),
    "ignored_but": Shape(
        'FROM scratch\nCOPY . /all\nCOPY busybox /busybox\nCMD ["/busybox", "find", "/all"]\n',
        {
            ".dockerignore": "*\n!keep\n!busybox\nkeep/not\n",
            "keep/a": "a\n",
            "keep/not/b": "",
            "out": "",
            "busybox": BUSYBOX.read_bytes(),
        },
        {"busybox": 0o755},
    ),
    "renamed_and_modes": Shape(
        "FROM {base}\nCOPY default.conf /etc/web/conf.d/site.conf\nCOPY --chmod=600 default.conf /etc/web/secret\n"
        "COPY --chmod=0750 --chown=5:6 tree /srv/tree\n"
        'CMD ["sh", "-c", "cat /etc/web/conf.d/site.conf; find /srv/tree | sort"]\n',
        {"default.conf": "site\n", "tree/a/b.txt": "b\n", "tree/c.txt": "c\n"},
    ),
}


@dataclass(frozen=True)
class Built:
    """The images of a shape, in Docker's store."""

    docker: str
    ours: str


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the same files without BUILD files, for Docker."""
    return tmp_path_factory.mktemp("contexts")


@pytest.fixture(scope="module")
def root(contexts: Path, registry: Registry) -> Iterator[BuildRoot]:
    """All shapes, converted and packaged."""
    base = f"{registry.address}/moving/base:1"
    make_base(base)
    run(DOCKER, "push", "--quiet", base)
    with empty_build_root('[oci]\npackage_format = "archive"\n') as root:
        for name, shape in SHAPES.items():
            for place in (root.path / name, contexts / name):
                shape.write(place, base)
            convert(root.path, f"{name}/Dockerfile", "--output", f"{name}/BUILD", *shape.converted_with)
        root.pants("oci-lock")
        root.pants("package", "::")
        yield root


def convert(folder: Path, *arguments: str) -> None:
    done = ocikit(folder, "from-dockerfile", *arguments)
    assert done.returncode == 0, done.stderr


@pytest.fixture(params=SHAPES)
def built(request: Any, root: BuildRoot, contexts: Path) -> Iterator[tuple[Shape, Built]]:
    name = request.param
    images = Built(f"localhost/moving-{name}", docker_load(root.path / f"dist/{name}/image.tar"))
    docker_build(contexts / name, images.docker)
    yield SHAPES[name], images
    run(DOCKER, "image", "rm", "--force", images.docker, images.ours)


def test_the_image_equals_the_one_that_docker_builds(built: tuple[Shape, Built]) -> None:
    shape, images = built
    assert files_of_image(images.ours) == files_of_image(images.docker)
    assert config_of_image(images.ours) == config_of_image(images.docker)
    outputs = [
        run(DOCKER, "run", "--rm", "--network=none", image, *shape.arguments) for image in (images.ours, images.docker)
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].strip()
