"""Credentials where Docker and Podman keep them: configuration files and helper programs.

Files, in this order: `$DOCKER_CONFIG/config.json` (or `$HOME/.docker/config.json`),
`$REGISTRY_AUTH_FILE`, `${XDG_RUNTIME_DIR}/containers/auth.json`. In each: the registry's helper
(`credHelpers`), else the general one (`credsStore`), then `auths`.
Source: "docker login" of the Docker CLI's manual; containers-auth.json(5).
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.registry.secret import Credentials, Lookup, Secret
from ocikit.spec import canonical_json

# The key that `docker login` without a host writes, and that helpers are asked for.
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_DOCKER_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
_ENTRY_KEYS = ("auth", "username", "password", "identitytoken")
_VERSION_SUFFIX = re.compile(r"/v[12]/?$")


class DockerCredentials:
    """A `CredentialSource`: `DockerCredentials(os.environ)(registry, path)`.

    Files are read and helpers run once, when first needed. Raises InvalidInput, which names the file, if one is broken
    or its helper fails.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._files = config_files(environ)
        self._documents: dict[Path, Mapping[str, Any]] = {}
        self._helped: dict[tuple[str, str], Credentials | InvalidInput | None] = {}
        self._lock = threading.Lock()

    def __call__(self, registry: str, path: str) -> Lookup:
        with self._lock:
            for file in self._files:
                document = self._read(file)
                helper = _helper_of(document, registry, file)
                if helper:
                    credentials = self._ask(helper, registry, file)
                    if credentials:
                        return Lookup(credentials, f"docker-credential-{helper} ({file})")
                credentials = find_in_auths(document, registry, path, file)
                if credentials:
                    return Lookup(credentials, str(file))
        searched = ", ".join(map(str, self._files)) or "any place: $HOME is not set"
        return Lookup(None, searched)

    def _read(self, file: Path) -> Mapping[str, Any]:
        if file not in self._documents:
            self._documents[file] = _read_config(file)
        return self._documents[file]

    def _ask(self, helper: str, registry: str, file: Path) -> Credentials | None:
        key = (helper, registry)
        if key not in self._helped:
            # Most configurations have no helper, and the module that runs programs is slow to load.
            from ocikit.registry.credential_helper import ask_helper  # noqa: PLC0415

            server = DOCKER_HUB_KEY if registry == "docker.io" else registry
            try:
                self._helped[key] = ask_helper(helper, server, self._environ, f"{file}")
            except InvalidInput as error:
                # Otherwise a thousand images would wait for it a thousand times, one after the other.
                self._helped[key] = error
        found = self._helped[key]
        if isinstance(found, InvalidInput):
            raise found
        return found


def config_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files to search, in order, whether they exist or not."""
    files: list[Path] = []
    if environ.get("DOCKER_CONFIG"):
        files.append(Path(environ["DOCKER_CONFIG"], "config.json"))
    elif environ.get("HOME"):
        files.append(Path(environ["HOME"], ".docker", "config.json"))
    if environ.get("REGISTRY_AUTH_FILE"):
        files.append(Path(environ["REGISTRY_AUTH_FILE"]))
    if environ.get("XDG_RUNTIME_DIR"):
        files.append(Path(environ["XDG_RUNTIME_DIR"], "containers", "auth.json"))
    return tuple(files)


def find_in_auths(document: Mapping[str, Any], registry: str, path: str, file: Path) -> Credentials | None:
    """The most specific entry of `auths`: host/path, its parents, then the host under any name."""
    entries = {_normalized(key): (key, value) for key, value in _table(document, "auths", file)}
    for name in _names(registry, path):
        if name in entries:
            key, entry = entries[name]
            credentials = _read_entry(entry, f'the entry "{key}" of "auths" in {file}')
            if credentials:
                return credentials
    return None


def _names(registry: str, path: str) -> Iterator[str]:
    parts = path.split("/") if path else []
    for count in range(len(parts), -1, -1):
        yield "/".join([registry, *parts[:count]])


def _normalized(key: str) -> str:
    """host[/path] of a key, without an API version; only the host if the key has a scheme."""
    _, scheme, rest = key.rpartition("://")
    rest = _VERSION_SUFFIX.sub("", rest).rstrip("/")
    host, slash, path = rest.partition("/")
    host = "docker.io" if host in _DOCKER_HUB_NAMES else host
    return host if scheme else f"{host}{slash}{path}"


def _read_entry(entry: Any, what: str) -> Credentials | None:
    # Programs in Go read `null` as empty.
    entry = {} if entry is None else entry
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key) or "", str) for key in _ENTRY_KEYS):
        raise InvalidInput(f"{what} is not an object of strings; run `docker login` again.")
    auth, username, password, token = (entry.get(key) or "" for key in _ENTRY_KEYS)
    if auth:
        username, password = _decode(auth, what)
    if not (username or password or token):
        return None
    return Credentials(username, Secret(password), Secret(token) if token else None)


def _decode(auth: str, what: str) -> tuple[str, str]:
    try:
        # The program `base64` breaks lines, and Docker accepts them.
        text = base64.b64decode(auth.replace("\r", "").replace("\n", ""), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidInput(f'{what}: "auth" is not base64 of user:password; run `docker login` again.') from None
    username, colon, password = text.partition(":")
    if not colon:
        raise InvalidInput(f'{what}: "auth" has no colon between user and password; run `docker login` again.')
    # Old versions of Docker pad the password with zero bytes.
    return username, password.rstrip("\0")


def _helper_of(document: Mapping[str, Any], registry: str, file: Path) -> str | None:
    helpers = {_normalized(key): name for key, name in _table(document, "credHelpers", file)}
    helper = helpers.get(registry, document.get("credsStore"))
    if helper is not None and not isinstance(helper, str):
        raise InvalidInput(f"{file}: expected the name of a credential helper, got {type(helper).__name__}.")
    return helper or None


def _table(document: Mapping[str, Any], key: str, file: Path) -> list[tuple[str, Any]]:
    table = document.get(key) or {}
    if not isinstance(table, dict):
        raise InvalidInput(f'{file}: expected "{key}" to be a JSON object, got {type(table).__name__}.')
    return list(table.items())


def _read_config(file: Path) -> Mapping[str, Any]:
    try:
        data = file.read_bytes()
        # Docker treats an empty file as missing; `REGISTRY_AUTH_FILE=/dev/null` is one.
        return canonical_json.loads_object(data, str(file)) if data else {}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except InvalidContent as error:
        raise InvalidInput(f"{error}. Correct it, or run `docker login` again.") from None
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.") from None
