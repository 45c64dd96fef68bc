"""Rows of the tables of hostile servers and contents, how to run one, and what must never happen.

A row is data: what is `prepared` in a scene (a registry that responds by rules, another host, a folder), the `command`
for the real client, and how that must end. `problems` checks what holds for every row.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from string import Template
from typing import Callable

import pytest
from _pytest.mark import ParameterSet

from hostile.contents import add_usual_image, usual_layout
from ocikit.testing.fake_auth import FakeAuth
from ocikit.testing.fake_registry import FakeRegistry
from support.certificates import KeyPair
from support.client_process import Ran, run_client
from support.hostile_server import Answering, HostileServer, Received, Reply, Rules, right_answer
from support.network import Network
from support.traces import Traces

USER = "robot"
MOST_MEBIBYTES = 200
# A line that begins with this text is forged.
FORGED = "FORGED"
# The commands of most rows.
PULL = ("copy", "$registry/image:1", "oci:out")
PUSH = ("push", "layout:1", "$registry/pushed:1")
INSPECT = ("inspect", "$registry/image:1")
INSPECT_JSON = (*INSPECT, "--json")
FILES = (*INSPECT, "--files", "9")

# The possible ends of a row.
FAILS, SUCCEEDS, ENDS, INTERRUPTED = "fails", "succeeds", "ends", "interrupted"
# The exit codes of each end.
_CODES = {FAILS: (1,), SUCCEEDS: (0,), ENDS: (0, 1), INTERRUPTED: (130,)}

# Unicode TR9: marks, embeddings, overrides and isolates; and other characters that a terminal treats as line ends.
BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE_ENDS = frozenset("\u2028\u2029")
_LARGEST_SEARCHED = 4 * 1024 * 1024


@dataclass(frozen=True)
class Where:
    """Names or addresses of the two servers, and whether they use TLS; `apart`: in an isolated network."""

    registry: str = "127.0.0.1"
    other: str = "127.0.0.2"
    tls: bool = False
    other_tls: bool = False
    apart: bool = False


@dataclass(frozen=True)
class Surroundings:
    """Shared by rows: a network, and a certificate and its authority for servers with TLS, if any row needs them."""

    network: Network | None = None
    authority: Path | None = None
    key_pair: KeyPair | None = None

    def server(self, name: str, answer: Answering, *, tls: bool, apart: bool) -> HostileServer:
        pair = self.key_pair if tls else None
        if not apart:
            return HostileServer(answer, name, tls=pair)
        assert self.network
        address = self.network.address_of(name)
        called = name if address != name else ""
        return HostileServer(answer, address, name=called, tls=pair, listening=self.network.listen)


NO_SURROUNDINGS = Surroundings()


class Scene:
    """A registry at `$registry`, another host at `$other`, and the working folder of the client.

    `contents` is the content of the registry: `image:1`, and pushed images. `login` plants credentials for it.
    """

    def __init__(self, folder: Path, contents: FakeRegistry, registry: HostileServer, other: HostileServer) -> None:
        self.contents, self.registry, self.other = contents, registry, other
        self.work, self.home, self.results = folder / "work", folder / "home", folder / "results"
        for path in (self.work, self.home):
            path.mkdir()
        self.env = {"HOME": str(self.home), "DOCKER_CONFIG": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}
        self.within: tuple[str, ...] = ()
        self.surroundings = NO_SURROUNDINGS
        # The files that exist before the client runs.
        self.given: frozenset[Path] = frozenset()
        # Closed at the end of the scene.
        self.kept = contextlib.ExitStack()
        self.names = {"registry": registry.address, "other": other.address, "other_port": str(other.port)}
        self.secrets: dict[str, str] = {}
        self.login("basic")

    def login(self, kind: str, *, identity_token: bool = False) -> None:
        """Make the registry require `kind` ("none", "basic" or "token"), and plant new credentials."""
        password = f'Pl4nted/{secrets.token_hex(8)}+"&=z'
        login = base64.b64encode(f"{USER}:{password}".encode()).decode()
        self.contents.auth = FakeAuth(kind, USER, password, anonymous_pull=False)
        self.secrets = {"password": password, "login": login.rstrip("=")}
        entry = {"auth": login}
        if identity_token:
            self.secrets["identity token"] = self.contents.auth.identity_token = f"Id3ntity-{secrets.token_hex(8)}"
            entry["identitytoken"] = self.secrets["identity token"]
        (self.home / "config.json").write_text(json.dumps({"auths": {self.registry.address: entry}}))

    def on(self, pattern: str, reply: Reply | Answering) -> None:
        """Set the response to requests with `pattern` in "METHOD /path?query"; the first rule counts."""
        self._rules.on(pattern, reply)

    def on_credentials(self, pattern: str, reply: Reply | Answering) -> None:
        """Set the response to authenticated requests; others get the right answer, a challenge."""

        def answer(request: Received) -> Reply:
            if "authorization" not in request.headers and b"refresh_token" not in request.body:
                return right_answer(self.contents, request)
            return reply(request) if callable(reply) else reply

        self.on(pattern, answer)

    def filled(self, text: str) -> str:
        """Replace `$registry`, `$other`, `$password`, `$login`, … in `text`."""
        names = {name.replace(" ", "_"): value for name, value in self.secrets.items()}
        return Template(text).safe_substitute({**self.names, **names})

    def write(self, name: str, content: object) -> None:
        """Write a file of the working folder: bytes, text, or a document that becomes JSON."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, (bytes, str)) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else self.filled(text).encode())

    @property
    def _rules(self) -> Rules:
        assert isinstance(self.registry.answer, Rules)
        return self.registry.answer

    @property
    def wire_secrets(self) -> dict[str, str]:
        """The planted secrets, and tokens that the client sent to the registry."""
        tokens = sorted({text.partition(" ")[2] for text in self.registry.authorizations} - {""})
        return {**self.secrets, **{f"authorization {number}": text for number, text in enumerate(tokens)}}


def nothing(scene: Scene) -> None:
    """Prepare nothing, for a row with a usual registry."""


@dataclass(frozen=True)
class Row:
    """A row; see the module. `says`: parts of the output. `silent`: texts that the output must not have. `lines`:
    allowed beginnings of lines of standard error.

    `untouched`: the client must not connect to the other host; else it may, without a secret. `after`: another check,
    which yields a text for each problem. `seconds` is the deadline on a busy machine. `waits`: the row hardly computes.
    `speed`: the factor by which the client's clock is faster, with pauses and timeouts. `interrupted`: the condition
    for SIGINT, as by Ctrl-C; `seconds` count from then on. `where`: the addresses of servers. `trusted`: the other host
    is the registry's token server, and may receive the same secrets.
    """

    name: str
    prepared: Callable[[Scene], object] = nothing
    command: Sequence[str] = PULL
    ends: str = FAILS
    says: Sequence[str] = ()
    silent: Sequence[str] = ()
    lines: Sequence[str] = ("ocikit: ",)
    untouched: bool = False
    seconds: float = 20
    mebibytes: float = MOST_MEBIBYTES
    waits: bool = False
    speed: int = 1
    where: Where = Where()
    trusted: bool = False
    interrupted: Callable[[Scene], bool] | None = None
    after: Callable[[Scene, Ran], Iterable[str]] = field(default=lambda scene, ran: ())


def table(rows: Iterable[Row]) -> list[ParameterSet]:
    return [pytest.param(row, id=row.name) for row in rows]


@contextlib.contextmanager
def scene_in(folder: Path, where: Where = Where(), surroundings: Surroundings = NO_SURROUNDINGS) -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        contents = stack.enter_context(FakeRegistry())
        servers = [
            stack.enter_context(surroundings.server(name, Rules(contents), tls=tls, apart=where.apart))
            for name, tls in ((where.registry, where.tls), (where.other, where.other_tls))
        ]
        contents.url = servers[0].url
        scene = Scene(folder, contents, *servers)
        scene.surroundings = surroundings
        stack.enter_context(scene.kept)
        if where.apart and surroundings.network:
            scene.within = surroundings.network.within
        if surroundings.authority:
            # The first of the client's variables for authorities.
            scene.env["REQUESTS_CA_BUNDLE"] = str(surroundings.authority)
        add_usual_image(contents, "image", "1")
        usual_layout(scene.work / "layout", "1")
        yield scene


def run_row(row: Row, scene: Scene) -> Ran:
    row.prepared(scene)
    scene.given = frozenset(scene.work.rglob("*"))
    faster = ("faketime", "-f", f"+0 x{row.speed}") if row.speed > 1 else ()
    return run_client(
        [scene.filled(word) for word in row.command],
        scene.work,
        scene.results,
        seconds=row.seconds,
        env=scene.env,
        within=(*scene.within, *faster),
        interrupted=partial(row.interrupted, scene) if row.interrupted else None,
    )


def run(row: Row, surroundings: Surroundings = NO_SURROUNDINGS) -> str:
    """Run a row, and return its problems and its output, or nothing if there is no problem."""
    with (
        tempfile.TemporaryDirectory(prefix="hostile-") as folder,
        scene_in(Path(folder), row.where, surroundings) as scene,
    ):
        ran = run_row(row, scene)
        found = list(problems(row, scene, ran))
    return "\n".join((*found, str(ran))) if found else ""


def problems(row: Row, scene: Scene, ran: Ran) -> Iterator[str]:
    yield from _wrong_end(row, scene, ran)
    yield from ugly(row, ran)
    traces = Traces(scene.wire_secrets, loosely=True)
    elsewhere = b"" if row.trusted else bytes(scene.other.received)
    for where, data in (("stdout", ran.stdout), ("stderr", ran.stderr), ("the other host", elsewhere)):
        for name in sorted(traces.in_bytes(data)):
            yield f"secret: {where} has the {name}"
    if not row.trusted and {text for text in scene.other.authorizations if text}:
        yield "secret: the other host was sent an Authorization header"
    for path in sorted(set(scene.work.rglob("*")) - scene.given):
        if names := traces.in_bytes(_name_and_content(path)):
            yield f"secret: the file {path} has the {', '.join(sorted(names))}"
    if row.untouched and scene.other.connections:
        yield f"address: the other host was connected to: {scene.other.lines}"
    yield from row.after(scene, ran)


def _wrong_end(row: Row, scene: Scene, ran: Ran) -> Iterator[str]:
    expected = _CODES[row.ends]
    if ran.exit_code is None:
        yield f"time: no end within {row.seconds:g} seconds"
    elif ran.exit_code not in expected:
        yield f"end: the exit code is {ran.exit_code}, not {' or '.join(map(str, expected))}"
    if ran.exit_code == 1 and b"ocikit: " not in ran.stderr and not ran.stdout:
        yield "error: it fails and does not say why"
    if ran.mebibytes > row.mebibytes:
        yield f"memory: {ran.mebibytes:.0f} MiB, and {row.mebibytes:g} are allowed"
    output = (ran.stdout + ran.stderr).decode(errors="replace")
    for part in row.says:
        if scene.filled(part) not in output:
            yield f"error: it does not say {part!r}"
    for part in row.silent:
        if scene.filled(part) in output:
            yield f"error: it says {part!r}"


def ugly(row: Row, ran: Ran) -> Iterator[str]:
    """Yield what no output of ocikit may have: stack traces, foreign lines among errors, control characters."""
    yield from obeyed(ran)
    if b"Error:" in ran.stderr:
        yield "error: an exception"
    lines = ran.stderr.decode(errors="replace").split("\n")
    if any(line and not line.startswith(tuple(row.lines)) for line in lines):
        yield f"error: stderr has lines that do not begin with {' or '.join(row.lines)!r}"


def obeyed(ran: Ran) -> Iterator[str]:
    """Yield what no output may have, of ocikit or of Pants."""
    if b"Traceback" in ran.stderr:
        yield "error: a stack trace"
    for where, data in (("stdout", ran.stdout), ("stderr", ran.stderr)):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            yield f"terminal: {where} is not UTF-8"
            text = data.decode(errors="surrogateescape")
        odd = {c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Cs") or c in _LINE_ENDS)}
        if odd | (BIDIRECTIONAL & set(text)):
            yield f"terminal: {where} has {sorted(map(ascii, odd | (BIDIRECTIONAL & set(text))))}"
        lines = text.split("\n")
        if any(line.removeprefix("ocikit: ").startswith(FORGED) for line in lines):
            yield f"terminal: {where} has a forged line"


def _name_and_content(path: Path) -> bytes:
    small = path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST_SEARCHED
    return os.fsencode(path.name) + b"\0" + (path.read_bytes() if small else b"")
