"""Applications that cannot be laid out fail before the build, and the message says what to do."""

from __future__ import annotations

import pytest

from support.build_root import BuildRoot

pytestmark = pytest.mark.container


@pytest.mark.parametrize(
    "name, parts",
    [
        pytest.param(
            "clash",
            ("other:clash: ", "ocitest_clash_a", "ocitest_clash_b", "clash/__init__.py", '`pex_collisions="allow"`'),
            id="collision",
        ),
        pytest.param(
            "too-old",
            ("other:too-old: other:newer needs CPython<3.14,>=3.12", "Python 3.11 (/usr/bin/python3.11)"),
            id="interpreter-constraints",
        ),
        pytest.param(
            "too-old-release",
            ("other:too-old-release: other:next needs ", "Python 3.11.9 (/usr/local/bin/python3.11)"),
            id="interpreter-constraints-of-a-release",
        ),
        pytest.param(
            "no-python",
            ("other:no-python: its Python is unknown", "CPython>=3.9", "`python`", '`pex_layers="single"`'),
            id="unknown-python",
        ),
        pytest.param(
            "no-such-python",
            ("Resolve the requirements of other:no-such-python for Python 3.99", "Could not find a compatible"),
            id="python-that-is-not-installed",
        ),
        pytest.param(
            "no-platform",
            ("other:no-platform: other:plain must be built for linux/arm64", "linux/amd64", "`complete_platforms`"),
            id="another-machine",
        ),
        pytest.param(
            "riscv",
            ("other:riscv: ", "linux/riscv64", "other/arm.json (linux/arm64, Python 3.11)", "`complete_platforms`"),
            id="another-platform",
        ),
        pytest.param(
            "arm-12",
            ("linux/arm64, Python 3.12 (/usr/bin/python3.12)", "other/arm.json (linux/arm64, Python 3.11)"),
            id="another-version",
        ),
        pytest.param(
            "two", ("other:two: other:both and other:plain cannot", '`pex_layers="single"`'), id="two-applications"
        ),
        pytest.param("twice", ("other:twice: ", "is in /app", "base other:once", "`directory`"), id="two-in-one-place"),
        pytest.param(
            "hidden", ("other:hidden: two different entries at one path", "/app/__main__.py"), id="hidden-file"
        ),
        pytest.param(
            "no-script",
            ('other:lost: no distribution has the script "nowhere"; available: old-script, program, tool-run.',),
            id="script",
        ),
    ],
)
def test_the_message_says_what_to_do(root: BuildRoot, name: str, parts: tuple[str, ...]) -> None:
    failed = root.pants("package", f"other:{name}", check=False)
    assert failed.exit_code == 1
    for part in parts:
        assert part in failed.stderr
    # Pex prints a traceback for each interpreter that it tried.
    assert name == "no-such-python" or "Traceback" not in failed.stderr
    assert "pants-sandbox" not in failed.stderr
