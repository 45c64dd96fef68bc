"""Credential helpers: programs called `docker-credential-NAME`.

`get` reads the name of a server on standard input and writes `{"Username": …, "Secret": …}`. Source:
docker-credential-helpers, "Development".
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping

from ocikit import program
from ocikit.errors import InvalidContent, InvalidInput
from ocikit.printable import printable
from ocikit.registry.scrubber import LONGEST, Scrubber
from ocikit.registry.secret import Credentials, Secret
from ocikit.spec import canonical_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECONDS = 60.0
# A token has some kilobytes.
_MOST_OUTPUT = 1024 * 1024
# Helpers print these on standard output and exit with a nonzero code.
_NOTHING_FOUND = ("credentials not found", "no credentials server url", "no credentials username")
_LONGEST_NAME = 100
_LONGEST_MESSAGE = 200
# A helper's message may contain shorter values of variables by chance, and values of the known variables for good
# reasons.
_SHORTEST_VALUE = 6
_KNOWN_VARIABLES = (
    *("PATH", "HOME", "USER", "LOGNAME", "HOSTNAME", "PWD", "OLDPWD", "SHELL", "TERM", "TMPDIR", "LANG", "LANGUAGE"),
    *("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"),
)
# The user name that marks a secret as an identity token.
_TOKEN_USER = "<token>"


def ask_helper(
    name: str, server: str, environ: Mapping[str, str], named_in: str, seconds: float = _SECONDS
) -> Credentials | None:
    """The credentials that the helper `name` has for `server`; None if it has none.

    The helper is looked up on `environ`'s PATH and runs in that environment; `named_in` is the file that names it.
    Raises InvalidInput if it is missing, fails, or prints an invalid answer.
    """
    helper = f"docker-credential-{name}"
    path = shutil.which(helper, path=environ.get("PATH", "")) if _NAME.fullmatch(name) else None
    if path is None:
        raise InvalidInput(
            f'{named_in} names the credential helper "{helper[:_LONGEST_NAME]}", which is not on PATH. '
            "Install it, or remove it from that file."
        )
    try:
        done = program.run(
            [path, "get"],
            seconds=seconds,
            data=(server.encode(),),
            most_output=_MOST_OUTPUT,
            environ=environ,
        )
    except program.Unfinished as error:
        raise InvalidInput(f"expected an answer from {path}, but {error} ({named_in}).") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be run: {error.strerror} ({named_in}).") from None
    if done.returncode != 0:
        _check_nothing_found(path, done.returncode, done.stdout, environ, named_in)
        return None
    return _read_answer(path, done.stdout, named_in)


def _check_nothing_found(path: str, code: int, output: bytes, environ: Mapping[str, str], named_in: str) -> None:
    text = output[: 2 * LONGEST].decode("utf-8", "replace")
    if any(words in " ".join(text.lower().split()) for words in _NOTHING_FOUND):
        return
    # Output that looks like an answer may hold a secret. So may the environment of the helper.
    known = Scrubber()
    known.learn(*(Secret(value) for name, value in environ.items() if _is_secret(name, value)))
    shown = "" if "{" in text else printable(" ".join(known.scrubbed(text).split()), _LONGEST_MESSAGE)
    said = f' and said "{shown}"' if shown else ""
    raise InvalidInput(f"{path} failed with exit code {code}{said} ({named_in}).")


def _is_secret(name: str, value: str) -> bool:
    return len(value) >= _SHORTEST_VALUE and name not in _KNOWN_VARIABLES and not name.startswith("LC_")


def _read_answer(path: str, output: bytes, named_in: str) -> Credentials | None:
    try:
        document = canonical_json.loads_object(output, f"the answer of {path}")
    except InvalidContent as error:
        raise InvalidInput(f"{error} ({named_in}).") from None
    username, secret = document.get("Username", ""), document.get("Secret", "")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise InvalidInput(f'the answer of {path} has no string "Username" or "Secret" ({named_in}).')
    if not secret:
        return None
    if username == _TOKEN_USER:
        return Credentials("", Secret(""), Secret(secret))
    return Credentials(username, Secret(secret))
