from __future__ import annotations

import gc
import stat
import threading
from pathlib import Path

import pytest

from ocikit.errors import InvalidInput
from ocikit.sandbox.environment_socket import VARIABLE, environment_from_socket
from ocikit.sandbox.progress import pants_log
from pants_oci.sandbox.environment_socket import EnvironmentSocket, PersistentEnvironmentSocket


def test_every_caller_gets_the_variables_until_the_object_is_deleted() -> None:
    before = set(threading.enumerate())
    here = EnvironmentSocket(b'{"TOKEN":"secret"}')
    environment = dict(here.environment)
    folder = Path(environment[VARIABLE]).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [environment_from_socket(environment) for _ in range(3)] == [{"TOKEN": "secret"}] * 3
    assert "secret" not in str(environment)

    del here
    gc.collect()

    assert not folder.exists()
    with pytest.raises(InvalidInput, match="run it again"):
        environment_from_socket(environment)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def test_a_long_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert environment_from_socket(EnvironmentSocket(b"{}").environment) == {}


def test_runs_of_an_equal_process_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "key"
    environment = {VARIABLE: str(folder)}
    folder.mkdir()
    (folder / "killed").write_text(str(tmp_path / "absent"))
    one = PersistentEnvironmentSocket(b'{"RUN":"one"}', folder, environment)
    assert not (folder / "killed").exists()
    other = PersistentEnvironmentSocket(b'{"RUN":"other"}', folder, environment)
    assert other.environment == environment
    assert environment_from_socket(environment)["RUN"] in ("one", "other")

    del one
    gc.collect()
    assert environment_from_socket(environment) == {"RUN": "other"}

    del other
    gc.collect()
    assert not folder.exists()
    with pytest.raises(InvalidInput, match="run it again"):
        environment_from_socket(environment)


def test_lines_are_received_until_the_process_ends() -> None:
    before = set(threading.enumerate())
    received: list[str] = []
    here = EnvironmentSocket(b'{"TOKEN":"secret"}', received.append)
    with pants_log(here.environment) as say:
        say("Published 1 of 2 images")
        say("a \x1b[31mcolour")
        assert environment_from_socket(here.environment) == {"TOKEN": "secret"}

    del here
    gc.collect()

    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()
    assert received == ["Published 1 of 2 images", "a \\x1b[31mcolour"]


@pytest.mark.parametrize("path", ["", "absent"])
def test_lines_are_dropped_if_no_run_listens(tmp_path: Path, path: str) -> None:
    with pants_log({VARIABLE: str(tmp_path / path)}) as say:
        say("Published 1 of 2 images")
