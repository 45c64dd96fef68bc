"""Real error responses of registries, token servers and proxies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import NotFound, RegistryError
from ocikit.registry.error_response import advice_on, failure, is_immutable_tag, read_error, read_warnings
from ocikit.registry.http import Request, Response

_REQUEST = Request("PUT", "https://r.example/v2/a/manifests/1.0")


def _answer(body: Any, status: int = 400, content_type: str = "application/json") -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(_REQUEST, status, {"content-type": content_type}, data)


@pytest.mark.parametrize(
    "body, expected",
    [
        pytest.param(
            {"errors": [{"code": "DENIED", "message": "no", "detail": {"a": 1}}, {"code": "SECOND"}]},
            ("DENIED", "no"),
            id="oci",
        ),
        pytest.param({"errors": [{"code": "UNKNOWN"}]}, ("UNKNOWN", None), id="oci-without-a-message"),
        pytest.param({"errors": [{"code": "A", "message": "", "detail": "why"}]}, ("A", "why"), id="oci-detail-alone"),
        pytest.param({"errors": [{"status": 403, "message": "Forbidden"}]}, (None, "Forbidden"), id="artifactory"),
        pytest.param(
            {"errors": [{"code": "PRECONDITION", "message": "x is configured as immutable"}]},
            ("PRECONDITION", "x is configured as immutable"),
            id="harbor",
        ),
        pytest.param({"message": "Not Found", "documentation_url": "u"}, (None, "Not Found"), id="github"),
        pytest.param(
            {"error": {"code": 403, "message": "denied", "status": "PERMISSION_DENIED"}},
            ("PERMISSION_DENIED", "denied"),
            id="google",
        ),
        pytest.param(
            {"__type": "ImageTagAlreadyExistsException", "message": "tag"},
            ("ImageTagAlreadyExistsException", "tag"),
            id="amazon",
        ),
        pytest.param({"error": "invalid_grant", "error_description": "no"}, ("invalid_grant", "no"), id="oauth"),
        pytest.param({"error": "insufficient scope"}, (None, "insufficient scope"), id="quay"),
        pytest.param({"details": "incorrect username or password"}, (None, "incorrect username or password"), id="hub"),
        pytest.param({"errors": {"code": "A", "message": "b"}}, ("A", "b"), id="not-a-list"),
        pytest.param({"errors": ["only a text"]}, (None, "only a text"), id="list-of-texts"),
        pytest.param({"errors": []}, (None, None), id="none"),
        pytest.param("only a text", (None, "only a text"), id="text"),
        pytest.param([1], (None, None), id="list"),
        pytest.param(b"404 page not found\n", (None, "404 page not found"), id="plain"),
        pytest.param(b"<html>Nexus</html>", (None, "an HTML page, not a registry's response"), id="html"),
        pytest.param(b"", (None, None), id="nothing"),
        pytest.param(b"\xff\x00", (None, "\ufffd\\x00"), id="bytes"),
    ],
)
def test_dialects(body: Any, expected: Any) -> None:
    assert read_error(_answer(body)) == expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "error", "code", "message"]), inner),
)


@given(_JSON)
def test_any_json_is_read(body: Any) -> None:
    code, message = read_error(_answer(body))
    assert code is None or code.isprintable()
    assert message is None or message.isprintable()


@pytest.mark.parametrize(
    "status, body, immutable",
    [
        pytest.param(
            400,
            {
                "errors": [
                    {
                        "code": "TAG_INVALID",
                        "message": "The image tag '1' already exists in the 'a' repository and cannot be "
                        "overwritten because the tag is immutable.",
                    }
                ]
            },
            True,
            id="ecr",
        ),
        pytest.param(400, {"__type": "ImageTagAlreadyExistsException", "message": "x"}, True, id="ecr-api"),
        pytest.param(400, {"errors": [{"code": "TAG_ALREADY_EXISTS"}]}, True, id="code"),
        pytest.param(409, {"errors": [{"code": "CONFLICT", "message": "tag 1 is immutable"}]}, True, id="conflict"),
        pytest.param(
            412,
            {"errors": [{"code": "PRECONDITION", "message": "Failed to process: 'a:1' configured as immutable."}]},
            True,
            id="harbor",
        ),
        pytest.param(
            400,
            {"errors": [{"code": "MANIFEST_INVALID", "message": "tag 1 is immutable and cannot be moved"}]},
            True,
            id="google",
        ),
        pytest.param(400, {"message": "Repository does not allow updating assets: docker"}, True, id="nexus"),
        pytest.param(409, {"errors": [{"code": "TAG_INVALID", "message": "upload in progress"}]}, False, id="busy"),
        pytest.param(403, {"errors": [{"code": "DENIED", "message": "no"}]}, False, id="denied"),
        pytest.param(500, {"message": "immutable"}, False, id="broken"),
    ],
)
def test_immutable_tags(status: int, body: Any, immutable: bool) -> None:
    assert is_immutable_tag(failure(_answer(body, status), "201")) is immutable


def test_other_errors_are_not_about_tags() -> None:
    assert not is_immutable_tag(NotFound("immutable"))
    read = RegistryError(method="GET", url="u", status=409, message="immutable")
    assert not is_immutable_tag(read)


@given(st.text())
def test_any_warning_is_read(text: str) -> None:
    assert all(shown.isprintable() for shown in read_warnings(text))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=100))
def test_a_warning_is_read_back(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert read_warnings(f'299 - "{quoted}"') == (text,)


@pytest.mark.parametrize(
    "method, url, status, advice",
    [
        pytest.param("POST", "https://r.example/v2/a/blobs/uploads/", 405, "read-only, or a mirror", id="read-only"),
        pytest.param("GET", "https://r.example/v2/", 405, None, id="not-even-read"),
        pytest.param("HEAD", "http://localhost/v2/a/manifests/b", 400, "`ca_file`", id="plain-text"),
        pytest.param("HEAD", "https://r.example/v2/a/manifests/b", 400, None, id="tls"),
    ],
)
def test_advice(method: str, url: str, status: int, advice: str | None) -> None:
    found = advice_on(Response(Request(method, url), status))
    assert found is advice is None or str(advice) in str(found)
