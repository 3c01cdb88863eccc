"""`oddlog simulate`, as a user calls it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from oddlog.cli.simulate import simulate


def run(*arguments):
    return CliRunner().invoke(simulate, [str(argument) for argument in arguments])


def test_the_command_writes_a_folder_a_day_and_says_what(tmp_path):
    out = tmp_path / "office"
    result = run(out, "--hosts", 40, "--days", 2, "--start", "2024-03-01", "--attacks", "--format", "json", "--gzip")
    assert result.exit_code == 0, result.output
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
        *(f"2024-03-0{day}/{log}.log.gz" for day in (1, 2) for log in ("conn", "dce_rpc", "ntlm")),
        "labels.tsv",
    ]
    assert "in attacks" in result.stdout
    assert str(out / "labels.tsv") in result.stdout


@pytest.mark.parametrize("wrong", [("--hosts", 3), ("--days", 0), ("--start", "tomorrow"), ("--format", "xml")])
def test_wrong_usage_exits_with_2_and_names_the_option(tmp_path, wrong):
    result = run(tmp_path / "office", *wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.stderr


def test_the_help_has_an_example():
    assert "oddlog simulate office --hosts 200 --days 4 --attacks" in run("--help").stdout
