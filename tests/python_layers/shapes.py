"""A repository with a `pex_binary` of every shape, and generated requirements that no package index has."""

from __future__ import annotations

import json

from support.wheels import wheel

SETTINGS = """
[source]
root_patterns = ["/src", "/other"]

[python]
interpreter_constraints = ["CPython>=3.9"]

[python-repos]
find_links = ["file://%(buildroot)s/wheels"]

[python-infer]
use_rust_parser = true
"""

OLD_SCRIPT = "#!python\nimport sys\nimport tool.text\nprint('old', tool.text.TEXT, *sys.argv[1:])\n"
X86 = "cp311-cp311-manylinux2014_x86_64"
ARM = "cp311-cp311-manylinux2014_aarch64"
WHEELS = {
    **wheel(
        "ocitest_tool",
        "1.0",
        {
            "tool/__init__.py": "",
            "tool/cli.py": "import sys, tool.text\n\ndef main():\n    print(tool.text.TEXT, *sys.argv)\n",
            "tool/text.py": "TEXT = 'tool'\n",
            "ocitest_tool-1.0.data/data/share/tool/doc.txt": "documentation\n",
            "ocitest_tool-1.0.data/data/opt/tool/own.txt": "in a folder of its own\n",
            "ocitest_tool-1.0.data/headers/tool.h": "/* a header */\n",
            "ocitest_tool-1.0.data/scripts/old-script": OLD_SCRIPT,
            "ocitest_tool-1.0.data/scripts/program": "#!/bin/sh\necho program $*\n",
            "man/page.py": "",
        },
        entry_points="[console_scripts]\ntool-run = tool.cli:main\n",
    ),
    **wheel(
        "ocitest_hook",
        "1.0",
        {"hook.pth": "import hooked\n", "hooked.py": "import os\nos.environ['HOOK'] = 'hooked'\n"},
    ),
    **wheel("ocitest_ns_one", "1.0", {"ns/one.py": "ONE = 1\n"}),
    **wheel("ocitest_ns_two", "1.0", {"ns/two.py": "TWO = 2\n"}),
    **wheel("ocitest_clash_a", "1.0", {"clash/__init__.py": "WHO = 'a'\n", "a.py": ""}),
    # These differ between platforms, and are large enough for a layer of their own.
    **wheel("ocitest_native", "1.0", {"native.py": "x86\n", "big.so": "x" * 5_000_000}, tag=X86),
    **wheel("ocitest_native", "1.0", {"native.py": "arm\n", "big.so": "a" * 5_000_000}, tag=ARM),
    **wheel("ocitest_clash_b", "1.0", {"clash/__init__.py": "WHO = 'b'\n", "b.py": ""}),
}

ROOT_BUILD = """\
oci_base(name="base", path="base", python="/usr/bin/python3.11")
oci_base(name="unknown", path="base")
python_requirement(name="tool", requirements=["ocitest_tool==1.0"], modules=["tool"])
python_requirement(name="hook", requirements=["ocitest_hook==1.0"], modules=["hooked"])
python_requirement(name="ns", requirements=["ocitest_ns_one==1.0", "ocitest_ns_two==1.0"], modules=["ns.one", "ns.two"])
python_requirement(name="clash", requirements=["ocitest_clash_a==1.0", "ocitest_clash_b==1.0"], modules=["clash"])
"""

# The fields of each PEX, and of its image besides `name`, `base` and the PEX.
SHAPES = {
    "module": (
        """
        entry_point="show.py", args=["--first", "a b"], env={"WORD": "injected", "OTHER": "x"},
        dependencies=["//:hook", ":words"], execution_mode="venv",
        """,
        'env={"OTHER": "own"}, args=["last"]',
    ),
    "function": ('entry_point="show:main", dependencies=[":words"]', 'directory="/srv/thing", workdir="/tmp"'),
    "script": ('script="tool-run", dependencies=["//:tool"]', ""),
    "old": ('script="old-script", dependencies=["//:tool"]', ""),
    "program": ('script="program", dependencies=["//:tool"]', ""),
    "shadowed": ('entry_point="shop.serve:serve"', ""),
    # The base's Python is not known.
    "unknown": (
        'dependencies=["//:tool", "//:hook"], interpreter_constraints=["==3.11.*"]',
        'base="//:unknown", entrypoint=["tool-run"], args=["own"]',
    ),
    "unknown-old": (
        'dependencies=["//:tool"], interpreter_constraints=["==3.11.*"]',
        'base="//:unknown", entrypoint=["old-script"], args=["own"]',
    ),
    "own": ('entry_point="simple.py", dependencies=["//:tool"]', 'entrypoint=["tool-run", "own"]'),
    "bare": ('dependencies=["//:tool", "./simple.py"]', ""),
    "alone": (
        """
        entry_point="simple.py", include_requirements=False, dependencies=["//:tool"],
        interpreter_constraints=["==3.11.*"],
        """,
        'base="//:unknown"',
    ),
    "firm": ('script="firm-run", dependencies=[":dist"]', ""),
    "clash": ('entry_point="clashing.py"', 'pex_collisions="allow"'),
    "single": ('entry_point="simple.py"', 'pex_layers="single", directory="/opt"'),
    "compiled": ('entry_point="simple.py", dependencies=["//:tool"]', "pex_compile=True"),
}
SOURCE_TARGETS = """\
python_sources()
resource(name="words", source="words.txt")
file(name="readme", source="README")
python_distribution(
    name="dist",
    provides=python_artifact(name="firm", version="3.0"),
    dependencies=["src/firm", "//:hook"],
    entry_points={"console_scripts": {"firm-run": "firm.work:main"}},
    sdist=False,
    generate_setup=True,
)
"""
SOURCES = {
    "src/show.py": """\
import importlib.metadata
import os
import pkgutil
import sys

import hooked
import ns.one
import ns.two
from ns import mine

def main():
    print(sys.argv[1:], os.environ["HOOK"], os.environ.get("WORD"), os.environ.get("OTHER"))
    print(ns.one.ONE + ns.two.TWO + mine.MINE, importlib.metadata.version("ocitest_hook"), os.getuid())
    print(pkgutil.get_data("show", "words.txt"))
    missing = [str(f) for f in importlib.metadata.files("ocitest_hook") if not f.locate().exists()]
    print(missing, sys.prefix)

if __name__ == "__main__":
    main()
""",
    "src/ns/BUILD": "python_sources()\n",
    "src/firm/BUILD": "python_sources()\n",
    "src/ns/mine.py": "MINE = 4\n",
    "src/words.txt": "words\n",
    "src/README": "read me\n",
    "src/simple.py": "import sys\n\nprint('simple', __name__, [p for p in sys.path if '/app' in p])\n",
    "src/clashing.py": "import clash\n\nprint(clash.WHO)\n",
    "src/shop/BUILD": "python_sources()\n",
    "src/shop/__init__.py": "from shop.serve import serve\n",
    "src/shop/serve.py": "def serve():\n    print('served')\n",
    "src/firm/__init__.py": "",
    "src/firm/work.py": """\
import importlib.metadata

def main():
    print("firm", importlib.metadata.version("firm"), __file__, importlib.metadata.requires("firm"))
""",
}


def build_file() -> str:
    blocks = [SOURCE_TARGETS]
    for name, (pex, image) in SHAPES.items():
        base = "" if "base=" in image else 'base="//:base", '
        dependencies = f'[":{name}-bin", ":readme"]' if name == "module" else f'[":{name}-bin"]'
        blocks.append(f'pex_binary(name="{name}-bin", {pex.strip()})\n')
        blocks.append(f'oci_image(name="{name}", dependencies={dependencies}, {base}{image})\n')
    return "".join(blocks)


def complete_platform(machine: str, version: str) -> str:
    """The part of the output of `pex3 interpreter inspect --markers --tags` that our wheels need."""
    abi = f"cp{version.replace('.', '')}"
    markers = {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.2",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.2",
        "python_version": version,
        "sys_platform": "linux",
    }
    tags = [f"{abi}-{abi}-manylinux2014_{machine}", f"{abi}-none-any", "py3-none-any"]
    return json.dumps({"marker_environment": markers, "compatible_tags": tags})


# Images for another platform, and invalid ones.
OTHER_TARGETS = """\
python_sources()
file(name="arm-file", source="arm.json")
file(name="x86-file", source="x86.json")
resource(name="main-file", source="app/__main__.py")
python_requirement(name="native", requirements=["ocitest_native==1.0"])

pex_binary(
    name="both",
    entry_point="plain",
    dependencies=[":native", "//:tool"],
    complete_platforms=[":arm-file", ":x86-file"],
)
oci_image(name="arm", dependencies=[":both"], python="/usr/bin/python3.11", platform="linux/arm64")
oci_image(name="x86", dependencies=[":both"], python="/usr/bin/python3.11")
oci_image(name="arm-unnamed", dependencies=[":both"], platform="linux/arm64")
oci_image(name="arm-12", dependencies=[":both"], python="/usr/bin/python3.12", platform="linux/arm64")
oci_image(name="riscv", dependencies=[":both"], python="/usr/bin/python3.11", platform="linux/riscv64")

pex_binary(name="plain", entry_point="plain")
oci_image(name="no-platform", dependencies=[":plain"], python="/usr/bin/python3.11", platform="linux/arm64")
pex_binary(name="tooled", entry_point="plain", dependencies=["//:tool"])
oci_image(name="no-such-python", dependencies=[":tooled"], python="/usr/bin/python3.99")
oci_image(name="no-python", dependencies=[":plain"])
oci_image(name="two", dependencies=[":plain", ":both"], python="/usr/bin/python3.11")
oci_image(name="once", dependencies=[":plain"], base="//:base")
oci_image(name="twice", dependencies=[":plain"], base=":once")
oci_image(name="hidden", dependencies=[":plain", ":main-file"], base="//:base")

pex_binary(name="newer", entry_point="plain", interpreter_constraints=[">=3.12,<3.14"])
oci_image(name="too-old", dependencies=[":newer"], base="//:base")

pex_binary(name="next", entry_point="plain", interpreter_constraints=[">=3.11.10,<3.12"])
oci_base(name="official", path="official")
oci_image(name="below", base=":official", dependencies=[":arm-file"])
oci_image(name="above", base=":below", dependencies=[":plain"])
oci_image(name="too-old-release", base=":official", dependencies=[":next"])

pex_binary(name="lost", script="nowhere", dependencies=["//:tool"])
oci_image(name="no-script", dependencies=[":lost"], base="//:base")

pex_binary(name="clashing", entry_point="plain", dependencies=["//:clash"])
oci_image(name="clash", dependencies=[":clashing"], base="//:base")
"""
SOURCES["other/plain.py"] = "print('plain')\n"
SOURCES["other/app/__main__.py"] = "print('hidden')\n"
SOURCES["other/arm.json"] = complete_platform("aarch64", "3.11")
SOURCES["other/x86.json"] = complete_platform("x86_64", "3.11")
