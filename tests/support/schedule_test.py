"""Each long group of tests that is listed exists, and files that share a build root are one group."""

from __future__ import annotations

import pytest

from support import schedule
from support.build_root import PROJECT


def test_groups() -> None:
    files = {
        "tests/registries/a_test.py": ["root", "shared_root"],
        "tests/registries/b_test.py": [],
        "tests/docs/a_test.py": ["examples", "examples_root"],
        "tests/docs/b_test.py": ["tmp_path"],
    }
    assert list(schedule.groups(files).values()) == [
        *("tests/registries/", "tests/registries/"),
        *("examples_root", "tests/docs/b_test.py"),
    ]


def test_long_groups_come_first() -> None:
    found = schedule.in_order(["tests/golden_test.py", "examples_root", "tests/registries/"])
    assert found == ["tests/registries/", "examples_root", "tests/golden_test.py"]


@pytest.mark.parametrize("name", [name for name in schedule._LONGEST_FIRST if name != schedule._FIXTURE])
def test_listed_files_exist(name: str) -> None:
    assert (PROJECT / name).exists()
