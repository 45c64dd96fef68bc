"""Program for a network namespace: a registry at one address redirects the client to another.

Standard input is a list of pairs of addresses; standard output is a list of results, "reached" or the name of an error.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from ocikit.errors import OcikitError
from ocikit.registry.auth import Access
from ocikit.registry.client import RegistryClient
from ocikit.registry.http import Request
from ocikit.registry.options import RegistryOptions


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        named = parse_qs(urlsplit(self.path).query).get("to")
        self.send_response(307 if named else 200)
        if named:
            self.send_header("Location", f"http://{named[0]}/v2/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def _lead(home: str, there: str) -> str:
    with RegistryClient(home, options=RegistryOptions(insecure=True), sleep=lambda seconds: None) as client:
        try:
            client.ask(Request("GET", f"{client.base}/v2/?{urlencode({'to': there})}"), Access(), 200)
        except OcikitError as error:
            return type(error).__name__
        return "reached"


def main() -> None:
    server = _Server(("::", 80), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    json.dump([_lead(home, there) for home, there in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
