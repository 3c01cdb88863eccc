"""How hypothesis runs here."""

from __future__ import annotations

from hypothesis import settings
from numba import config

# No deadline: the machine is shared, and without numba's compiler a kernel takes as long as it takes. What is compiled
# is tried with all examples; that leg is for where the two differ.
settings.register_profile("core", deadline=None, max_examples=30 if config.DISABLE_JIT else 100)
settings.load_profile("core")
