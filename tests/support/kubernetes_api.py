"""A fake cluster: the part of Kubernetes's API that kubectl and Helm need to apply, which records what they send.

It decides nothing: it returns an object unchanged or refuses it, and finds no object.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from support.protobuf import Fields, encode
from support.serving import serving

# Resources to apply: group, version, kind, and the name in paths.
_RESOURCES = (
    ("", "v1", "Secret", "secrets"),
    ("apps", "v1", "Deployment", "deployments"),
    ("batch", "v1", "CronJob", "cronjobs"),
    ("argoproj.io", "v1alpha1", "Rollout", "rollouts"),
)
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")
_VERBS = ("create", "get", "list", "patch", "update")
# Helm stores its releases in Secrets.
_EMPTY = {"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []}
_KIND = "x-kubernetes-group-version-kind"
_JSON = "application/json"
# The form in which Helm writes its own objects.
_PROTOBUF, _PROTOBUF_BODY = "application/vnd.kubernetes.protobuf", b"k8s\0"
_OPENAPI_V2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


@dataclass(frozen=True)
class Write:
    """A request to change something."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class KubernetesApi:
    """A cluster. `refusal`: the reason that forbids every change; if empty, all are allowed."""

    def __init__(self) -> None:
        self.refusal = ""
        self._writes: list[Write] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def kubeconfig(self, context: str, namespace: str) -> bytes:
        """A kubeconfig with this cluster in `context`; the current context is another one, where nothing listens."""
        places = ((context, self.address, namespace), ("elsewhere", "http://127.0.0.1:1", "default"))
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "users": [{"name": "nobody", "user": {}}],
            "clusters": [{"name": name, "cluster": {"server": server}} for name, server, _ in places],
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": "nobody", "namespace": own}}
                for name, _, own in places
            ],
            "current-context": "elsewhere",
        }
        return json.dumps(document).encode()

    def take(self) -> tuple[Write, ...]:
        """Return the requested changes since the last call, including refused ones."""
        with self._lock:
            taken, self._writes = tuple(self._writes), []
            return taken

    @contextmanager
    def running(self) -> Iterator[KubernetesApi]:
        with serving(self._server):
            yield self

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, str, bytes]:
        """Status, type and body."""
        path = urlsplit(target).path
        if method != "GET":
            with self._lock:
                self._writes.append(Write(method, path, dict(parse_qsl(urlsplit(target).query)), body))
            if self.refusal:
                return _failure(403, "Forbidden", self.refusal)
            return 200, _PROTOBUF if body.startswith(_PROTOBUF_BODY) else _JSON, body
        if path == "/openapi/v2":
            return 200, _OPENAPI_V2, encode(_openapi_v2())
        found = _EMPTY if path.endswith("/secrets") else _DOCUMENTS.get(path)
        return (200, _JSON, json.dumps(found).encode()) if found else _failure(404, "NotFound", f"No {path}.")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: KubernetesApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        code, kind, answer = self.server.api.answer(self.command, self.path, body)
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PATCH = do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Log nothing: tests read the record."""


def _failure(code: int, reason: str, message: str) -> tuple[int, str, bytes]:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {}}
    return code, _JSON, json.dumps({**status, "message": message, "reason": reason, "code": code}).encode()


def _base(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _documents() -> dict[str, Any]:
    """The documents to GET: the available resources, and the parameters of a PATCH of them."""
    versions = dict.fromkeys((group, version) for group, version, _, _ in _RESOURCES)
    groups = [
        {"name": group, "versions": [found], "preferredVersion": found}
        for group, version in versions
        if group
        for found in [{"groupVersion": f"{group}/{version}", "version": version}]
    ]
    documents: dict[str, Any] = {
        # Some builds of kubectl choose their own version by it.
        "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        "/openapi/v3": {
            "paths": {_base(*found): {"serverRelativeURL": f"/openapi/v3/{_base(*found)}"} for found in versions}
        },
    }
    for found in versions:
        base = _base(*found)
        inside = [(kind, name) for *where, kind, name in _RESOURCES if tuple(where) == found]
        documents[f"/{base}"] = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": base.partition("/")[2],
            "resources": [
                {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": _VERBS}
                for kind, name in inside
            ],
        }
        documents[f"/openapi/v3/{base}"] = {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "1"},
            "paths": {
                f"/{base}/namespaces/{{namespace}}/{name}/{{name}}": {"patch": _operation(*found, kind)}
                for kind, name in inside
            },
        }
    return documents


def _operation(group: str, version: str, kind: str) -> dict[str, Any]:
    return {
        "parameters": [{"name": name, "in": "query"} for name in _PARAMETERS],
        "responses": {},
        _KIND: {"group": group, "version": version, "kind": kind},
    }


def _openapi_v2() -> Fields:
    """The OpenAPI document for older kubectl, in the field numbers of gnostic's `openapiv2/OpenAPIv2.proto`."""
    parameters = [{1: {2: {3: {4: name}}}} for name in _PARAMETERS]
    paths: list[Fields] = []
    for group, version, kind, name in _RESOURCES:
        # JSON is valid YAML.
        what = json.dumps({"group": group, "version": version, "kind": kind})
        paths.append({1: f"/{name}", 2: {8: {8: parameters, 13: {1: _KIND, 2: {2: what}}}}})
    return {1: "2.0", 2: {1: "Kubernetes", 2: "1"}, 8: {2: paths}}


_DOCUMENTS = _documents()
