"""`[oci].registries` and `[docker].registries`: aliases, defaults, and where a push target publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ocikit.errors import InvalidInput
from ocikit.publish.request import Destination
from ocikit.registry.options import DEFAULT_OPTIONS, RegistryOptions
from ocikit.spec.image_layout import LAYOUT_SCHEME
from ocikit.spec.reference import is_registry, parse_repository
from pants_oci.errors import error_context
from pants_oci.registry_keys import REGISTRY_KEYS

ALL_DEFAULT_REGISTRIES = "<all default registries>"
DOCKER_HUB = "docker.io"

# The keys that become `RegistryOptions`.
_TEXTS = ("ca_file", "client_certificate", "client_key", "path_prefix")
_LISTS = ("mirrors", "trusted_hosts")
# The keys of the Docker backend's option. `use_local_alias` is for images that Docker builds.
_DOCKER_KEYS = ("address", "default", "repository", "extra_image_tags", "skip_push", "use_local_alias")
_OWN, _DOCKER = "oci", "docker"


@dataclass(frozen=True)
class Registry:
    """One entry of `[oci].registries`, or an address written in a BUILD file."""

    address: str
    alias: str | None = None
    default: bool = False
    repository: str | None = None
    extra_image_tags: tuple[str, ...] = ()
    skip_push: bool = False
    immutable_tags: bool = False
    # The address that nodes pull from, if it is not `address`.
    pull_address: str | None = None
    options: RegistryOptions = DEFAULT_OPTIONS
    # The scope of the option that has the entry.
    scope: str = _OWN

    @property
    def option(self) -> str:
        """The name of its table in `pants.toml`."""
        return _option(self.scope, self.alias)

    @property
    def is_pullable(self) -> bool:
        """Whether nodes can pull images that are published here; they cannot from a directory of layouts."""
        return not (self.pull_address or self.address).startswith(LAYOUT_SCHEME)

    @classmethod
    def from_option(cls, alias: str, table: Any, scope: str = _OWN) -> Registry:
        """Read one table of the option. Raises InvalidInput with its key."""
        where = _option(scope, alias)
        keys = _DOCKER_KEYS if scope == _DOCKER else tuple(REGISTRY_KEYS)
        if not isinstance(table, Mapping):
            raise InvalidInput(f'{where} must be a table with an "address", got {table!r}.')
        unknown = sorted(set(table) - set(keys))
        if unknown:
            raise InvalidInput(f"{where} has the unknown key {', '.join(unknown)}; valid keys: {', '.join(keys)}.")
        address = table.get("address")
        if not isinstance(address, str) or not address:
            raise InvalidInput(f'{where} has no "address", such as "registry.example:5000/team".')
        with error_context(f"{where}.address"):
            address = _address(address)
        return cls(
            address=address,
            alias=alias,
            default=_bool(table.get("default", alias == "default"), f"{where}.default"),
            repository=_text(table.get("repository"), f"{where}.repository"),
            extra_image_tags=_texts(table.get("extra_image_tags", ()), f"{where}.extra_image_tags"),
            skip_push=_bool(table.get("skip_push", False), f"{where}.skip_push"),
            immutable_tags=_bool(table.get("immutable_tags", False), f"{where}.immutable_tags"),
            pull_address=_pull_address(table.get("pull_address"), f"{where}.pull_address"),
            options=_options(table, where),
            scope=scope,
        )

    def destination(self, repository: str) -> Destination:
        """A repository in this registry. Raises InvalidInput for an invalid name."""
        if not self.address.startswith(LAYOUT_SCHEME):
            return Destination(str(parse_repository(f"{self.address}/{repository}")))
        # Names of layouts follow a registry's grammar. With a host in front, all of the name is checked as a path.
        try:
            parse_repository(f"localhost/{repository}")
        except InvalidInput as error:
            raise InvalidInput(str(error).replace("localhost/", "", 1)) from None
        return Destination(f"{self.address}/{repository}")

    def pulled_from(self, repository: str) -> Destination | None:
        """Where nodes pull the repository from; None for a directory of layouts."""
        if not self.is_pullable:
            return None
        return Destination(str(parse_repository(f"{self.pull_address or self.address}/{repository}")))


@dataclass(frozen=True)
class Registries:
    """All configured registries, sorted by address."""

    configured: tuple[Registry, ...]

    @classmethod
    def from_option(cls, tables: Mapping[str, Any], docker_tables: Mapping[str, Any] | None = None) -> Registries:
        registries = [
            *(Registry.from_option(alias, table) for alias, table in tables.items()),
            *(Registry.from_option(alias, table, _DOCKER) for alias, table in (docker_tables or {}).items()),
        ]
        _check_two_of_one(registries)
        _check_two_ways(registries)
        return cls(tuple(sorted(registries, key=lambda registry: registry.address)))

    def select(self, names: Sequence[str]) -> tuple[Registry, ...]:
        """The registries of `names`, each once: aliases, addresses, or the name for all defaults."""
        chosen: dict[str, Registry] = {}
        for text in names:
            for registry in self._named(text):
                chosen.setdefault(registry.address, registry)
        return tuple(chosen.values())

    def of_host(self, host: str) -> Registry:
        """The configured registry with the address `host`, or one with default settings."""
        return next((r for r in self.configured if r.address == host), Registry(host))

    def own_destination(self, repository: str) -> Destination:
        """Where the repository is that nodes pull as `repository`, perhaps from a `pull_address`."""
        own = Destination(repository)
        if any(repository.startswith(f"{registry.address}/") for registry in self.configured):
            return own
        for registry in self.configured:
            front = f"{registry.pull_address}/"
            if registry.pull_address and repository.startswith(front):
                return Destination(f"{registry.address}/{repository[len(front) :]}")
        return own

    def options(self) -> Mapping[str, RegistryOptions]:
        """The options of each registry (host[:port]) that does not have the default ones."""
        return {_host(r): r.options for r in self.configured if r.options != DEFAULT_OPTIONS}

    def _named(self, text: str) -> tuple[Registry, ...]:
        if text == ALL_DEFAULT_REGISTRIES:
            return self._defaults()
        if text.startswith("@"):
            found = tuple(r for r in self.configured if r.alias == text[1:])
            if not found:
                aliases = ", ".join(f"@{r.alias}" for r in self.configured) or "none"
                raise InvalidInput(f'there is no registry "{text}" in [oci].registries; available: {aliases}.')
            return found
        return (self.of_host(_address(text)),)

    def _defaults(self) -> tuple[Registry, ...]:
        if not self.configured:
            return (Registry(DOCKER_HUB),)
        found = tuple(registry for registry in self.configured if registry.default)
        if not found:
            raise InvalidInput(
                "no registry in [oci].registries has `default = true`; "
                "set it for one of them, or name one in `registries`."
            )
        return found


def split_host(repository: str) -> tuple[str | None, str]:
    """`("ghcr.io", "acme/web")` for a repository that begins with a registry's host, else `(None, repository)`."""
    host, slash, rest = repository.partition("/")
    # Docker also takes a name with upper case for a host; in a BUILD file it is a misspelt repository.
    return (host, rest) if slash and is_registry(host.lower()) else (None, repository)


def _address(text: str) -> str:
    """The address of a registry or of a directory of layouts, without a trailing slash."""
    address = text.rstrip("/")
    if address.startswith(LAYOUT_SCHEME) and address != LAYOUT_SCHEME:
        return address
    with suppress(InvalidInput):
        parse_repository(f"{address}/name")
        # A name without a host was parsed as one on Docker Hub.
        if is_registry(address.partition("/")[0]):
            return address
    raise InvalidInput(
        f'"{text}" is not the address of a registry: expected host[:port][/prefix], such as '
        '"registry.example:5000/team", or a directory, "oci:PATH".'
    )


def _pull_address(value: Any, where: str) -> str | None:
    text = _text(value, where)
    if text is None:
        return None
    if text.startswith(LAYOUT_SCHEME):
        raise InvalidInput(f'{where} is "{text}": nodes pull from registries, not from directories.')
    with error_context(where):
        return _address(text)


def _host(registry: Registry) -> str:
    return Destination(registry.address).registry or registry.address


def _options(table: Mapping[str, Any], where: str) -> RegistryOptions:
    texts = {key: text for key in _TEXTS if (text := _text(table.get(key), f"{where}.{key}"))}
    mirrors, trusted_hosts = (_texts(table.get(key, ()), f"{where}.{key}") for key in _LISTS)
    insecure = _bool(table.get("insecure", False), f"{where}.insecure")
    with error_context(where):
        return RegistryOptions(insecure, **texts, mirrors=mirrors, trusted_hosts=trusted_hosts)


def _option(scope: str, alias: str | None) -> str:
    return f"[{scope}.registries.{alias}]"


def _check_two_of_one(registries: Iterable[Registry]) -> None:
    """Raise InvalidInput for two registries with one address, or with one alias in the two options."""
    owners: dict[str, Registry] = {}
    for registry in registries:
        for name, what in ((registry.address, "address"), (f"@{registry.alias}", "alias")):
            other = owners.setdefault(name, registry)
            if other is registry:
                continue
            both = f'{registry.option} and {other.option} have the same {what} "{name.lstrip("@")}"'
            if registry.scope == other.scope:
                raise InvalidInput(f"{both}.")
            raise InvalidInput(
                f"{both}, and [oci].docker_registries uses both: remove it from [oci.registries], or, if it needs keys "
                "that Docker's option lacks, turn docker_registries off and write all registries there."
            )


def _check_two_ways(registries: Iterable[Registry]) -> None:
    first: dict[str, Registry] = {}
    for registry in registries:
        other = first.setdefault(_host(registry), registry)
        if other.options != registry.options:
            raise InvalidInput(
                f"{other.option} and {registry.option} have the same host, {_host(registry)}, and different "
                f"settings for it; give both the same {', '.join(('insecure', *_TEXTS, *_LISTS))}."
            )


def _text(value: Any, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InvalidInput(f"{where} must be a string, got {value!r}.")


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise InvalidInput(f"{where} must be a list of strings, got {value!r}.")


def _bool(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise InvalidInput(f"{where} must be true or false, got {value!r}.")
