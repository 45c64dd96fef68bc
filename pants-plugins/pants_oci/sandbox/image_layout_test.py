from __future__ import annotations

import pytest
from pants.engine.addresses import Address

from ocikit.spec.reference import Reference
from pants_oci.sandbox.image_layout import local_name


@pytest.mark.parametrize(
    "address, name",
    [
        pytest.param(Address("shop/web", target_name="image"), "shop/web/image", id="plain"),
        pytest.param(Address("", target_name="image"), "image", id="build-root"),
        pytest.param(Address("Shop_1", target_name="__Web.Image__"), "shop-1/web-image", id="special-characters"),
        pytest.param(
            Address("web", target_name="image", parameters={"platform": "linux/arm64"}),
            "web/image-linux-arm64",
            id="parametrized",
        ),
        pytest.param(Address("läden/_/店", target_name="image"), "l-den/image", id="a-part-without-a-letter"),
        pytest.param(Address("", target_name="店"), "image", id="no-letter-at-all"),
    ],
)
def test_local_name(address: Address, name: str) -> None:
    assert local_name(address) == name
    assert Reference.parse(name).tag is None
