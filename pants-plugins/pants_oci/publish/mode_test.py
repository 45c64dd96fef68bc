from __future__ import annotations

import pytest

from pants_oci.publish.mode import problem_of


@pytest.mark.parametrize(
    "dry_run, in_foreground, all_remote, refused",
    [
        pytest.param(False, True, True, True, id="all-remote"),
        pytest.param(False, False, True, False, id="background"),
        pytest.param(False, True, False, False, id="local-machine"),
        pytest.param(True, True, True, False, id="dry-run"),
    ],
)
def test_problem_of(dry_run: bool, in_foreground: bool, all_remote: bool, refused: bool) -> None:
    text = problem_of("deploy", dry_run=dry_run, in_foreground=in_foreground, all_remote=all_remote)
    assert bool(text) == refused
    if text:
        assert "cannot deploy" in text
