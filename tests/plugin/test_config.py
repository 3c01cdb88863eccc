"""oddlog.toml: what may stand in it, what stands above it, and what is said of the rest."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog.config import (
    Config,
    ConnConfig,
    DceRpcConfig,
    LogConfig,
    MetricsConfig,
    NtlmConfig,
    TrainConfig,
    gather_config,
    read_config,
)
from oddlog.errors import ConfigError
from oddlog.keys import document, keys, tables

KEYS = keys(Config)
DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"

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

[metrics]
port = 9417

[log]
format = "json"
per_minute = 5

[train]
held_back = 0.5
epochs = 3
seed = 7
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for path in KEYS:
        monkeypatch.delenv("ODDLOG_" + "__".join(path).upper(), raising=False)


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
        metrics=MetricsConfig(port=9417),
        log=LogConfig(format="json", per_minute=5),
        train=TrainConfig(held_back=0.5, epochs=3, seed=7),
    )


def test_every_key_may_be_left_out(read):
    assert read("") == read_config(None) == Config()


@pytest.mark.parametrize("kind", tables(Config).values())
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
        ('notice_format = "xml"', "expected json or tsv, found 'xml'"),
        ('[conn]\norder = "up"', "expected end or start, found 'up'"),
        ("[train]\nepoch = 3", "there is no such key; train.epochs is one"),
        ("colour = 3", "there is no such key"),
        ("[train]\nepochs = 0", "expected a whole number from 1 to 1000, found 0"),
        ("[train]\nheld_back = 1", "expected a number over 0 and below 1, found 1"),
        ('[train]\nloss = "l1"', "expected bce or mse, found 'l1'"),
        ("train = 1", "expected a table, found 1"),
        ('time_zone = "Berlin"', "expected an IANA time zone such as Europe/Berlin, found 'Berlin'"),
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


def test_a_configuration_read_is_the_file_above_the_defaults_the_environment_above_it_and_settings_above_all(
    read, tmp_path, monkeypatch
):
    read("notices_per_day = 1\nsuppress_for = 1\n[train]\nepochs = 1\nseed = 1")
    monkeypatch.setenv("ODDLOG_SUPPRESS_FOR", "2")
    monkeypatch.setenv("ODDLOG_TRAIN__EPOCHS", "2")
    monkeypatch.setenv("ODDLOG_NETWORKS", '{"10.0.0.0/8" = "office"}')
    monkeypatch.setenv("ODDLOG_NOTICE_FORMAT", "tsv")
    assert read_config(tmp_path / "oddlog.toml", ["train.epochs=3", "time_zone = Europe/Berlin"]) == Config(
        notices_per_day=1,
        suppress_for=2,
        notice_format="tsv",
        time_zone="Europe/Berlin",
        networks={"10.0.0.0/8": "office"},
        train=TrainConfig(epochs=3, seed=1),
    )


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_every_key_can_be_set_in_the_environment_and_as_a_setting(path, monkeypatch):
    key = KEYS[path]
    text = key.default if isinstance(key.default, str) else "{}" if key.default == {} else repr(key.default)
    monkeypatch.setenv("ODDLOG_" + "__".join(path).upper(), text)
    assert read_config(None) == read_config(None, [f"{'.'.join(path)}={text}"]) == Config()
    monkeypatch.setenv("ODDLOG_" + "__".join(path).upper(), "[nonsense")
    with pytest.raises(ConfigError) as raised:
        read_config(None)
    assert str(raised.value).startswith(f"environment: ODDLOG_{'__'.join(path).upper()}: expected {key.expected}, ")


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("ODDLOG_TRAIN__EPOCH", "environment: ODDLOG_TRAIN__EPOCH: there is no such key; train.epochs is one"),
        ("ODDLOG_", "environment: ODDLOG_: there is no such key"),
        ("ODDLOG_TRAIN", "environment: ODDLOG_TRAIN: there is no such key; train is one"),
    ],
)
def test_a_variable_that_is_no_key_is_said(variable, says, monkeypatch):
    monkeypatch.setenv(variable, "3")
    with pytest.raises(ConfigError, match=re.escape(says)):
        read_config(None)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("train.epochs", "--set: train.epochs: expected KEY=VALUE, such as train.epochs=3"),
        ("train.epochs=many", "--set: train.epochs: expected a whole number from 1 to 1000, found 'many'"),
        ("epochs=3", "--set: epochs: there is no such key; train.epochs is one"),
        ("=3", "--set: : there is no such key"),
        ("networks={ten = 'a'}", "--set: networks.'ten': expected a CIDR"),
    ],
)
def test_a_setting_that_cannot_be_is_said(setting, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        read_config(None, [setting])


def test_all_that_is_wrong_is_gathered_and_the_rest_is_taken(tmp_path, monkeypatch):
    (tmp_path / "oddlog.toml").write_text("notices_per_day = 0\nsuppress_for = 5\n[train]\nepoch = 1\nseed = -1")
    monkeypatch.setenv("ODDLOG_TIME_ZONE", "Berlin")
    config, errors = gather_config(tmp_path / "oddlog.toml", ["metrics.port=70000"])
    assert config == Config(suppress_for=5)
    wrong = ["notices_per_day", "train.epoch", "train.seed", "ODDLOG_TIME_ZONE", "metrics.port"]
    assert [error.key for error in errors] == wrong


def uncommented(text):
    """A documented configuration with each key as it says the default is."""
    return re.sub(r"^#(?=\w)", "", text, flags=re.MULTILINE)


def test_the_documented_defaults_are_the_defaults(read):
    text = document(Config())
    assert read(text) == read(uncommented(text)) == Config()
    unwrapped = text.replace("\n# ", " ")
    for path, key in KEYS.items():
        explained = re.escape(f"{key.about} Expected: {key.expected}.")
        assert re.search(rf"{explained}\n(#{path[-1]} = |\[{path[-1]}\])", unwrapped), path


SOME = st.builds(
    Config,
    notices_per_day=st.floats(0.001, 1_000_000),
    notice_format=st.sampled_from(["json", "tsv"]),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin"]),
    networks=st.dictionaries(
        st.ip_addresses().map(str),
        st.text(st.characters(codec="utf-8"), min_size=1),
        max_size=3,
    ),
    train=st.builds(TrainConfig, epochs=st.integers(1, 1000), held_back=st.floats(0.01, 0.99)),
)


@given(SOME)
def test_a_configuration_printed_and_read_is_the_same(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("printed") / "oddlog.toml"
    path.write_text(document(config), encoding="utf-8")
    assert read_config(path) == config


def test_the_page_on_configuration_shows_what_oddlog_config_prints():
    (shown,) = re.findall(r"```toml\n(.*?)```", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL)
    assert shown == document(Config()), "paste what `oddlog config` prints into docs/configuration.md"
