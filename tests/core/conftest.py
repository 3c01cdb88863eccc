"""How hypothesis runs here."""

from __future__ import annotations

from hypothesis import settings

# No deadline: the machine is shared, and without numba's compiler a kernel takes as long as it takes.
settings.register_profile("core", deadline=None)
settings.load_profile("core")
