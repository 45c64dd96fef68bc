"""The image config: how to run a container, and the layers it consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec import canonical_json, schema
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform

EPOCH = "1970-01-01T00:00:00Z"

_EMPTY: tuple[Any, ...] = (None, {}, [], (), "")

# Spec: image-spec v1.1.1, config.md#properties; Docker Image Specification v1.2 for Healthcheck, OnBuild and Shell.
_CONTAINER = schema.members(
    Cmd=schema.TEXTS,
    Entrypoint=schema.TEXTS,
    Env=schema.TEXTS,
    ExposedPorts=schema.MapOf(),
    Healthcheck=schema.members(Test=schema.TEXTS),
    Labels=schema.TEXT_MAP,
    OnBuild=schema.TEXTS,
    Shell=schema.TEXTS,
    StopSignal=schema.TEXT,
    User=schema.TEXT,
    Volumes=schema.MapOf(),
    WorkingDir=schema.TEXT,
)
_HISTORY = schema.members(created=schema.TEXT, created_by=schema.TEXT, comment=schema.TEXT, empty_layer=schema.FLAG)
_CONFIG = schema.members(
    ("architecture", "os"),
    architecture=schema.TEXT,
    os=schema.TEXT,
    variant=schema.TEXT,
    created=schema.TEXT,
    config=_CONTAINER,
    history=schema.ListOf(_HISTORY),
    rootfs=schema.members(type=schema.TEXT, diff_ids=schema.TEXTS),
)


@dataclass(frozen=True)
class History:
    """One line of an image's history. `created` is a time in RFC 3339, by default 1970.

    `empty_layer`: the step added no layer. Spec: image-spec v1.1.1, config.md#properties, "history".
    """

    created_by: str
    empty_layer: bool = False
    created: str = EPOCH
    comment: str | None = None

    def to_json(self) -> dict[str, Any]:
        """An item of `history` in an image config."""
        document: dict[str, Any] = {"created": self.created, "created_by": self.created_by}
        if self.comment:
            document["comment"] = self.comment
        if self.empty_layer:
            document["empty_layer"] = True
        return document


@dataclass(frozen=True)
class Healthcheck:
    """How an engine checks the health of a container.

    `test` is ("CMD", word, …), ("CMD-SHELL", command) or ("NONE",), which disables the check of the base. Durations are
    in nanoseconds; 0 is the engine's default. `ocikit.spec.container_settings.parse_healthcheck` reads and checks one.
    Source: Docker Image Specification v1.2, "Healthcheck".
    """

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    retries: int = 0

    def to_json(self) -> dict[str, Any]:
        """The `Healthcheck` object of an image config."""
        numbers = {
            "Interval": self.interval,
            "Timeout": self.timeout,
            "StartPeriod": self.start_period,
            "Retries": self.retries,
        }
        return {"Test": list(self.test), **{key: n for key, n in numbers.items() if n}}


@dataclass(frozen=True)
class ContainerSettings:
    """How a container runs. None leaves what the base has, and so do empty `env`, `ports`, `volumes` and `labels`.

    Values are as in an image config, and not checked: `ocikit.spec.container_settings` checks what people write.
    `entrypoint` and `args` are words: OCI's `Entrypoint` and `Cmd`. `ports` are "8080/tcp", `volumes` and `workdir` are
    absolute paths, `user` is "name", "uid" or "uid:gid", `stop_signal` is "SIGTERM".
    Spec: image-spec v1.1.1, config.md#properties, "config".
    """

    entrypoint: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    workdir: str | None = None
    user: str | None = None
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    stop_signal: str | None = None
    healthcheck: Healthcheck | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "env", MappingProxyType(dict(self.env)))
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))

    def over(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """The `config` object of an image on a base with the `config` object `base`.

        The rules are Docker's. Variables, labels, ports and volumes are merged; other settings replace those of the
        base. A new entrypoint discards the arguments of the base; an empty tuple discards its entrypoint, too. Unknown
        keys are kept.
        """
        merged: dict[str, Any] = dict(base)
        if self.entrypoint is not None:
            merged["Entrypoint"] = list(self.entrypoint)
            merged.pop("Cmd", None)
        if self.args is not None:
            merged["Cmd"] = list(self.args)
        variables = {entry.partition("=")[0]: entry for entry in base.get("Env") or ()}
        variables.update((name, f"{name}={value}") for name, value in self.env.items())
        merged["Env"] = list(variables.values())
        merged["Labels"] = {**(base.get("Labels") or {}), **self.labels}
        merged["ExposedPorts"] = {**(base.get("ExposedPorts") or {}), **{p: {} for p in self.ports}}
        merged["Volumes"] = {**(base.get("Volumes") or {}), **{v: {} for v in self.volumes}}
        if self.workdir is not None:
            merged["WorkingDir"] = self.workdir
        if self.user is not None:
            merged["User"] = self.user
        if self.stop_signal is not None:
            merged["StopSignal"] = self.stop_signal
        if self.healthcheck is not None:
            merged["Healthcheck"] = self.healthcheck.to_json()
        return {key: value for key, value in merged.items() if value not in _EMPTY}


@dataclass(frozen=True)
class ImageConfig:
    """An image config: its exact bytes, and the parsed document.

    The digest of `data` is the image ID. `document` is the parsed JSON, read-only. Make one with `of` or `parse`.
    Spec: image-spec v1.1.1, config.md.
    """

    data: bytes
    document: Mapping[str, Any] = field(compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "document", canonical_json.frozen(self.document))

    @classmethod
    def of(
        cls,
        platform: Platform,
        container: Mapping[str, Any],
        diff_ids: tuple[Digest, ...],
        history: tuple[Mapping[str, Any], ...],
    ) -> ImageConfig:
        """Serialise a new config.

        `container` is its `config` object. `diff_ids` are the digests of the uncompressed layers, the lowest first.
        `history` has the lines of the history as JSON objects.
        """
        document = {
            "created": EPOCH,
            **platform.to_json(),
            "config": container,
            "rootfs": {"type": "layers", "diff_ids": [str(diff_id) for diff_id in diff_ids]},
            "history": history,
        }
        return cls(canonical_json.dumps(document), document)

    @classmethod
    def parse(cls, data: bytes) -> ImageConfig:
        """Read an image config of OCI or Docker. Raises InvalidContent."""
        document = canonical_json.loads_object(data, "the image config")
        schema.check(document, _CONFIG, "the image config")
        for key in _CONFIG.required:
            if not document[key]:
                raise InvalidContent(f'the image config: "{key}" is empty.')
        try:
            for diff_id in (document.get("rootfs") or {}).get("diff_ids") or ():
                Digest.parse(diff_id)
        except InvalidInput as error:
            raise InvalidContent(f"the image config's diff_ids: {error}") from None
        return cls(data, document)

    @property
    def platform(self) -> Platform:
        """What the image runs on."""
        return Platform.from_json(self.document)

    @property
    def container(self) -> Mapping[str, Any]:
        """The `config` object, such as {"Env": […]}; empty if there is none."""
        return self.document.get("config") or {}

    @property
    def history(self) -> tuple[Mapping[str, Any], ...]:
        """The lines of the history as JSON objects, the oldest first."""
        return self.document.get("history") or ()

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        """The digests of the uncompressed layers, the lowest first. Spec: image-spec v1.1.1, config.md#layer-diffid."""
        rootfs = self.document.get("rootfs") or {}
        return tuple(Digest.parse(text) for text in rootfs.get("diff_ids") or ())
