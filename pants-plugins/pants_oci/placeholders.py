"""Placeholders in `repository` and `image_tags`. Pure: the caller provides the values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pants.engine.addresses import Address

from ocikit.errors import InvalidInput

ADDRESS_PLACEHOLDERS = ("name", "directory", "parent_directory", "full_directory")
GIT_PLACEHOLDERS = ("git.sha", "git.short_sha", "git.branch", "git.tag")
DIGEST_PLACEHOLDER = "digest"
ENV_PREFIX = "env."

PLACEHOLDERS_HELP = (
    "Placeholders: "
    + ", ".join(f"`{{{name}}}`" for name in (*ADDRESS_PLACEHOLDERS, *GIT_PLACEHOLDERS, DIGEST_PLACEHOLDER, "env.NAME"))
    + " (`{digest}` is the first 12 hex digits of the image's digest)."
)

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def placeholders_in(templates: Iterable[str]) -> tuple[str, ...]:
    """The names between braces, each once, in order of first use."""
    return tuple(dict.fromkeys(n for text in templates for n in _PLACEHOLDER.findall(text)))


def address_values(address: Address) -> dict[str, str]:
    """The values that come from a target's address."""
    parts = address.spec_path.split("/")
    return {
        "name": address.target_name,
        "directory": parts[-1],
        "parent_directory": parts[-2] if len(parts) > 1 else "",
        "full_directory": address.spec_path,
    }


def fill(template: str, values: Mapping[str, str | None]) -> str:
    """Replace each `{placeholder}`; raises InvalidInput for one that is unknown, empty or unbalanced.

    A value of None means that the placeholder exists and has no value here.
    """

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        value = values.get(name)
        if value:
            return value
        if name in values or name.startswith(ENV_PREFIX):
            raise InvalidInput(f'"{template}": the placeholder {{{name}}} cannot be filled: {_why_empty(name)}.')
        raise InvalidInput(
            f'"{template}": there is no placeholder {{{name}}}; available: '
            f"{', '.join(sorted({*_known(values), 'env.NAME'}))}."
        )

    if set("{}") & set(_PLACEHOLDER.sub("", template)):
        raise InvalidInput(f'"{template}": unbalanced brace.')
    return _PLACEHOLDER.sub(replace, template)


def _known(values: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(name for name in values if not name.startswith(ENV_PREFIX))


def _why_empty(name: str) -> str:
    if name.startswith(ENV_PREFIX):
        return f"the environment variable {name[len(ENV_PREFIX) :]} is not set"
    return {
        "git.branch": "no branch is checked out",
        "git.tag": "the commit that is checked out has no tag",
        "git.sha": "this is not a Git repository, or it has no commit",
        "git.short_sha": "this is not a Git repository, or it has no commit",
        "directory": "the target is in the build root",
        "parent_directory": "the target's directory has no parent in the build root",
        "full_directory": "the target is in the build root",
    }.get(name, "it has no value here")
