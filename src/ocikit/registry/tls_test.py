"""TLS and proxies: trusted authorities, client certificates, and error messages."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ocikit.errors import InvalidInput, NetworkError, Untrusted
from ocikit.registry.auth import Access
from ocikit.registry.client import RegistryClient
from ocikit.registry.http import Request
from ocikit.registry.options import RegistryOptions
from ocikit.registry.tls import BUNDLES

_NEW = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2", "-nodes")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The request line, the Host header and the proxy's password of every request.
    seen: list[tuple[str, str | None, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.requestline, self.headers["Host"], self.headers["Proxy-Authorization"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Tests read `seen`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Tests expect handshakes that fail."""


class _ServerOn6(_Server):
    address_family = socket.AF_INET6


@contextlib.contextmanager
def _serving(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[tuple[int, type[_Handler]]]:
    handler = type("Handler", (_Handler,), {"seen": []})
    server = (_ServerOn6 if ":" in host else _Server)((host, 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return _pair(tmp_path_factory.mktemp("server"), "subjectAltName=DNS:localhost,IP:127.0.0.1")


@pytest.fixture(scope="module")
def client_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return _pair(tmp_path_factory.mktemp("client"), "extendedKeyUsage=clientAuth")


def _pair(folder: Path, extension: str) -> tuple[str, str]:
    """A self-signed certificate and its key."""
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    command = (*_NEW, "-subj", "/CN=localhost", "-addext", extension, "-keyout", key, "-out", certificate)
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def _tls(server_files: tuple[str, str], client_certificate: str | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server_files)
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_certificate)
    return context


def _ping(port: int, options: RegistryOptions, host: str = "127.0.0.1") -> None:
    with RegistryClient(f"{host}:{port}", options=options, scheme="https", sleep=lambda seconds: None) as client:
        client.ping()


@pytest.mark.parametrize("variable", BUNDLES)
def test_an_own_authority(server_files: tuple[str, str], monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    for name in BUNDLES:
        monkeypatch.delenv(name, raising=False)
    with _serving(_tls(server_files)) as (port, _):
        with pytest.raises(Untrusted, match=r"the certificate is not trusted: self[- ]signed certificate"):
            _ping(port, RegistryOptions())
        _ping(port, RegistryOptions(ca_file=server_files[0]))
        monkeypatch.setenv(variable, server_files[0])
        _ping(port, RegistryOptions())
    with _serving(_tls(server_files), host="127.0.0.2") as (port, _), pytest.raises(Untrusted, match="127.0.0.2"):
        _ping(port, RegistryOptions(), host="127.0.0.2")


def test_a_client_certificate(server_files: tuple[str, str], client_files: tuple[str, str]) -> None:
    options = RegistryOptions(ca_file=server_files[0])
    shown = RegistryOptions(False, server_files[0], *client_files)
    with _serving(_tls(server_files, client_files[0])) as (port, _):
        _ping(port, shown)
        with pytest.raises(Untrusted, match="the client certificate is not accepted"):
            _ping(port, options)


def test_a_client_certificate_is_for_its_registry_alone(
    server_files: tuple[str, str], client_files: tuple[str, str]
) -> None:
    shown = RegistryOptions(False, server_files[0], *client_files)
    with _serving(_tls(server_files, client_files[0])) as (port, handler):
        client = RegistryClient("r.example", options=shown, sleep=lambda seconds: None)
        with client, pytest.raises(NetworkError):
            client.ask(Request("GET", f"https://127.0.0.1:{port}/v2/"), Access(), 200)
        assert handler.seen == []


@pytest.mark.parametrize("error", [ssl.SSLEOFError(), BrokenPipeError(), ConnectionResetError(104, "reset")])
def test_the_alert_of_a_server_that_has_closed_the_connection(
    server_files: tuple[str, str], client_files: tuple[str, str], monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """With TLS 1.3 the server may reject the certificate before the client sends its request, or afterwards."""

    def send(*arguments: object) -> int:
        raise error

    monkeypatch.setattr(ssl.SSLSocket, "send", send)
    options = RegistryOptions(ca_file=server_files[0])
    expected = pytest.raises(Untrusted, match="the client certificate is not accepted .*; check `client_certificate`")
    with _serving(_tls(server_files, client_files[0])) as (port, _), expected:
        _ping(port, options)


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "nonsense"])
def test_invalid_files(field: str, content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "file.pem"
    if content:
        path.write_text(content)
    with pytest.raises(InvalidInput, match=r"in PEM format in .*file\.pem"):
        _ping(1, RegistryOptions.from_json({field: str(path)}))


def test_a_key_with_a_password_is_not_asked_for(client_files: tuple[str, str], tmp_path: Path) -> None:
    locked = str(tmp_path / "locked.pem")
    lock = ("openssl", "ec", "-in", client_files[1], "-aes256", "-passout", "pass:planted", "-out", locked)
    subprocess.run(lock, check=True, capture_output=True)
    with pytest.raises(InvalidInput, match="without a password"):
        _ping(1, RegistryOptions(client_certificate=client_files[0], client_key=locked))


def test_an_ipv6_address() -> None:
    with _serving(host="::1") as (port, handler):
        with RegistryClient(f"[::1]:{port}") as client:
            client.ping()
        assert handler.seen == [("GET /v2/ HTTP/1.1", f"[::1]:{port}", None)]


def test_a_proxy_and_its_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    with _serving() as (port, handler):
        monkeypatch.setenv("http_proxy", f"http://user:planted@127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "other.example")
        with RegistryClient("r.example", scheme="http") as client:
            client.ping()
        assert handler.seen == [("GET http://r.example/v2/ HTTP/1.1", "r.example", "Basic dXNlcjpwbGFudGVk")]
        handler.seen.clear()
        with RegistryClient(f"127.0.0.1:{port}") as client:
            client.ping()
        assert handler.seen == [("GET /v2/ HTTP/1.1", f"127.0.0.1:{port}", None)]
        with RegistryClient("other.example:1", scheme="http") as client, pytest.raises(NetworkError) as raised:
            client.ping()
        assert "proxy" not in str(raised.value)


def test_an_invalid_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://user:planted@127.0.0.1:1")
    with RegistryClient("r.example") as client, pytest.raises(NetworkError) as raised:
        client.ping()
    assert str(raised.value) == "GET https://r.example/v2/: the address of the proxy cannot be used."
