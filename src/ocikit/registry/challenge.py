"""`WWW-Authenticate`: the challenges of a registry, and the scopes of tokens.

Grammar (RFC 9110, section 11.6.1): a comma separates both challenges and the parameters of one, so a name followed by
"=" is a parameter of the challenge before it, and any other name starts one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"{_TOKEN}(?=[\s,]|$)(?![ \t]*=)")
_TOKEN68 = re.compile(r"[ \t]+[0-9A-Za-z._~+/-]+=*[ \t]*(?=,|$)")
# Servers send addresses without quotes, which the grammar forbids.
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.DOTALL)
_SEPARATOR = re.compile(r"[\s,]*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Challenge:
    """One way to authenticate: scheme and names of parameters in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read a header, or several joined by commas; invalid parts are skipped.

    >>> parse_challenges('Bearer realm="https://auth.example/token",service="r"')[0].parameters["service"]
    'r'
    """
    challenges: list[Challenge] = []
    parameters: dict[str, str] = {}
    position = _skip(header, 0)
    while position < len(header):
        parameter = _PARAMETER.match(header, position)
        scheme = _SCHEME.match(header, position)
        if parameter:
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            position = parameter.end()
        elif scheme:
            parameters = {}
            challenges.append(Challenge(scheme.group().lower(), MappingProxyType(parameters)))
            token68 = _TOKEN68.match(header, scheme.end())
            position = token68.end() if token68 else scheme.end()
        else:
            position = _next_comma(header, position)
        position = _skip(header, position)
    return tuple(challenges)


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """The challenge to answer: Bearer, which sends the registry no password, before Basic."""
    by_scheme = {challenge.scheme: challenge for challenge in reversed(tuple(challenges))}
    return by_scheme.get("bearer") or by_scheme.get("basic")


def repository_scope(path: str, *, push: bool) -> str:
    """The scope that a token needs. Source: Docker's "Token scope documentation".

    >>> repository_scope("shop/web", push=True)
    'repository:shop/web:pull,push'
    """
    return f"repository:{path}:pull,push" if push else f"repository:{path}:pull"


def merge_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """One scope per resource, sorted, with the union of its actions; a text may hold several, separated by spaces.

    >>> merge_scopes(["repository:a:pull", "repository:a:push repository:b:pull"])
    ('repository:a:pull,push', 'repository:b:pull')
    """
    actions = _actions(" ".join(scopes).split())
    return tuple(f"{resource}:{','.join(sorted(actions[resource]))}" for resource in sorted(actions))


def covers(granted: Iterable[str], needed: Iterable[str]) -> bool:
    """Whether a token for the scopes `granted` serves for `needed`; both as `merge_scopes` returns them.

    >>> covers(["repository:a:pull,push", "repository:b:pull"], ["repository:a:pull"])
    True
    """
    allowed = _actions(granted)
    return all(actions <= allowed.get(resource, set()) for resource, actions in _actions(needed).items())


def _actions(scopes: Iterable[str]) -> dict[str, set[str]]:
    actions: dict[str, set[str]] = {}
    for scope in scopes:
        resource, _, allowed = scope.rpartition(":")
        actions.setdefault(resource, set()).update(allowed.split(","))
    return actions


def _skip(header: str, position: int) -> int:
    separator = _SEPARATOR.match(header, position)
    return separator.end() if separator else position


def _next_comma(header: str, position: int) -> int:
    comma = header.find(",", position)
    return len(header) if comma < 0 else comma
