"""`oddlog check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oddlog.cli.options import bundle_folder, config_option
from oddlog.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oddlog.check import Remark

__all__ = ["check"]

PATH = click.Path(path_type=Path)


@click.command()
@config_option
@click.option("--bundle", required=True, metavar="DIR", help="What `oddlog train` wrote.")
@click.option("--logs", type=PATH, metavar="LOGDIR", help="Where Zeek writes.")
@click.option("--out", type=PATH, metavar="DIR", help="Where notice.log goes.")
@click.option("--state", type=PATH, metavar="DIR", help="What must survive a restart.")
def check(
    config_path: Path | None,
    settings: tuple[str, ...],
    bundle: str,
    logs: Path | None,
    out: Path | None,
    state: Path | None,
) -> None:
    """Say what a watch with these options would stumble over, a line for each thing looked at.

    Nothing is started and nothing is written. Run it as the user that will watch: it looks at what that user may
    read and write. Exits with 2 where a line begins with error.

    \b
    Example:
        oddlog check --bundle office-bundle --logs office/2024-02-01 --out found --state state
    """  # noqa: D301 - click wants the character, not the two signs
    remarks = list(_remarks(config_path, settings, bundle, logs, out, state))
    for remark in remarks:
        click.echo(f"{remark.level}: {remark.about}: {remark.says}")
    if any(remark.level == "error" for remark in remarks):
        raise SystemExit(2)


def _remarks(
    config_path: Path | None,
    settings: tuple[str, ...],
    bundle: str,
    logs: Path | None,
    out: Path | None,
    state: Path | None,
) -> Iterator[Remark]:
    from oddlog import check as checking

    yield from checking.check_config(config_path, settings)
    try:
        yield from checking.check_bundle(bundle_folder(bundle))
    except click.BadParameter as error:
        yield checking.Remark("error", "bundle", error.message)
    if logs:
        yield from checking.check_logs(logs)
    if out:
        yield from checking.check_folder("out", out, ["notice.log"])
    if state:
        yield from checking.check_folder("state", state, ["checkpoint", "lock"])
    if logs and out:
        try:
            checking.refuse_shared(logs, out)
        except UsageError as error:
            yield checking.Remark("error", "out", str(error))
