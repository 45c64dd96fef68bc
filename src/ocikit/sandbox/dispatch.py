"""Which function runs a command of `ocikit.sandbox.protocol`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable

from ocikit.sandbox import protocol
from ocikit.sandbox.environment_socket import environment_from_socket
from ocikit.sandbox.protocol import Command
from ocikit.spec import canonical_json

# Only the module of the given command is imported. Its `COMMANDS` are functions `(request) -> exit code`.
_MODULES: Mapping[str, str] = MappingProxyType(
    {
        command.name: f"ocikit.sandbox.{module}"
        for module, commands in (
            ("layers", (protocol.LAYER, protocol.ARCHIVE, protocol.ARCHIVED_BASE)),
            ("bases", (protocol.BASE, protocol.BASE_LAYER, protocol.LOCK)),
            ("publish", (protocol.SURVEY, protocol.PUBLISH, protocol.ASK)),
            ("inspect", (protocol.LAYER_FILES, protocol.REMOTE_IMAGES)),
            ("engine", (protocol.ASK_ENGINE, protocol.LOAD)),
            ("distributions", (protocol.DISTRIBUTIONS,)),
            ("manifests", (protocol.MANIFESTS,)),
            ("tool", (protocol.TOOL,)),
        )
        for command in commands
    }
)
NAMES = tuple(_MODULES)


def run(name: str, request_file: str) -> int:
    """Run the command `name` with the JSON object in `request_file`; returns its exit code."""
    os.environ.update(environment_from_socket(os.environ))
    commands: Mapping[Command, Callable[[Mapping[str, Any]], int]] = import_module(_MODULES[name]).COMMANDS
    function = next(function for command, function in commands.items() if command.name == name)
    return function(canonical_json.loads_object(Path(request_file).read_bytes(), request_file, max_size=None))
