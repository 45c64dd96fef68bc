from __future__ import annotations

import inspect

import pytest

from ocikit import errors
from ocikit.errors import Denied, OcikitError, RegistryError


def _classes() -> list[type[Exception]]:
    return [value for _, value in inspect.getmembers(errors, inspect.isclass)]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {word for word in (errors.__doc__ or "").split() if word.isidentifier()}
    assert {c.__name__ for c in _classes()} <= drawn
    assert all(issubclass(c, OcikitError) for c in _classes())


@pytest.mark.parametrize(
    "code, message, text",
    [
        pytest.param(None, None, "answered 403 (PUT https://h/v2/)", id="status-only"),
        pytest.param("DENIED", None, "answered 403 DENIED (PUT", id="code"),
        pytest.param("DENIED", "no", 'answered 403 DENIED "no" (PUT', id="code-and-message"),
        pytest.param(None, "no", 'answered 403 "no" (PUT', id="message"),
    ],
)
def test_a_registrys_error_says_what_was_answered(code: str | None, message: str | None, text: str) -> None:
    error = Denied(method="PUT", url="https://h/v2/", status=403, code=code, message=message)
    assert text in str(error)
    assert isinstance(error, RegistryError)
