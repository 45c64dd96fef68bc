"""Real addresses of every kind, in an isolated network: where a registry may lead."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from support.build_root import PROJECT

PUBLIC, PRIVATE, METADATA, LOOPBACK = "11.0.0.1", "10.0.0.1", "169.254.169.254", "127.0.0.1"
PUBLIC_6, PRIVATE_6, METADATA_6 = "[2606:4700::1]", "[fd12::1]", "[fd00:ec2::254]"
_SET_UP = "ip link set lo up; for address in $ADDRESSES; do ip address add $address dev lo; done"

_REACHED = (
    *((PUBLIC, there) for there in (PUBLIC, PUBLIC_6, "0xb000001", "184549377", f"[::ffff:{PUBLIC}]")),
    *((PUBLIC_6, there) for there in (PUBLIC, PUBLIC_6)),
    *((PRIVATE, there) for there in (PUBLIC, PUBLIC_6, PRIVATE, PRIVATE_6, "10.1")),
    *((METADATA, there) for there in (PUBLIC, PRIVATE, METADATA, METADATA_6)),
    *((LOOPBACK, there) for there in (PUBLIC, PRIVATE, METADATA, "127.1.2.3", "[::1]", "localhost")),
)
_REFUSED = (
    *((PUBLIC, there) for there in (PRIVATE, PRIVATE_6, METADATA, METADATA_6, LOOPBACK, "[::1]", "localhost", "0")),
    *((PUBLIC, there) for there in ("10.1", "0xa000001", "167772161", "012.1", "0xa9fea9fe", "169.254.43518", "127.1")),
    *((PUBLIC, f"[::ffff:{there}]") for there in (PRIVATE, METADATA, LOOPBACK)),
    *((PUBLIC_6, there) for there in (PRIVATE, METADATA_6, "[::1]")),
    *((PRIVATE, there) for there in (METADATA, METADATA_6, LOOPBACK, "[::1]", "0.0.0.0", "[::]", "localhost")),
    *((METADATA, there) for there in (LOOPBACK, "[::1]", "0.0.0.0")),
)


@pytest.fixture(scope="module")
def found() -> Mapping[tuple[str, str], str]:
    pairs = [*_REACHED, *_REFUSED]
    script = PROJECT / "tests/support/addresses.py"
    ended = subprocess.run(
        ("unshare", "--net", "sh", "-euc", f'{_SET_UP}; exec "$@"', "sh", sys.executable, str(script)),
        input=json.dumps(pairs),
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": str(PROJECT / "src"),
            "ADDRESSES": re.sub(r"[\[\]]", "", f"{PUBLIC} {PRIVATE} {METADATA} {PUBLIC_6} {PRIVATE_6} {METADATA_6}"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(zip(pairs, json.loads(ended.stdout)))


@pytest.mark.parametrize("home, there", _REACHED)
def test_addresses_as_public_are_reached(found: Mapping[tuple[str, str], str], home: str, there: str) -> None:
    assert found[home, there] == "reached"


@pytest.mark.parametrize("home, there", _REFUSED)
def test_more_private_addresses_are_not_reached(found: Mapping[tuple[str, str], str], home: str, there: str) -> None:
    assert found[home, there] == "Misdirected"
