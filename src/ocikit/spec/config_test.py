from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent, InvalidInput, OcikitError
from ocikit.spec.config import EPOCH, ContainerSettings, Healthcheck, History, ImageConfig
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from ocikit.testing.strategies import damaged, json_values

DIFF_ID = Digest.of(b"tar")
BASE: dict[str, Any] = {
    "Cmd": ["python3"],
    "Entrypoint": ["/init"],
    "Env": ["PATH=/bin", "LANG=C"],
    "ExposedPorts": {"80/tcp": {}},
    "Labels": {"a": "1", "b": "2"},
    "Volumes": {"/data": {}},
    "User": "app",
    "WorkingDir": "/srv",
    "StopSignal": "SIGINT",
    "ArgsEscaped": True,
    "OnBuild": None,
}
DOCUMENT: dict[str, Any] = {
    "architecture": "amd64",
    "os": "linux",
    "config": {**BASE, "Healthcheck": {"Test": ["NONE"]}},
    "rootfs": {"type": "layers", "diff_ids": [str(DIFF_ID)]},
    "history": [{"created": EPOCH, "created_by": "it"}],
}


@pytest.mark.parametrize(
    "settings, changed",
    [
        pytest.param(ContainerSettings(), {}, id="nothing"),
        pytest.param(
            ContainerSettings(entrypoint=("/app",)),
            {"Entrypoint": ["/app"], "Cmd": None},
            id="a-new-entrypoint-discards-the-args",
        ),
        pytest.param(
            ContainerSettings(entrypoint=("/app",), args=("-v",)),
            {"Entrypoint": ["/app"], "Cmd": ["-v"]},
            id="entrypoint-and-args",
        ),
        pytest.param(ContainerSettings(args=("-v",)), {"Cmd": ["-v"]}, id="args-alone"),
        pytest.param(ContainerSettings(args=()), {"Cmd": None}, id="no-args"),
        pytest.param(ContainerSettings(entrypoint=()), {"Entrypoint": None, "Cmd": None}, id="no-entrypoint"),
        pytest.param(
            ContainerSettings(env={"PATH": "/app", "NEW": "a=b"}),
            {"Env": ["PATH=/app", "LANG=C", "NEW=a=b"]},
            id="env-merges-in-place",
        ),
        pytest.param(
            ContainerSettings(labels={"b": "3", "c": ""}),
            {"Labels": {"a": "1", "b": "3", "c": ""}},
            id="labels-merge",
        ),
        pytest.param(
            ContainerSettings(ports=("80/tcp", "53/udp")),
            {"ExposedPorts": {"80/tcp": {}, "53/udp": {}}},
            id="ports-merge",
        ),
        pytest.param(
            ContainerSettings(volumes=("/more",)),
            {"Volumes": {"/data": {}, "/more": {}}},
            id="volumes-merge",
        ),
        pytest.param(
            ContainerSettings(user="1000", workdir="/app", stop_signal="SIGTERM"),
            {"User": "1000", "WorkingDir": "/app", "StopSignal": "SIGTERM"},
            id="the-rest-replaces",
        ),
        pytest.param(ContainerSettings(user=""), {"User": None}, id="empty-is-the-engines-default"),
        pytest.param(
            ContainerSettings(healthcheck=Healthcheck(("CMD", "/ok"), interval=5, retries=2)),
            {"Healthcheck": {"Test": ["CMD", "/ok"], "Interval": 5, "Retries": 2}},
            id="healthcheck",
        ),
    ],
)
def test_settings_over_a_base(settings: ContainerSettings, changed: dict[str, Any]) -> None:
    expected = {k: v for k, v in {**BASE, **changed}.items() if v is not None}
    assert settings.over(BASE) == expected
    document = ImageConfig.of(Platform("linux", "amd64"), BASE, (), ()).container
    assert ImageConfig.of(Platform("linux", "amd64"), settings.over(document), (), ()).container == (
        ImageConfig.of(Platform("linux", "amd64"), expected, (), ()).container
    )


def test_settings_over_nothing() -> None:
    assert ContainerSettings().over({}) == {}
    assert ContainerSettings(env={"A": ""}).over({"Env": None}) == {"Env": ["A="]}


def test_a_variable_without_a_value_stays_as_the_base_has_it() -> None:
    assert ContainerSettings().over({"Env": ["ODD"]}) == {"Env": ["ODD"]}


def test_settings_cannot_be_changed() -> None:
    env, base = {"A": "1"}, {"Env": ["B=2"]}
    settings = ContainerSettings(env=env, labels=env)
    env["A"] = "2"
    settings.over(base)["Env"].append("C=3")
    assert settings == ContainerSettings(env={"A": "1"}, labels={"A": "1"})
    assert base == {"Env": ["B=2"]}
    with pytest.raises(TypeError):
        settings.env["A"] = "3"  # type: ignore[index]
    hash(settings)


def test_a_config_cannot_be_changed() -> None:
    config = ImageConfig.parse(json.dumps(DOCUMENT).encode())
    with pytest.raises(TypeError):
        config.container["Labels"]["a"] = "2"
    assert config.container["Env"] == ("PATH=/bin", "LANG=C")
    hash(config)


def test_a_config_written_and_read_again() -> None:
    history = History("COPY", empty_layer=True, comment="why").to_json()
    made = ImageConfig.of(Platform("linux", "arm", "v7"), {"User": "1"}, (DIFF_ID,), (history,))
    read = ImageConfig.parse(made.data)
    assert read == made
    assert (read.platform, read.diff_ids) == (Platform("linux", "arm", "v7"), (DIFF_ID,))
    assert read.container == {"User": "1"}
    assert read.history == ({"created": EPOCH, "created_by": "COPY", "comment": "why", "empty_layer": True},)


def test_a_minimal_config() -> None:
    config = ImageConfig.parse(b'{"os":"linux","architecture":"amd64","config":null}')
    assert (config.container, config.history, config.diff_ids) == ({}, (), ())


@pytest.mark.parametrize(
    "change, reason",
    [
        pytest.param({"os": ""}, '"os" is empty', id="os-empty"),
        pytest.param({"os": 1}, 'expected text in "os"', id="os-number"),
        pytest.param({"architecture": None}, 'expected "architecture", which is missing', id="architecture-null"),
        pytest.param({"config": []}, 'expected an object in "config"', id="config"),
        pytest.param({"config": {"Env": "A=1"}}, 'expected a list in "config.Env"', id="env"),
        pytest.param({"config": {"Env": [1]}}, 'expected text in "config.Env[0]", got 1', id="env-number"),
        pytest.param({"config": {"Labels": []}}, 'expected an object in "config.Labels"', id="labels"),
        pytest.param({"config": {"Volumes": []}}, 'expected an object in "config.Volumes"', id="volumes"),
        pytest.param({"config": {"ExposedPorts": 1}}, 'expected an object in "config.ExposedPorts"', id="ports"),
        pytest.param({"history": {}}, 'expected a list in "history"', id="history"),
        pytest.param({"history": ["x"]}, 'expected an object in "history[0]"', id="history-text"),
        pytest.param({"rootfs": []}, 'expected an object in "rootfs"', id="rootfs"),
        pytest.param({"rootfs": {"diff_ids": "x"}}, 'expected a list in "rootfs.diff_ids"', id="diff-ids"),
        pytest.param({"rootfs": {"diff_ids": [1]}}, 'expected text in "rootfs.diff_ids[0]"', id="diff-id-number"),
        pytest.param({"config": {"Cmd": {}}}, 'expected a list in "config.Cmd"', id="args-object"),
        pytest.param({"config": {"Cmd": "sh"}}, 'expected a list in "config.Cmd"', id="args-text"),
        pytest.param({"config": {"Entrypoint": [None]}}, 'text in "config.Entrypoint[0]"', id="entrypoint-null"),
        pytest.param({"config": {"Labels": {"a": 1}}}, 'text in "config.Labels.a"', id="label-number"),
        pytest.param({"config": {"User": 1}}, 'text in "config.User"', id="user-number"),
        pytest.param({"config": {"Healthcheck": []}}, 'object in "config.Healthcheck"', id="healthcheck"),
        pytest.param({"config": {"OnBuild": {}}}, 'a list in "config.OnBuild"', id="on-build"),
        pytest.param({"config": {"Shell": "sh"}}, 'a list in "config.Shell"', id="shell"),
        pytest.param({"history": [{"created_by": []}]}, 'text in "history[0].created_by"', id="created-by"),
        pytest.param({"history": [{"empty_layer": "yes"}]}, "expected true or false", id="empty-layer"),
        pytest.param({"variant": 8}, 'expected text in "variant"', id="variant"),
        pytest.param({"rootfs": {"diff_ids": ["x"]}}, '"x" is not a digest', id="diff-id-text"),
    ],
)
def test_parse_refuses(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidContent, match=r"^the image config") as error:
        ImageConfig.parse(json.dumps({**DOCUMENT, **change}).encode())
    assert reason in str(error.value)


def test_a_base_with_floats_is_refused_with_a_message() -> None:
    config = ImageConfig.parse(json.dumps({**DOCUMENT, "config": {"Odd": 1.5}}).encode())
    with pytest.raises(InvalidInput, match=r"no canonical form: 1\.5"):
        ImageConfig.of(config.platform, ContainerSettings().over(config.container), (), ())


_SETTINGS = st.builds(
    ContainerSettings,
    env=st.dictionaries(st.text("AB=", min_size=1, max_size=3), st.text(max_size=3), max_size=2),
    labels=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)


@given(json_values() | damaged(DOCUMENT), _SETTINGS)
def test_any_json_is_a_config_to_build_on_or_a_clear_error(document: Any, settings: ContainerSettings) -> None:
    try:
        config = ImageConfig.parse(json.dumps(document).encode())
        built = ImageConfig.of(config.platform, settings.over(config.container), config.diff_ids, config.history)
    except OcikitError:
        return
    assert ImageConfig.parse(built.data) == built
