"""`oddlog train`."""

from __future__ import annotations

import importlib.util
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from oddlog_core.options import Architecture, FeatureSet, Loss, NoveltyModel, Optimizer, Profile, Schedule

from oddlog.cli.options import config_option, logs_argument, progress, read_count_lines
from oddlog.errors import OddlogError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.progress import TaskID

__all__ = ["train"]


def _choice(name: str, values: Any, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that stands above the key of the same name in oddlog.toml's ``[train]`` or ``[ntlm]``."""
    return click.option(name, type=click.Choice(get_args(values)), help=f"{text} Default: oddlog.toml's.")


class _Modes(click.ParamType[int | str]):
    """A number, or ``auto``."""

    name = "auto|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Read it."""
        return "auto" if value == "auto" else click.IntRange(1, 100).convert(value, param, ctx)


def _detectors(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Names of detectors, each option some of them."""
    from oddlog_core.bundle import DETECTORS

    from oddlog.baseline import NOVELTY, SESSIONS

    known = sorted({NOVELTY, SESSIONS, *(name for kind in DETECTORS for name in (kind.log, kind.name))})
    wanted = tuple(name for text in texts for name in text.split(","))
    for name in wanted:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(known)}")
    return wanted


@click.command()
@logs_argument
@click.option("--bundle", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@config_option
@_choice("--features", FeatureSet, "What the conn detector sees: connections; the bustle around them; and all else.")
@_choice("--architecture", Architecture, "Of its autoencoder.")
@_choice("--optimizer", Optimizer, "Of its training.")
@_choice("--schedule", Schedule, "Of its learning rate.")
@_choice("--loss", Loss, "Of its training.")
@_choice("--profile", Profile, "What the ntlm detector sees: all that tells of a logon; or the nine classic fields.")
@click.option("--modes", type=_Modes(), help="Kinds of usual logons. Default: oddlog.toml's.")
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    callback=_detectors,
    metavar="A,B,...",
    help="The usual detectors of a log by its name, novelty, sessions. Default: all but novelty of conn, and sessions.",
)
@_choice("--model", NoveltyModel, "Of novelty.")
@click.option(
    "--labels",
    "labels_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What sessions are learned from: tab-separated as `oddlog evaluate` takes it, or LANL's red team list.",
)
@click.option(
    "--save-features",
    "features_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the sessions, their cutoffs, labels and features: Parquet.",
)
@click.option("--comment", default="", help="Kept in the bundle: what it is for.")
@click.option("--no-drill", is_flag=True, help="Do not try at the end which attacks the bundle finds.")
def train(
    logs: tuple[str, ...],
    bundle: Path,
    config_path: Path | None,
    detectors: tuple[str, ...],
    settings: tuple[str, ...],
    profile: str | None,
    modes: int | str | None,
    labels_path: Path | None,
    features_path: Path | None,
    comment: str,
    no_drill: bool,
    **chosen: str | None,
) -> None:
    """Learn what is normal from LOGS and write it to a bundle.

    LOGS are files, globs and folders with conn, ntlm and dce_rpc logs, or with CICFlowMeter's CSV. The latest quarter
    of them, and of most logs the earliest, is held back to set thresholds by. Needs the extra `train` where there are
    conn logs or flows, or sessions are asked for: those of ntlm logs or of LANL's authentication events, which are
    learned from labels. At the end attacks are put into a copy of the latest hours, as `oddlog drill` does; the bundle
    keeps what is found.

    \b
    Examples:
        oddlog train office/2024-01-29 office/2024-01-30 --bundle office-bundle
        oddlog train office/2024-01-29/conn.log --detector novelty --model svm --bundle novel
        oddlog train office/*/ntlm.log --bundle classic --profile classic --modes auto
    """  # noqa: D301 - click wants the character, not the two signs
    import msgspec
    from oddlog_core.bundle import keep_drill, read_bundle

    from oddlog import baseline
    from oddlog.config import read_config
    from oddlog.drill import drill, drill_lines
    from oddlog.labels import read_record_labels
    from oddlog.logs import LOGS, open_logs

    started = time.monotonic()
    config = read_config(config_path, settings)
    tables: dict[str, dict[str, Any]] = {"train": chosen, "ntlm": {"profile": profile, "modes": modes}}
    for name, options in tables.items():
        wanted = {key: value for key, value in options.items() if value}
        table = msgspec.structs.replace(getattr(config, name), **wanted)
        config = msgspec.structs.replace(config, **{name: table})
    with progress() as bar:
        reading = bar.add_task("reading")
        stages: dict[str, TaskID] = {}

        def on_progress(stage: str, share: float) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(f"learning {stage}", total=1.0)
                if not bar.console.is_terminal:
                    click.echo(f"learning {stage}", err=True)
            bar.update(stages[stage], completed=share)

        found = open_logs(logs, config.conn.order, on_bytes=lambda n: bar.advance(reading, n))
        bar.update(reading, total=found.total_bytes)
        logs_learned = {kind.log for kind in baseline.kinds(detectors)} & {*found.names}
        _check_extras(logs_learned, detectors, labels_path)
        labels = read_record_labels(labels_path) if labels_path else None
        learned = baseline.train(
            found,
            config,
            bundle,
            detectors=detectors,
            labels=labels,
            keep=(lambda columns: _write(features_path, columns)) if features_path else None,
            comment=comment,
            on_progress=on_progress,
        )
        drilled = None
        if not no_drill and logs_learned & set(LOGS):
            drilled = drill(found, read_bundle(bundle), config, on_progress=partial(on_progress, "what it finds"))
            keep_drill(bundle, drilled)
    for line in read_count_lines(found.count):
        click.echo(line)
    for name, about in learned.trained.items():
        click.echo(f"{name}: learned from {about.records:,} records, {about.held_back:,} scores held back")
        for line in learned.told.get(name, ()):
            click.echo(f"  {line}")
    if labels is not None:
        click.echo(f"labels of malicious records that were there: {len(labels.found):,} of {len(labels.events):,}")
    for log, why in learned.left_out.items():
        click.echo(f"{log}: left out of the bundle: {why}")
    for line in drill_lines(drilled) if drilled is not None else ():
        click.echo(line)
    click.echo(f"{bundle} written in {time.monotonic() - started:.1f} s; `oddlog inspect {bundle}` prints it")


def _check_extras(logs: set[str], detectors: tuple[str, ...], labels: Path | None) -> None:
    """Whether what learning needs is there, before anything is read."""
    from oddlog_core.detectors.risk import SessionsDetector

    from oddlog import baseline

    if logs & {"conn", "flows"} and importlib.util.find_spec("torch") is None:
        raise OddlogError("learning from conn logs and flows needs torch: install oddlog with its extra `train`")
    if any(issubclass(kind, SessionsDetector) for kind in baseline.kinds(detectors)):
        if labels is None:
            raise OddlogError("sessions are learned from labels: give --labels")
        if importlib.util.find_spec("skl2onnx") is None:
            raise OddlogError("learning sessions needs skl2onnx: install oddlog with its extra `train`")


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    """Columns as Parquet, ``cutoff`` as a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    arrays["cutoff"] = arrays["cutoff"].cast(pa.timestamp("us", "UTC"))
    try:
        pq.write_table(pa.table(arrays), path)
    except OSError as error:
        raise OddlogError(f"{path} cannot be written: {error.strerror or error}") from None
