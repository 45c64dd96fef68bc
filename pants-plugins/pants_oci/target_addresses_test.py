from __future__ import annotations

from collections.abc import Mapping

import pytest
from pants.engine.addresses import Address

from pants_oci.target_addresses import fitting_parameters

AMD, ARM = {"platform": "linux/amd64"}, {"platform": "linux/arm64"}
DEBUG, RELEASE = {"env": "debug"}, {"env": "release"}


def base(parameters: Mapping[str, str]) -> Address:
    return Address("web", target_name="base", parameters=parameters)


@pytest.mark.parametrize(
    "named, requested, fitting",
    [
        pytest.param([], ARM, [], id="no-base"),
        pytest.param([{}], ARM, [{}], id="single"),
        pytest.param([AMD], ARM, [AMD], id="single-of-another-platform"),
        pytest.param([AMD, ARM], ARM, [ARM], id="of-this-platform"),
        pytest.param([AMD, ARM], {"platform": "linux/386"}, [], id="none-of-this-platform"),
        pytest.param([{**AMD, **DEBUG}, {**ARM, **DEBUG}], ARM, [{**ARM, **DEBUG}], id="another-parameter-too"),
        pytest.param([{**ARM, **DEBUG}, {**ARM, **RELEASE}], ARM, [{**ARM, **DEBUG}, {**ARM, **RELEASE}], id="several"),
        pytest.param([{**ARM, **DEBUG}, {**ARM, **RELEASE}], {**ARM, **RELEASE}, [{**ARM, **RELEASE}], id="by-both"),
    ],
)
def test_fitting_parameters(
    named: list[Mapping[str, str]], requested: Mapping[str, str], fitting: list[Mapping[str, str]]
) -> None:
    assert fitting_parameters([base(one) for one in named], requested) == tuple(base(one) for one in fitting)
