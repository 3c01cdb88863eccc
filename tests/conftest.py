"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A machine that is busy fails no test: how long an example may take says nothing of what is right.
settings.register_profile("oddlog", deadline=None)
settings.load_profile("oddlog")

REAL_LOGS = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """Folder of real Zeek logs that may not be copied into the project; a test that needs it skips without it."""
    if not REAL_LOGS.is_dir():
        pytest.skip(f"{REAL_LOGS} is missing: real logs are not part of the repository")
    return REAL_LOGS
