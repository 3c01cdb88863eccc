"""oddlog.toml: what may stand in it, and what is said of the rest."""

from __future__ import annotations

import itertools
import re

import msgspec
import pytest
from oddlog.config import Config, ConnConfig, DceRpcConfig, NtlmConfig, TrainConfig, read_config
from oddlog.errors import ConfigError

FULL = """
notices_per_day = 5
notice_format = "tsv"
suppress_for = 60
time_zone = "Europe/Berlin"

[networks]
"10.2.0.0/16" = "clients"
"2001:db8::/32" = "servers"
"192.0.2.7" = "the printer"

[conn]
order = "start"

[dce_rpc]
window_minutes = 30

[ntlm]
profile = "classic"
modes = "auto"

[train]
held_back = 0.5
epochs = 3
seed = 7
"""


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "oddlog.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_config(path)

    return read


def test_every_key_is_taken(read):
    assert read(FULL) == Config(
        notices_per_day=5.0,
        notice_format="tsv",
        suppress_for=60.0,
        time_zone="Europe/Berlin",
        networks={"10.2.0.0/16": "clients", "2001:db8::/32": "servers", "192.0.2.7": "the printer"},
        conn=ConnConfig(order="start"),
        dce_rpc=DceRpcConfig(window_minutes=30.0),
        ntlm=NtlmConfig(profile="classic", modes="auto"),
        train=TrainConfig(held_back=0.5, epochs=3, seed=7),
    )


def test_every_key_may_be_left_out(read):
    assert read("") == read_config(None) == Config()


@pytest.mark.parametrize("kind", [Config, ConnConfig, DceRpcConfig, NtlmConfig, TrainConfig])
def test_every_key_is_described(kind):
    described = re.findall(r"^    (\w[\w, ]*)(?: : .*)?$", kind.__doc__.partition("-----\n")[2], re.MULTILINE)
    names = itertools.chain.from_iterable(line.split(", ") for line in described)
    assert sorted(names) == sorted(field.name for field in msgspec.structs.fields(kind))


def test_a_configuration_does_not_change(read):
    with pytest.raises(AttributeError):
        read("").notices_per_day = 3


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("notices_per_day = 0", "notices_per_day"),
        ("[ntlm]\nprofile = 'nine'", "ntlm.profile"),
        ("[ntlm]\nmodes = 0", "ntlm.modes"),
        ("[ntlm]\nmodes = 'some'", "ntlm.modes"),
        ("notices_per_day = nan", "notices_per_day"),
        ("notices_per_day = inf", "notices_per_day"),
        ("notices_per_day = true", "notices_per_day"),
        ('notice_format = "xml"', "notice_format"),
        ("suppress_for = -1", "suppress_for"),
        ("suppress_for = inf", "suppress_for"),
        ("time_zone = 1", "time_zone"),
        ('time_zone = "Middle/Earth"', "time_zone"),
        ('time_zone = "Europe"', "time_zone"),
        ('time_zone = "../UTC"', "time_zone"),
        ('time_zone = ""', "time_zone"),
        ('[networks]\n"10.0.0.0/8" = "a"\n"10.2.0.1/16" = "b"', "networks.'10.2.0.1/16'"),
        ('[networks]\n"ten" = "a"', "networks.'ten'"),
        ('[networks]\n"10.0.0.0/8" = "a"\n"10.2.0.0/16" = 5', "networks.'10.2.0.0/16'"),
        ('[networks]\n"10.0.0.0/8" = ""', "networks.'10.0.0.0/8'"),
        ("networks = 5", "networks"),
        ('[conn]\norder = "sideways"', "conn.order"),
        ("conn = 5", "conn"),
        ("[dce_rpc]\nwindow_minutes = 0", "dce_rpc.window_minutes"),
        ("[dce_rpc]\nwindow_minutes = 1e-9", "dce_rpc.window_minutes"),
        ("[dce_rpc]\nwindow_minutes = 20000", "dce_rpc.window_minutes"),
        ("[train]\nheld_back = 1.0", "train.held_back"),
        ("[train]\nheld_back = 0", "train.held_back"),
        ("[train]\nepochs = 0", "train.epochs"),
        ("[train]\nepochs = 1.5", "train.epochs"),
        ("[train]\nseed = -1", "train.seed"),
        ("notice_per_day = 20", "notice_per_day"),
        ("[train]\nepoch = 3", "train.epoch"),
        ("[trian]\nepochs = 3", "trian"),
        ("a = = 3", "line 1"),
        ('notices_per_day = 3\ntime_zone = "', "file"),
        (b"notices_per_day = 3\n# \xff", "line 2"),
    ],
)
def test_an_error_names_the_file_and_the_path_of_the_key(read, tmp_path, content, key):
    with pytest.raises(ConfigError) as raised:
        read(content)
    assert raised.value.key == key
    assert raised.value.exit_code == 2
    said = str(raised.value)
    assert said.startswith(f"{tmp_path / 'oddlog.toml'}: {key}: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('notice_format = "xml"', "expected json or tsv"),
        ('[conn]\norder = "up"', "expected end or start"),
        ("[train]\nepoch = 3", "there is no such key"),
        ("[train]\nepochs = 0", "expected `int` >= 1"),
    ],
)
def test_an_error_says_what_was_expected(read, content, expected):
    with pytest.raises(ConfigError) as raised:
        read(content)
    assert raised.value.expected == expected


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_config(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_config(tmp_path)
