"""TLS contexts: the trusted authorities and the client certificate."""

from __future__ import annotations

import os
import ssl

import certifi
from urllib3.util.ssl_ import create_urllib3_context

from ocikit.errors import InvalidInput
from ocikit.registry.connection import PacedTlsSocket
from ocikit.registry.options import RegistryOptions

# In this order: those of requests and curl, then that of OpenSSL and of tools written in Go.
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def tls_context(options: RegistryOptions, *, with_certificate: bool) -> ssl.SSLContext:
    """The context for all connections to many hosts, made once: reading the authorities takes milliseconds.

    It trusts the authorities of the first variable of `BUNDLES` that is set, else of certifi, and those of `ca_file`.
    Raises InvalidInput if a file is invalid.
    """
    context = create_urllib3_context()
    context.sslsocket_class = PacedTlsSocket
    bundles = filter(None, map(os.environ.get, BUNDLES))
    _trust(context, next(bundles, None) or certifi.where())
    if options.ca_file:
        _trust(context, options.ca_file)
    if options.client_certificate and with_certificate:
        _show(context, options.client_certificate, options.client_key)
    return context


def proxy_context() -> ssl.SSLContext:
    """The context for a proxy that uses TLS itself: it trusts the system's authorities."""
    context = create_urllib3_context()
    context.sslsocket_class = PacedTlsSocket
    context.load_default_certs()
    return context


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:
        raise InvalidInput(f'expected certificate authorities in PEM format in "{path}": {_why(error)}.') from None


def _show(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    try:
        # With a password to try, OpenSSL does not ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        files = f'"{certificate}" and "{key}"' if key else f'"{certificate}"'
        raise InvalidInput(
            f"expected a client certificate and its key (without a password) in PEM format in {files}: {_why(error)}."
        ) from None


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or "it cannot be read")
