"""Fixtures of end-to-end tests: a build root with the examples, and registries in containers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from support.build_root import BuildRoot
from support.build_root_pool import stop_all
from support.examples import examples_build_root
from support.file_timings import pytest_terminal_summary
from support.registry_container import Login, Registry, registry_container
from support.schedule import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems", "pytest_terminal_summary"]


@pytest.fixture(scope="session", autouse=True)
def daemons() -> Iterator[None]:
    yield
    stop_all()


@pytest.fixture(scope="session")
def examples_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildRoot]:
    """The build root for fixtures that restore what they change; tests use `examples`."""
    with examples_build_root(tmp_path_factory.mktemp("examples") / "root") as root:
        yield root


@pytest.fixture
def examples(examples_root: BuildRoot) -> Iterator[BuildRoot]:
    """A copy of the examples, not yet published, that is restored after the test."""
    shutil.rmtree(examples_root.path / "dist", ignore_errors=True)
    yield examples_root
    examples_root.restore()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without authentication."""
    with registry_container(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def closed_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that requires a login for every request."""
    with registry_container(tmp_path_factory.mktemp("closed-registry"), Login("reader", "open:sesame")) as running:
        yield running
