from __future__ import annotations

import pytest

from pants_oci.steps.run_mode import problem_of


@pytest.mark.parametrize(
    "dry_run, in_foreground, all_remote, told",
    [
        pytest.param(False, True, True, True, id="what-pants-does-last-it-refuses"),
        pytest.param(False, False, True, False, id="it-is-done-in-the-background"),
        pytest.param(False, True, False, False, id="there-is-a-machine"),
        pytest.param(True, True, True, False, id="nothing-is-done"),
    ],
)
def test_problem_of(dry_run: bool, in_foreground: bool, all_remote: bool, told: bool) -> None:
    text = problem_of("deploy", dry_run=dry_run, in_foreground=in_foreground, all_remote=all_remote)
    assert bool(text) == told
    if text:
        assert "cannot deploy" in text
