"""Machines of a team, from Pants's point of view: each has a checkout and caches, and they share a server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from support.build_root import WITHOUT_PYTHON, BuildRoot, Result

_COUNTER = re.compile(r"^\s+(\w+): (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A finished run of Pants, and its counters by name, without those of zero."""

    result: Result
    counters: Mapping[str, int]

    @property
    def cached_remotely(self) -> int:
        return self.counters.get("remote_cache_requests_cached", 0)

    def __str__(self) -> str:
        return str(self.result)


class Machine:
    """A checkout at `folder`/`checkout`, and a store that is empty at first. No run uses a daemon.

    `settings`: more tables of `pants.toml`, for other scopes than GLOBAL. `store`: the machine whose store it copies.
    `own_tools`: whether it also unpacks tools and finds interpreters for itself, which takes half a minute. `env`:
    variables of every run. `plugin`: as of a BuildRoot.
    """

    def __init__(
        self,
        folder: Path,
        checkout: str = "checkout",
        settings: str = "",
        store: Machine | None = None,
        own_tools: bool = False,
        env: Mapping[str, str] = MappingProxyType({}),
        plugin: str = WITHOUT_PYTHON,
    ) -> None:
        folder.mkdir(parents=True)
        self.folder: Path = folder
        self._env = env
        self._own_tools = own_tools
        if store:
            shutil.copytree(store.folder / "store", folder / "store", symlinks=True)
        (folder / checkout).mkdir(parents=True)
        self.root = BuildRoot(folder / checkout, settings, plugin)

    def pants(self, *arguments: str, check: bool = True, cache: str = "", **options: str) -> Run:
        """Run Pants. `cache`: the address of a remote cache; `options`: more options of GLOBAL, by name."""
        settings = {
            "pantsd": "false",
            "stats_log": "true",
            "local_store_dir": str(self.folder / "store"),
            **({"named_caches_dir": str(self.folder / "named")} if self._own_tools else {}),
            **(_shared(cache) if cache else {}),
            **options,
        }
        env = {**self._env, **{f"PANTS_{name.upper()}": value for name, value in settings.items()}}
        result = self.root.pants(*arguments, env=env, check=check)
        return Run(result, {name: int(value) for name, value in _COUNTER.findall(result.stderr) if int(value)})


def _shared(address: str) -> Mapping[str, str]:
    return {
        "remote_cache_read": "true",
        "remote_cache_write": "true",
        "remote_store_address": address,
        # By default, Pants gives up writes at the end of a run after 3 seconds.
        "session_end_tasks_timeout": "120",
    }
