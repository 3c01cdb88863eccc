"""`oddlog siem`."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import click

__all__ = ["siem"]

TARGETS = {
    "elastic": "Filebeat's input and an ingest pipeline",
    "logrotate": "rotation of notice.log",
    "rsyslog": "notices to a syslog server",
    "splunk": "inputs, props and transforms",
    "systemd": "a hardened service",
    "vector": "notices as events of Vector's",
}
# As it stands in the files.
INSTALLED = "/opt/oddlog/bin/oddlog"


@click.command()
@click.argument("target", type=click.Choice(list(TARGETS)), required=False)
@click.argument("file", required=False)
def siem(target: str | None, file: str | None) -> None:
    """Print what TARGET needs to run oddlog or to take its notices; without TARGET, which there are.

    Where TARGET needs several files, FILE chooses one. Each says in its first lines where it belongs.

    \b
    Examples:
        oddlog siem
        oddlog siem systemd
        oddlog siem splunk props.conf
    """  # noqa: D301 - click wants the character, not the two signs
    if target is None:
        for name, what in TARGETS.items():
            click.echo(f"{name}: {what} ({', '.join(_texts(name))})")
        return
    texts = _texts(target)
    if file is not None and file not in texts:
        raise click.BadParameter(f"{target} has {', '.join(texts)}, not {file}")
    for name, text in texts.items():
        if file is None and len(texts) > 1:
            click.echo(f"==> {name} <==")
        if file in (None, name):
            click.echo(text, nl=False)


def _texts(target: str) -> dict[str, str]:
    """The target's files by name, with this installation's own path in them."""
    here = Path(sys.executable).with_name("oddlog")
    found = sorted((files("oddlog") / "siem" / target).iterdir(), key=lambda file: file.name)
    texts = {file.name: file.read_text(encoding="utf-8") for file in found}
    return {name: text.replace(INSTALLED, str(here)) if here.exists() else text for name, text in texts.items()}
