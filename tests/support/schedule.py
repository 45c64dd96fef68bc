"""Which tests follow each other on one worker of pytest-xdist, and which begin first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import pytest

# Their tests share a build root. Each worker would start a Pants of its own for it.
_FOLDERS = ("tests/python_layers/", "tests/registries/")
_FIXTURE = "examples_root"
# Groups of a minute and more. What begins last should be short, or the other workers wait for it.
_LONGEST_FIRST = (
    "tests/registries/",
    "tests/python_layers/",
    "tests/remote/faults_test.py",
    "tests/publish/progress_test.py",
    "tests/remote/cache_test.py",
    "tests/remote/execution_test.py",
    _FIXTURE,
    "tests/docs/tutorial_test.py",
    "tests/remote/interpreters_test.py",
    "tests/installing/repositories_test.py",
    "tests/benchmarks_test.py",
    "tests/determinism_of_images_test.py",
    "tests/layer_memory_test.py",
    "tests/remote/python_cache_test.py",
    "tests/publish/bad_registry_test.py",
    "tests/publish/engine_test.py",
    "tests/migration/from_targets_test.py",
    "tests/publish/secrets_test.py",
    "tests/deploying/retention_test.py",
    "tests/deploying/deploy_test.py",
    "tests/remote/docker_environment_test.py",
    "tests/remote/keys_test.py",
    "tests/pants_versions/types_test.py",
)


def groups(files: Mapping[str, Collection[str]]) -> dict[str, str]:
    """The group of each file; `files`: the names of the fixtures of a file's tests."""
    return {
        file: _FIXTURE
        if _FIXTURE in fixtures
        else next((folder for folder in _FOLDERS if file.startswith(folder)), file)
        for file, fixtures in files.items()
    }


def in_order(names: Iterable[str]) -> Sequence[str]:
    """Groups by their length, as far as it is known."""
    rank = {name: number for number, name in enumerate(_LONGEST_FIRST)}
    return sorted(names, key=lambda name: rank.get(name, len(rank)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    fixtures: dict[str, set[str]] = defaultdict(set)
    for item in items:
        fixtures[_file(item)].update(getattr(item, "fixturenames", ()))
    group_of = groups(fixtures)
    found: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        group = group_of[_file(item)]
        item.add_marker(pytest.mark.xdist_group(group))
        found[group].append(item)
    items[:] = [item for group in in_order(found) for item in found[group]]


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
