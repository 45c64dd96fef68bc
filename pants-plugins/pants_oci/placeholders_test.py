from __future__ import annotations

import pytest
from pants.engine.addresses import Address

from ocikit.errors import InvalidInput
from pants_oci.placeholders import address_values, fill, placeholders_in

VALUES = {
    "name": "push",
    "directory": "web",
    "git.sha": "0123456789abcdef0123456789abcdef01234567",
    "git.short_sha": "0123456",
    "git.tag": None,
    "digest": "77a116458cea",
    "env.BUILD": "42",
    "env.EMPTY": None,
}


@pytest.mark.parametrize(
    "template, filled",
    [
        pytest.param("latest", "latest", id="none"),
        pytest.param("{git.short_sha}", "0123456", id="whole"),
        pytest.param("{directory}-{env.BUILD}", "web-42", id="several"),
        pytest.param("v-{digest}", "v-77a116458cea", id="digest"),
    ],
)
def test_fill(template: str, filled: str) -> None:
    assert fill(template, VALUES) == filled


@pytest.mark.parametrize(
    "template, message",
    [
        pytest.param("{git.tag}", "the commit that is checked out has no tag", id="no-tag"),
        pytest.param("{env.EMPTY}", "the environment variable EMPTY is not set", id="unset"),
        pytest.param("{env.OTHER}", "the environment variable OTHER is not set", id="not-asked"),
        pytest.param(
            "{nmae}",
            "there is no placeholder {nmae}; available: digest, directory, env.NAME, git.sha, "
            "git.short_sha, git.tag, name.",
            id="unknown",
        ),
        pytest.param("{}", "there is no placeholder {}", id="empty"),
        pytest.param("{name", "unbalanced brace", id="open"),
        pytest.param("name}", "unbalanced brace", id="closed"),
        pytest.param("{name}-{", "unbalanced brace", id="open-after-a-good-one"),
    ],
)
def test_fill_refuses(template: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        fill(template, VALUES)
    assert message in str(caught.value)
    assert f'"{template}"' in str(caught.value)


def test_placeholders_in() -> None:
    assert placeholders_in(["{a}-{b}", "{a}", "none"]) == ("a", "b")


@pytest.mark.parametrize(
    "spec_path, values",
    [
        pytest.param("a/b/web", ("push", "web", "b", "a/b/web"), id="deep"),
        pytest.param("web", ("push", "web", "", "web"), id="top"),
        pytest.param("", ("push", "", "", ""), id="root"),
    ],
)
def test_address_values(spec_path: str, values: tuple[str, ...]) -> None:
    assert tuple(address_values(Address(spec_path, target_name="push")).values()) == values
