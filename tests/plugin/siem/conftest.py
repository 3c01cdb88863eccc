"""Notices as oddlog writes them, to hold what ships for SIEMs against."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from oddlog import archive
from oddlog.config import Config
from oddlog.logs import open_logs

if TYPE_CHECKING:
    from pathlib import Path

    from oddlog.notices import Finding


class Notices(NamedTuple):
    json: Path
    tsv: Path
    findings: list[Finding]


@pytest.fixture(scope="session")
def real_notices(small_office, logon_bundle, tmp_path_factory) -> Notices:
    """Notice logs of a day under attack in both formats, and some of their findings."""
    folder = tmp_path_factory.mktemp("notices")
    for form in ("json", "tsv"):
        logs = open_logs([small_office.attacked / "ntlm.log", small_office.attacked / "dce_rpc.log"])
        config = Config(notices_per_day=1000, notice_format=form)
        summary = archive.score(logs, logon_bundle, config, folder / form)
    return Notices(folder / "json" / "notice.log", folder / "tsv" / "notice.log", list(summary.rarest))
