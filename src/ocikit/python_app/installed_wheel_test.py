from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ocikit.errors import InvalidContent
from ocikit.python_app.installed_wheel import identify
from ocikit.python_app.site import Site

SITE = Site("lib/python3.11/site-packages", "3.11", "/app/bin/python")
IN = SITE.packages
OLD: Mapping[str, Any] = {"record_relpath": "a_b-1.0.dist-info/RECORD", "stash_dir": ".prefix"}
NEW: Mapping[str, Any] = {**OLD, "sys_path_entries": ["."]}
WHEEL: Mapping[str, Any] | None = None
HEADER = "include/site/python3.11/a-b/x/y.h"


@pytest.mark.parametrize(
    "layout, path, place",
    [
        *((layout, "pkg/mod.py", f"{IN}/pkg/mod.py") for layout in (OLD, NEW, WHEEL)),
        # Packages may have the names of folders in a prefix.
        *(
            (layout, f"{name}/x.py", f"{IN}/{name}/x.py")
            for layout in (OLD, WHEEL)
            for name in ("lib", "man", "bin", "etc")
        ),
        *((layout, "a_b-1.0.dist-info/METADATA", f"{IN}/a_b-1.0.dist-info/METADATA") for layout in (OLD, NEW, WHEEL)),
        (NEW, "a_b-1.0.pex-info/original-whl-info.json", None),
        (OLD, ".layout.json", None),
        (OLD, ".prefix/bin/run", "bin/run"),
        (NEW, ".prefix/bin/run", "bin/run"),
        (WHEEL, "a_b-1.0.data/scripts/run", "bin/run"),
        # Data may be in any folder below `sys.prefix`.
        *(
            (OLD, f".prefix/{name}/x", f"{name}/x")
            for name in ("share", "opt", "data", "scripts", "headers", "purelib")
        ),
        *((NEW, f".prefix/data/{name}/x", f"{name}/x") for name in ("share", "opt", "data", "bin", "include")),
        *((WHEEL, f"a_b-1.0.data/data/{name}/x", f"{name}/x") for name in ("share", "opt", "data", "bin", "lib")),
        (WHEEL, "a_b-1.0.data/data/x", "x"),
        *((NEW, f".prefix/{name}/x.py", f"{IN}/x.py") for name in ("purelib", "platlib")),
        *((WHEEL, f"a_b-1.0.data/{name}/x.py", f"{IN}/x.py") for name in ("purelib", "platlib")),
        # The Python of the image, not the one that ran Pex.
        (OLD, ".prefix/include/site/pythonX.Y/a-b/x/y.h", HEADER),
        (NEW, ".prefix/include/site/python3.9/a_b/x/y.h", HEADER),
        (WHEEL, "a_b-1.0.data/headers/x/y.h", HEADER),
        # pip writes these, and another installer writes others.
        *((OLD, f"a_b-1.0.dist-info/{name}", None) for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")),
        (OLD, "pkg/__pycache__/mod.cpython-311.pyc", None),
        (OLD, "pkg/mod.pyc", f"{IN}/pkg/mod.pyc"),
        (OLD, "pkg/c-2.0.dist-info/RECORD", f"{IN}/pkg/c-2.0.dist-info/RECORD"),
        (WHEEL, "other-1.0.data/data/x", f"{IN}/other-1.0.data/data/x"),
    ],
)
def test_places(layout: Mapping[str, Any] | None, path: str, place: str | None) -> None:
    wheel = identify(["a_b-1.0.dist-info/METADATA", path], "a_b-1.0-py3-none-any.whl", layout)
    assert (wheel.name, wheel.version) == ("a_b", "1.0")
    assert wheel.place(path, SITE) == place


@pytest.mark.parametrize("path", ["/x", "../x", "a/../../x", "a//b", "./a", "a/."])
def test_a_file_elsewhere_is_refused(path: str) -> None:
    wheel = identify(["a-1.dist-info/METADATA"], "a.whl", OLD)
    with pytest.raises(InvalidContent, match="^a 1 has a file"):
        wheel.place(path, SITE)


def test_a_wheel_with_the_metadata_of_another_one() -> None:
    names = ["a_b-1.0.dist-info/METADATA", "c-2.dist-info/METADATA"]
    assert identify(names, "a_b.whl", OLD).name == "a_b"
    with pytest.raises(InvalidContent, match=r'^expected one "\*\.dist-info" folder in a_b.whl, got 2\.$'):
        identify(names, "a_b.whl", WHEEL)


def test_what_is_not_a_wheel() -> None:
    with pytest.raises(InvalidContent, match="in a.zip, got 0"):
        identify(["a.py"], "a.zip", WHEEL)
