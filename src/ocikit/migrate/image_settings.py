"""The settings of an image, changed by the instructions of a Dockerfile one after the other."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidInput
from ocikit.migrate import advice
from ocikit.migrate.dockerfile import Instruction
from ocikit.migrate.shell_words import Lookup, expand, key_values
from ocikit.spec import container_settings
from ocikit.whole_number import whole_number

# The PATH that Docker sets in an image without a base.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL = ("/bin/sh", "-c")
_HEALTH_FLAGS = MappingProxyType(
    {"interval": "interval", "timeout": "timeout", "start-period": "start_period", "retries": "retries"}
)
_FORMS = ("CMD", "CMD-SHELL", "NONE")


@dataclass
class ImageSettings:
    """Values for fields of `oci_image`; None and empty: those of the base. Relative paths start at `workdir`."""

    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ports: dict[str, None] = field(default_factory=dict)
    volumes: dict[str, None] = field(default_factory=dict)
    entrypoint: list[str] | None = None
    args: list[str] | None = None
    workdir: str | None = None
    user: str | None = None
    stop_signal: str | None = None
    healthcheck: dict[str, Any] | None = None
    shell: tuple[str, ...] = _SHELL
    # Whether this stage has a CMD: an ENTRYPOINT discards only the CMD of the base.
    has_args: bool = False

    def path(self, text: str, start: str) -> str:
        """`text` as an absolute path; a relative one starts at the working directory, or at `start` if none is set."""
        path = posixpath.normpath(posixpath.join(self.workdir or start, text))
        # In POSIX two leading slashes can mean something else; in Docker they do not.
        return "/" + path.lstrip("/")

    def fields(self) -> dict[str, Any]:
        """The fields of an `oci_image`."""
        return {
            "entrypoint": self.entrypoint,
            "args": self.args,
            "env": self.env or None,
            "workdir": self.workdir,
            "user": self.user,
            "ports": list(self.ports) or None,
            "volumes": list(self.volumes) or None,
            "labels": self.labels or None,
            "stop_signal": self.stop_signal,
            "healthcheck": self.healthcheck,
        }

    def apply(self, instruction: Instruction, lookup: Lookup, escape: str) -> str | None:
        """Apply an instruction and return a hint, if any. Raises InvalidInput, and then nothing changes."""
        apply = getattr(self, f"_{instruction.name.lower()}")
        hint: str | None = apply(instruction, lambda text: expand(text, lookup, escape), escape)
        return hint

    def _env(self, instruction: Instruction, expanded: Any, escape: str) -> None:
        pairs = [(expanded(name), expanded(value)) for name, value in key_values(instruction.text, escape)]
        self.env.update(container_settings.parse_env(dict(pairs)))

    def _label(self, instruction: Instruction, expanded: Any, escape: str) -> None:
        pairs = [(expanded(name), expanded(value)) for name, value in key_values(instruction.text, escape)]
        self.labels.update(container_settings.parse_labels(dict(pairs)))

    def _maintainer(self, instruction: Instruction, _expanded: Any, _escape: str) -> str:
        self.labels["org.opencontainers.image.authors"] = instruction.text
        return 'there is no author field; the label "org.opencontainers.image.authors" is set'

    def _user(self, instruction: Instruction, expanded: Any, _escape: str) -> None:
        self.user = container_settings.parse_user(expanded(instruction.text))

    def _stopsignal(self, instruction: Instruction, expanded: Any, _escape: str) -> None:
        text = expanded(instruction.text)
        # Docker reads "term" as SIGTERM.
        named = text if re.match(r"(?i)sig|\d", text) else f"SIG{text}"
        self.stop_signal = container_settings.parse_stop_signal(text if text == named else named.upper())

    def _expose(self, instruction: Instruction, expanded: Any, _escape: str) -> None:
        words = expanded(instruction.text).split()
        for word in words:
            container_settings.parse_port(word)
        self.ports.update(dict.fromkeys(words))

    def _volume(self, instruction: Instruction, expanded: Any, _escape: str) -> None:
        words = instruction.words()
        paths = [expanded(word) for word in (instruction.text.split() if words is None else words)]
        self.volumes.update(dict.fromkeys(map(container_settings.parse_volume, paths)))

    def _shell(self, instruction: Instruction, _expanded: Any, _escape: str) -> str:
        words = instruction.words()
        if not words:
            raise InvalidInput('expected the JSON form, such as SHELL ["/bin/bash", "-c"]')
        self.shell = words
        return "the shell is written out in commands of the shell form; the image itself does not name it"

    def _cmd(self, instruction: Instruction, _expanded: Any, _escape: str) -> None:
        self.args = self._command(instruction)
        self.has_args = True

    def _entrypoint(self, instruction: Instruction, _expanded: Any, _escape: str) -> None:
        self.entrypoint = self._command(instruction)
        if not self.has_args:
            self.args = None

    def _healthcheck(self, instruction: Instruction, _expanded: Any, _escape: str) -> str | None:
        kind, _, text = instruction.text.partition(" ")
        if kind.upper() == "NONE" and not text.strip():
            self.healthcheck = {"test": "NONE"}
            return None
        if kind.upper() != "CMD" or not text.strip():
            raise InvalidInput("expected HEALTHCHECK NONE or HEALTHCHECK [OPTIONS] CMD COMMAND")
        inner = Instruction("CMD", instruction.line, text.strip())
        health: dict[str, Any] = {"test": self._test(inner)}
        for name, value in instruction.flags:
            if name == "start-interval":
                continue
            if name not in _HEALTH_FLAGS:
                raise InvalidInput(f"unknown option --{name}; valid options: --{', --'.join(_HEALTH_FLAGS)}")
            retries = whole_number(value)
            if name == "retries" and retries is None:
                raise InvalidInput(f'--retries: expected a whole number, got "{value}"')
            health[_HEALTH_FLAGS[name]] = retries if name == "retries" else value
        container_settings.parse_healthcheck(health)
        self.healthcheck = health
        return advice.START_INTERVAL if instruction.flag("start-interval") else None

    def _test(self, command: Instruction) -> Any:
        words = command.words()
        if words is not None:
            return ["CMD", *words] if words and words[0] in _FORMS else list(words)
        if self.shell != _SHELL:
            return ["CMD", *self.shell, command.text]
        return ["CMD-SHELL", command.text] if command.text == "NONE" else command.text

    def _command(self, instruction: Instruction) -> list[str]:
        words = instruction.words()
        return [*self.shell, instruction.text] if words is None else list(words)
