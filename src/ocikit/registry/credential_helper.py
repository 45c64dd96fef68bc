"""Credential helpers: programs called `docker-credential-NAME`.

`get` reads a server's name on standard input and writes `{"Username": …, "Secret": …}`.
Source: docker-credential-helpers, "Development".
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping

from ocikit import canonical_json, program
from ocikit.errors import InvalidContent, InvalidInput
from ocikit.registry.secret import Credentials, Secret

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECONDS = 60.0
# A token has some kilobytes.
_MOST_OUTPUT = 1024 * 1024
# The helpers' own words, on standard output, with an exit code that is not zero.
_NOTHING_FOUND = ("credentials not found", "no credentials server url", "no credentials username")
# The user name of a secret that is an identity token.
_TOKEN_USER = "<token>"


def ask_helper(
    name: str, server: str, environ: Mapping[str, str], named_in: str, seconds: float = _SECONDS
) -> Credentials | None:
    """What the helper `name` has for `server`, None where it has nothing.

    It is looked for on `environ`'s PATH and runs in that environment; `named_in` is the file that
    wants it. Raises InvalidInput where it is missing, fails, or says what cannot be understood.
    """
    helper = f"docker-credential-{name}"
    path = shutil.which(helper, path=environ.get("PATH", "")) if _NAME.fullmatch(name) else None
    if path is None:
        raise InvalidInput(
            f'{named_in} wants the credential helper "{helper}", which is not on PATH '
            f'("{environ.get("PATH", "")}"). Install it, or take it out of that file.'
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
        raise InvalidInput(f"expected an answer of {path}, but {error} ({named_in}).") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be run: {error.strerror} ({named_in}).") from None
    if done.returncode != 0:
        _check_nothing_found(path, done.returncode, done.stdout, named_in)
        return None
    return _read_answer(path, done.stdout, named_in)


def _check_nothing_found(path: str, code: int, output: bytes, named_in: str) -> None:
    text = " ".join(output.decode("utf-8", "replace").split())
    if any(words in text.lower() for words in _NOTHING_FOUND):
        return
    # What looks like an answer may hold a secret.
    said = f' and said "{text[:200]}"' if text and "{" not in text else ""
    raise InvalidInput(f"{path} failed with exit code {code}{said} ({named_in}).")


def _read_answer(path: str, output: bytes, named_in: str) -> Credentials | None:
    try:
        document = canonical_json.loads_object(output, f"the answer of {path}")
    except InvalidContent as error:
        raise InvalidInput(f"{error} ({named_in}).") from None
    username, secret = document.get("Username", ""), document.get("Secret", "")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise InvalidInput(f'the answer of {path} has no text "Username" or "Secret" ({named_in}).')
    if not secret:
        return None
    if username == _TOKEN_USER:
        return Credentials("", Secret(""), Secret(secret))
    return Credentials(username, Secret(secret))
