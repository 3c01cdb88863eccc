"""Where an address is, and what time it is there."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from zoneinfo import ZoneInfo

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inventions import SECOND
from oddlog_core.features.places import Places, local_time
from oddlog_core.records import MISSING

ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
# Instants around which Berlin, St. John's and Lord Howe change their clocks, and Apia skipped a day.
TURNS = [1_711_846_800, 1_729_990_800, 1_710_052_200, 1_712_415_600, 1_325_239_200]
MOMENTS = st.builds(
    int.__add__, st.sampled_from(TURNS).map(SECOND.__mul__), st.integers(-3_600, 3_600).map(SECOND.__mul__)
)


@given(st.lists(MOMENTS | st.integers(0, 4 * 10**9 * SECOND), max_size=20), st.sampled_from(ZONES))
def test_local_time_is_that_of_the_zone_database(moments, zone):
    wall = [datetime.fromtimestamp(m // SECOND, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC) for m in moments]
    expected = [int(w.timestamp()) * SECOND + m % SECOND for w, m in zip(wall, moments, strict=True)]
    npt.assert_array_equal(local_time(np.array(moments, np.int64), zone), np.array(expected, np.int64))


@pytest.mark.parametrize("moment", [MISSING, -1, 2**62, 10**12 * SECOND])
def test_a_time_out_of_all_bounds_is_no_error(moment):
    shift = int(local_time(np.array([moment]), "Asia/Kathmandu")[0]) - moment
    assert 0 <= shift < 24 * 3_600 * SECOND


@given(st.integers(0, 2**32 - 1))
def test_parts_of_an_IPv4_address_are_its_first_byte_and_its_middle_bytes(number):  # noqa: N802
    address = str(IPv4Address(number))
    first, middle = Places().parts(address)
    assert address.startswith(f"{first}.{middle}.")
    assert (first.count("."), middle.count(".")) == (0, 1)


@given(st.integers(0, 2**128 - 1))
def test_parts_of_an_IPv6_address_are_its_32_and_the_rest_of_its_64_in_any_spelling(number):  # noqa: N802
    address = IPv6Address(number)
    expected = (
        f"{number >> 112:04x}:{number >> 96 & 0xFFFF:04x}",
        f"{number >> 80 & 0xFFFF:04x}:{number >> 64 & 0xFFFF:04x}",
    )
    for spelling in (address.compressed, address.exploded, address.exploded.upper()):
        assert Places().parts(spelling) == expected


def test_the_longest_prefix_names_the_network():
    places = Places({"10.0.0.0/8": "inside", "10.1.0.0/16": "branch", "10.1.2.3/32": "printer", "fd00::/8": "lab"})
    found = {
        address: places.parts(address)[0] for address in ("10.9.9.9", "10.1.9.9", "10.1.2.3", "fd12::1", "11.0.0.1")
    }
    assert found == {
        "10.9.9.9": "inside",
        "10.1.9.9": "branch",
        "10.1.2.3": "printer",
        "fd12::1": "lab",
        "11.0.0.1": "11",
    }
    assert places.parts("10.1.9.9") == ("branch", "branch")


@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=6))
def test_an_address_is_in_a_network_if_its_leading_bits_are(number, networks):
    named = {}
    for base, length in networks:
        leading = base >> (32 - length) << (32 - length)
        named[f"{IPv4Address(leading)}/{length}"] = (length, leading)
    holding = [
        (length, cidr)
        for cidr, (length, leading) in named.items()
        if number >> (32 - length) == leading >> (32 - length)
    ]
    expected = max(holding)[1] if holding else str(IPv4Address(number)).split(".", maxsplit=1)[0]
    assert Places({cidr: cidr for cidr in named}).parts(str(IPv4Address(number)))[0] == expected


@pytest.mark.parametrize("text", ["", "-", "ws1.office.local", "10.0.0", "10.0.0.256", "1.2.3.4.5"])
def test_what_is_no_address_is_its_own_first_part(text):
    assert Places({"0.0.0.0/0": "everywhere"}).parts(text) == (text, "")


def test_an_address_with_a_scope_has_the_parts_of_the_address():
    assert Places().parts("fe80::1%eth0") == Places().parts("fe80::1") == ("fe80:0000", "0000:0000")
