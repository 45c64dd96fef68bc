"""The page about registries names existing files and tests."""

from __future__ import annotations

import re

import pytest

from support.build_root import PROJECT

PAGE = (PROJECT / "docs/registries.md").read_text()
TESTS = sorted(set(re.findall(r"`((?:src|tests)/\S+_test\.py(?:::\w+)?)`", PAGE)))
FILES = sorted(set(re.findall(r"`((?!tests/)(?:\w+/)*\w+\.py)`", PAGE)))


@pytest.mark.parametrize("name", TESTS)
def test_named_tests_exist(name: str) -> None:
    path, _, function = name.partition("::")
    assert f"\ndef {function}" in (PROJECT / path).read_text()


@pytest.mark.parametrize("name", FILES)
def test_named_files_exist(name: str) -> None:
    assert (PROJECT / "src/ocikit" / name).exists()


def test_each_kind_of_registry_is_named() -> None:
    sites = (PROJECT / "tests/support/sites.py").read_text()
    kinds = re.findall(r'^        "([\w-]+)": \w+,$', sites, re.MULTILINE)
    assert {"htpasswd", "token", "own-authority"} < set(kinds)
    # These have their own line elsewhere on the page.
    assert [kind for kind in kinds if f"({kind}" not in PAGE] == ["plain", "body-limit", "rate-limit"]
