from __future__ import annotations

from contextlib import suppress
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidInput
from ocikit.printable import printable
from ocikit.spec import container_settings
from ocikit.spec.config import Healthcheck
from ocikit.testing.strategies import damaged

SECOND = 10**9


@pytest.mark.parametrize(
    "text, ports",
    [
        pytest.param("8080", ("8080/tcp",), id="number"),
        pytest.param("8080/tcp", ("8080/tcp",), id="tcp"),
        pytest.param("53/udp", ("53/udp",), id="udp"),
        pytest.param("53/UDP", ("53/udp",), id="upper-case"),
        pytest.param("132/sctp", ("132/sctp",), id="sctp"),
        pytest.param("80-82/udp", ("80/udp", "81/udp", "82/udp"), id="range"),
        pytest.param("80-80", ("80/tcp",), id="range-of-one"),
        pytest.param("0080", ("80/tcp",), id="leading-zeros"),
        pytest.param("65535", ("65535/tcp",), id="largest"),
    ],
)
def test_port(text: str, ports: tuple[str, ...]) -> None:
    assert container_settings.parse_port(text) == ports


@pytest.mark.parametrize(
    "text",
    ["", "http", "0", "65536", "82-80", "80-", "-80", "80/icmp", "80:80", " 80", "80\n", "8_0"],
)
def test_invalid_ports(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a port: expected"):
        container_settings.parse_port(text)


@pytest.mark.parametrize(
    "parse, texts",
    [
        pytest.param(container_settings.parse_env, {"A": "", "a.b-c": "x=y", "Ä": "\n"}, id="env"),
        pytest.param(container_settings.parse_labels, {"a.b/c": "", "=": "x"}, id="labels"),
        pytest.param(container_settings.parse_annotations, {"org.example.x": "y"}, id="annotations"),
    ],
)
def test_mappings(parse: Callable[[Any], Any], texts: dict[str, str]) -> None:
    assert parse(texts) == texts


@pytest.mark.parametrize(
    "parse, texts, reason",
    [
        pytest.param(container_settings.parse_env, {"": "x"}, '"" is not a variable', id="env-empty"),
        pytest.param(container_settings.parse_env, {"A=B": "x"}, '"A=B" is not a variable', id="env-equals"),
        pytest.param(container_settings.parse_env, {"A\0": "x"}, "no NUL", id="env-nul"),
        pytest.param(container_settings.parse_env, {"A": "\0"}, 'variable "A" has a NUL', id="env-value"),
        pytest.param(container_settings.parse_labels, {"": "x"}, '"" is not the name of a label', id="label"),
        pytest.param(container_settings.parse_labels, {" ": "x"}, "the name of a label", id="label-blank"),
        pytest.param(container_settings.parse_labels, {"a": "\0"}, 'value of "a" has a NUL', id="label-value"),
        pytest.param(container_settings.parse_annotations, {"": ""}, "the name of an annotation", id="annotation"),
    ],
)
def test_invalid_mappings(parse: Callable[[Any], Any], texts: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse(texts)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    "parse, text",
    [
        pytest.param(container_settings.parse_user, "1000", id="uid"),
        pytest.param(container_settings.parse_user, "1000:1000", id="uid-gid"),
        pytest.param(container_settings.parse_user, "www-data", id="name"),
        pytest.param(container_settings.parse_user, "name:group", id="name-group"),
        pytest.param(container_settings.parse_workdir, "/", id="root"),
        pytest.param(container_settings.parse_workdir, "/a b/..c", id="dots-in-a-name"),
        pytest.param(container_settings.parse_volume, "/data", id="volume"),
        pytest.param(container_settings.parse_stop_signal, "SIGTERM", id="signal"),
        pytest.param(container_settings.parse_stop_signal, "SIGRTMIN+3", id="real-time-signal"),
        pytest.param(container_settings.parse_stop_signal, "SIGUSR1", id="signal-with-digit"),
        pytest.param(container_settings.parse_stop_signal, "64", id="signal-number"),
    ],
)
def test_text(parse: Callable[[str], str], text: str) -> None:
    assert parse(text) == text


@pytest.mark.parametrize(
    "parse, text, what",
    [
        pytest.param(container_settings.parse_user, "", "a user", id="user-empty"),
        pytest.param(container_settings.parse_user, "a:b:c", "a user", id="user-three"),
        pytest.param(container_settings.parse_user, "a:", "a user", id="group-empty"),
        pytest.param(container_settings.parse_user, ":a", "a user", id="user-missing"),
        pytest.param(container_settings.parse_user, "a b", "a user", id="user-space"),
        pytest.param(container_settings.parse_user, "a\0", "a user", id="user-nul"),
        pytest.param(container_settings.parse_user, "4294967295", "a user", id="uid-large"),
        pytest.param(container_settings.parse_workdir, "app", "a working directory", id="relative"),
        pytest.param(container_settings.parse_workdir, "", "a working directory", id="empty"),
        pytest.param(container_settings.parse_workdir, "/a/../b", "a working directory", id="dots"),
        pytest.param(container_settings.parse_volume, "data", "a volume", id="volume-relative"),
        pytest.param(container_settings.parse_stop_signal, "TERM", "a signal", id="signal-short"),
        pytest.param(container_settings.parse_stop_signal, "sigterm", "a signal", id="signal-lower-case"),
        pytest.param(container_settings.parse_stop_signal, "0", "a signal", id="signal-0"),
        pytest.param(container_settings.parse_stop_signal, "65", "a signal", id="signal-65"),
        pytest.param(container_settings.parse_stop_signal, "", "a signal", id="signal-empty"),
    ],
)
def test_invalid_texts(parse: Callable[[str], str], text: str, what: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse(text)
    assert f'"{printable(text)}" is not {what}: expected' in str(error.value)


@pytest.mark.parametrize(
    "text, nanoseconds",
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("0s", 0, id="zero-seconds"),
        pytest.param("30s", 30 * SECOND, id="seconds"),
        pytest.param("1m30s", 90 * SECOND, id="two-units"),
        pytest.param("1h1m1s1ms1us1ns", 3661001001001, id="all-units"),
        pytest.param("1µs", 1000, id="micro-sign"),
        pytest.param("1μs", 1000, id="greek-mu"),
        pytest.param("1.5h", 5400 * SECOND, id="fraction"),
        pytest.param(".5s", SECOND // 2, id="no-whole"),
        pytest.param("1.s", SECOND, id="no-fraction"),
        pytest.param("0.1s", SECOND // 10, id="no-rounding"),
        pytest.param("2562047h", 2562047 * 3600 * SECOND, id="largest"),
    ],
)
def test_duration(text: str, nanoseconds: int) -> None:
    assert container_settings.parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "30", "s", ".s", "-1s", "1 s", "1x", "s1", "1s\n", "1s1", "1e3s", "2562048h", "\u0661s"]
)
def test_invalid_durations(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration: expected"):
        container_settings.parse_duration(text)


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(["h", "m", "s", "ms"])), min_size=1, max_size=20))
def test_durations_add_up(parts: Any) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    single = sum(container_settings.parse_duration(f"{number}{unit}") for number, unit in parts)
    assert container_settings.parse_duration(text) == single


@pytest.mark.parametrize(
    "document, healthcheck",
    [
        pytest.param(
            {"test": "curl -f localhost"},
            Healthcheck(("CMD-SHELL", "curl -f localhost")),
            id="shell",
        ),
        pytest.param({"test": ["/ok", "-v"]}, Healthcheck(("CMD", "/ok", "-v")), id="list"),
        pytest.param({"test": ("/ok",)}, Healthcheck(("CMD", "/ok")), id="tuple"),
        pytest.param({"test": ["CMD", "/ok"]}, Healthcheck(("CMD", "/ok")), id="docker-cmd"),
        pytest.param({"test": ["CMD-SHELL", "a b"]}, Healthcheck(("CMD-SHELL", "a b")), id="docker-shell"),
        pytest.param({"test": "NONE"}, Healthcheck(("NONE",)), id="none"),
        pytest.param({"test": ["NONE"]}, Healthcheck(("NONE",)), id="none-list"),
        pytest.param(
            {
                "test": ["/ok"],
                "interval": "1m",
                "timeout": "500ms",
                "start_period": "0s",
                "retries": 3,
            },
            Healthcheck(("CMD", "/ok"), 60 * SECOND, SECOND // 2, 0, 3),
            id="all",
        ),
    ],
)
def test_healthcheck(document: dict[str, Any], healthcheck: Healthcheck) -> None:
    assert container_settings.parse_healthcheck(document) == healthcheck


@pytest.mark.parametrize(
    "document, reason",
    [
        pytest.param({}, "test is None: expected a command", id="empty"),
        pytest.param({"test": ""}, "test is ''", id="test-empty"),
        pytest.param({"test": []}, "test is []", id="test-empty-list"),
        pytest.param({"test": ["a", 1]}, "test is ['a', 1]", id="test-number"),
        pytest.param({"test": ["NONE", "a"]}, "NONE", id="none-with-words"),
        pytest.param({"test": ["CMD"]}, "expected a command", id="cmd-without-words"),
        pytest.param({"test": ["CMD-SHELL", "a", "b"]}, "expected a command", id="shell-of-two"),
        pytest.param({"test": "NONE", "retries": 1}, "leave out everything else", id="none-more"),
        pytest.param({"test": "a", "intervall": "1s"}, '"intervall" is not a key', id="key"),
        pytest.param({"test": "a", "interval": 30}, "interval is 30: expected text", id="number"),
        pytest.param({"test": "a", "timeout": "30"}, '"30" is not a duration', id="no-unit"),
        pytest.param({"test": "a", "interval": "1us"}, 'expected at least "1ms"', id="too-short"),
        pytest.param({"test": "a", "retries": -1}, "retries are -1", id="retries-negative"),
        pytest.param({"test": "a", "retries": "3"}, "retries are '3'", id="retries-text"),
        pytest.param({"test": "a", "retries": True}, "retries are True", id="retries-bool"),
    ],
)
def test_invalid_healthchecks(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        container_settings.parse_healthcheck(document)
    assert reason in str(error.value)


_WHOLE = {"test": ["a"], "interval": "1s", "timeout": "1s", "start_period": "1s", "retries": 1}


@given(damaged(_WHOLE).filter(lambda value: isinstance(value, dict)))
def test_any_mapping_is_a_healthcheck_or_invalid_input(document: dict[str, Any]) -> None:
    with suppress(InvalidInput):
        container_settings.parse_healthcheck(document).to_json()
