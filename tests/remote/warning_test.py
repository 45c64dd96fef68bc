"""A publish that downloads every layer from a remote cache warns once, with the setting that avoids it."""

from __future__ import annotations

from pathlib import Path

from support.build_root import BuildRoot
from support.casd import casd

BUILD = """\
file(name="file", source="own.txt")
oci_image(name="image", dependencies=[":file"])
oci_push(name="push", image=":image", repository="{name}")
"""
SETTINGS = """
[oci.registries.here]
address = "oci:dist/registry"
default = true
"""
WARNING = '[GLOBAL].cache_content_behavior is "fetch"'


def test_unnecessary_downloads_are_reported(tmp_path: Path) -> None:
    with casd(tmp_path / "casd") as server, BuildRoot(tmp_path / "root", SETTINGS) as root:
        for name in ("one", "two"):
            root.write({f"{name}/BUILD": BUILD.format(name=name), f"{name}/own.txt": name})
        cached = {"PANTS_REMOTE_CACHE_READ": "true", "PANTS_REMOTE_STORE_ADDRESS": server.address}

        assert root.pants("publish", "::", env=cached).stderr.count(WARNING) == 1
        # Each run warns again, even with a daemon.
        assert root.pants("publish", "one:push", env=cached).stderr.count(WARNING) == 1
        # These need the bytes, or have no push.
        assert WARNING not in root.pants("package", "publish", "::", env=cached).stderr
        assert WARNING not in root.pants("package", "::", env=cached).stderr
