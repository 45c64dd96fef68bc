from __future__ import annotations

import hashlib
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.printable import printable
from ocikit.spec import digest as digest_module
from ocikit.spec.digest import Digest, verified

# image-spec v1.1.1, descriptor.md#digests: its own example.
EXAMPLE = "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(EXAMPLE, id="sha256"),
        pytest.param("sha512:" + "a1" * 64, id="sha512"),
    ],
)
def test_parse(text: str) -> None:
    assert str(Digest.parse(text)) == text


@pytest.mark.parametrize(
    "text, reason",
    [
        pytest.param("", "expected", id="empty"),
        pytest.param("6c3c624b", "expected", id="no-algorithm"),
        pytest.param("sha256:", "64 lower-case hex digits", id="no-digits"),
        pytest.param(EXAMPLE[:-1], "64 lower-case hex digits", id="63-digits"),
        pytest.param(EXAMPLE + "0", "64 lower-case hex digits", id="65-digits"),
        pytest.param(EXAMPLE + "\n", "64 lower-case hex digits", id="newline"),
        pytest.param("sha256:" + "A1" * 32, "lower-case", id="upper-case"),
        pytest.param("sha256:" + "g1" * 32, "hex digits", id="not-hex"),
        pytest.param("SHA256:" + "a1" * 32, "one of sha256, sha512", id="algorithm-upper-case"),
        pytest.param("md5:" + "a1" * 16, "one of sha256, sha512", id="algorithm-unknown"),
        pytest.param(":" + "a1" * 32, "one of sha256, sha512", id="algorithm-empty"),
        pytest.param("sha256:../../../etc/passwd", "hex digits", id="path"),
    ],
)
def test_parse_refuses(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Digest.parse(text)
    assert f'"{printable(text)}" is not a digest' in str(error.value)
    assert reason in str(error.value)


def test_of() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert str(Digest.of(b"")) == f"sha256:{empty}"
    assert str(Digest.of(b"a", "sha512")) == f"sha512:{hashlib.sha512(b'a').hexdigest()}"


@given(st.text())
def test_any_text_is_a_digest_or_invalid_input(text: str) -> None:
    with suppress(InvalidInput):
        assert str(Digest.parse(text)) == text


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_verified_gives_the_content(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_module, "CHUNK_SIZE", 3)
    chunks = list(verified(BytesIO(b"content"), Digest.of(b"content", algorithm), 7, "it"))
    assert chunks == [b"con", b"ten", b"t"]


@pytest.mark.parametrize(
    "data, size, reason",
    [
        pytest.param(b"conten", 7, "it: expected 7 bytes, got 6", id="short"),
        pytest.param(b"content!", 7, "it: expected 7 bytes, got more", id="long"),
        pytest.param(b"CONTENT", 7, "it: expected sha256:", id="other"),
        pytest.param(b"", 7, "got 0", id="empty"),
    ],
)
def test_verified_refuses(data: bytes, size: int, reason: str) -> None:
    with pytest.raises(InvalidContent, match=reason):
        list(verified(BytesIO(data), Digest.of(b"content"), size, "it"))


def test_verified_stops_reading_after_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_module, "CHUNK_SIZE", 4)
    stream = BytesIO(b"x" * 1000)
    with pytest.raises(InvalidContent):
        list(verified(stream, Digest.of(b"x"), 1, "it"))
    assert stream.tell() == 4
