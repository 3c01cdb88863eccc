"""A day of an office to attack."""

from __future__ import annotations

import numpy as np
import pytest
from oddlog.drill.hours import latest_hours
from oddlog.drill.kinds import Scene
from oddlog.drill.site import Site
from oddlog.logs import LOGS, open_logs
from oddlog.simulate import simulate


@pytest.fixture(scope="session")
def office_day(tmp_path_factory):
    """A day of 40 hosts with all its logs."""
    return simulate(tmp_path_factory.mktemp("day") / "office", hosts=40, days=1, seed=5).folders[0]


@pytest.fixture(scope="session")
def hours(office_day):
    return latest_hours(open_logs([office_day]), LOGS)


@pytest.fixture(scope="session")
def site(hours):
    return Site(hours)


@pytest.fixture
def scene(site):
    return Scene(site, np.random.default_rng(2))
