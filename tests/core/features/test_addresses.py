"""What `ipaddress` says, faster."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.features.addresses import scope

SPECIAL = [*ipaddress._IPv4Constants._private_networks, ipaddress.ip_network("224.0.0.0/4")]  # type: ignore[attr-defined]


def near(network):
    """The ends of a network, and what is just beyond them."""
    ends = int(network.network_address), int(network.broadcast_address)
    return [ipaddress.IPv4Address((end + step) % 2**32) for end in ends for step in (-1, 0, 1)]


ADDRESSES = (
    st.ip_addresses(v=4)
    | st.sampled_from([address for network in SPECIAL for address in near(network)])
    | st.ip_addresses(v=6)
)


@given(ADDRESSES.map(str))
def test_an_address_is_what_ipaddress_says(address):
    found = ipaddress.ip_address(address)
    assert scope(address) == (found.is_private, found.is_multicast)


def test_every_edge_of_a_special_network_is_known():
    for network in SPECIAL:
        for found in near(network):
            assert scope(str(found)) == (found.is_private, found.is_multicast), found


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.4\0", "host", "::g", "1.2.3.４"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="does not appear to be"):
        scope(text)
