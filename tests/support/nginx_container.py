"""An nginx in front of a registry, in a container that shares the registry's network."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.commands import image_from
from support.registry_container import PORT, Registry, container

UPSTREAM = f"http://127.0.0.1:{PORT}"
_SETTINGS = """\
user root root;
error_log stderr warn;
pid /tmp/nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  proxy_set_header Host $http_host;
{settings}
}}
"""


@contextmanager
def nginx_beside(registry: Registry, folder: Path, settings: str) -> Iterator[None]:
    """Run nginx with `settings` in its `http` block, on ports that `registry` publishes (`beside`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nginx.conf").write_text(_SETTINGS.format(settings=settings))
    volumes = {folder / "nginx.conf": "/etc/nginx/nginx.conf"}
    with container(image_from("TEST_NGINX_IMAGE"), {}, volumes, network_of=registry.container):
        for port in re.findall(r"listen (\d+)", settings):
            _wait_for(registry.beside[int(port)])
        yield


def _wait_for(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(300):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            # If nothing listens in the container, the engine's proxy accepts and closes.
            if _first_bytes(connection):
                return
        time.sleep(0.1)
    raise AssertionError(f"nginx at {address} did not answer within 30 seconds.")


def _first_bytes(connection: socket.socket) -> bytes:
    try:
        return connection.recv(16)
    except ConnectionError:
        return b""
