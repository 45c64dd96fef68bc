"""A package index (PEP 503) with the wheels of a folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.serving import serving


@contextmanager
def serve_index(folder: Path, asked_for: list[str] | None = None) -> Iterator[str]:
    """Serve within a `with`, which returns the URL of the index on this machine.

    `asked_for` receives the path of each request, relative to that URL.
    """
    # Pants caches the content of an index, so other wheels need another address.
    content = hashlib.sha256(b"".join(wheel.read_bytes() for wheel in sorted(folder.glob("*.whl")))).hexdigest()
    root = f"/{content[:16]}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix(root)
            if asked_for is not None:
                asked_for.append(path)
            answer = _answer(folder, path)
            if answer is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            media_type, body = answer
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}{root}/simple/"


def _answer(folder: Path, path: str) -> tuple[str, bytes] | None:
    """The media type and body of the list of projects, of a project's page, or of a wheel."""
    wheels = {wheel.name: wheel for wheel in sorted(folder.glob("*.whl"))}
    projects: dict[str, list[Path]] = {}
    for wheel in wheels.values():
        projects.setdefault(_normalised(wheel.name.split("-")[0]), []).append(wheel)
    _, area, *names = path.split("/")
    if area == "files" and len(names) == 1 and names[0] in wheels:
        return "application/octet-stream", wheels[names[0]].read_bytes()
    if area == "simple" and names == [""]:
        return _page(f'<a href="{name}/">{name}</a>' for name in projects)
    if area == "simple" and len(names) == 2 and names[0] in projects and not names[1]:
        return _page(_link(wheel) for wheel in projects[names[0]])
    return None


def _page(links: Iterator[str]) -> tuple[str, bytes]:
    return "text/html; charset=utf-8", f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>".encode()


def _link(wheel: Path) -> str:
    checksum = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f'<a href="../../files/{wheel.name}#sha256={checksum}">{wheel.name}</a>'


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
