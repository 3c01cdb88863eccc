"""`oddlog warm`."""

from __future__ import annotations

import time
from collections import Counter

import click

__all__ = ["warm"]


@click.command()
def warm() -> None:
    """Compile the kernels into their cache, so that no later start has to.

    Run it after installing, as the user who may write there, on the kind of processor that will score. The cache is
    the first folder that can be written of $NUMBA_CACHE_DIR, the installed package and ~/.cache/numba; every command
    finds it in any of them, also where it can only be read. Exits with 1 where none can be written.

    \b
    Example:
        oddlog warm
    """  # noqa: D301 - click wants the character, not the two signs
    started = time.monotonic()
    from oddlog_core.kernels import compile_all

    kernels = compile_all()
    new = [one for one in kernels if not one.found]
    click.echo(
        f"{len(kernels)} kernels: {len(new)} compiled, {len(kernels) - len(new)} found compiled, "
        f"in {time.monotonic() - started:.1f} s"
    )
    for folder, n in Counter(one.folder for one in kernels if one.folder).items():
        click.echo(f"{folder} holds {n}")
    if any(one.folder is None for one in kernels):
        raise SystemExit(1)
