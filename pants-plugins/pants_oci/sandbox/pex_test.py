from __future__ import annotations

import io
import zipfile

import pytest

from pants_oci.sandbox.pex import with_usual_modes


def archive(*modes: int) -> bytes:
    """A zip as Pex writes it: its first line makes it executable."""
    stream = io.BytesIO(b"#!/usr/bin/env python3\n")
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a") as opened:
        for name, mode in zip(("a/", "a/module.py", "a/run"), modes):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            opened.writestr(info, b"" if name.endswith("/") else name.encode())
    return stream.getvalue()


USUAL = archive(0o40755, 0o100644, 0o100755)


@pytest.mark.parametrize(
    "modes",
    [
        pytest.param((0o40700, 0o100600, 0o100700), id="077"),
        pytest.param((0o40775, 0o100664, 0o100775), id="002"),
        pytest.param((0o40777, 0o100666, 0o100777), id="000"),
        pytest.param((0o40755, 0o100644, 0o100755), id="022"),
    ],
)
def test_the_umask_does_not_change_the_result(modes: tuple[int, ...]) -> None:
    found = with_usual_modes(archive(*modes))
    assert found == USUAL
    with zipfile.ZipFile(io.BytesIO(found)) as opened:
        assert opened.testzip() is None
        assert opened.read("a/run") == b"a/run"
