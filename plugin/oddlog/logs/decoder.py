"""Bytes of one log file, piece by piece, to batches."""

from __future__ import annotations

import dataclasses
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from oddlog.errors import LogError
from oddlog.logs.authentication import HEADER as AUTHENTICATION
from oddlog.logs.authentication import read_authentications, tells_authentications
from oddlog.logs.batch import Batch, concat
from oddlog.logs.checked import checked
from oddlog.logs.cicflow import header_of, header_rows, read_cicflow
from oddlog.logs.count import ReadCount
from oddlog.logs.host_events import NAME as HOST_EVENTS
from oddlog.logs.host_events import read_events, tells_events
from oddlog.logs.json_lines import first_object, read_objects
from oddlog.logs.lenient import shown
from oddlog.logs.lines import Lines, without_returns
from oddlog.logs.netflow import HEADER as NETFLOW
from oddlog.logs.netflow import read_flows, tells_netflow
from oddlog.logs.plain import TOO_LONG, plain_objects, plain_rows
from oddlog.logs.schema import FLOWS, LOGS, PATH_KEYS, ZEEK_TYPES, log_of_fields, log_of_name
from oddlog.logs.tsv import Header, read_rows, tells

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from oddlog.logs.checked import Wrong

__all__ = ["Decoder"]

_OWN = {NETFLOW: read_flows, AUTHENTICATION: read_authentications}
"""Readers of what has no header, and is in the order of its times."""


class Decoder:
    """Turns whole lines of one file into batches, remembering the header.

    Parameters
    ----------
    source : str
        Path of the file, for errors and batches.
    log : str, optional
        The log's type; else its header, ``_path``, its name or its fields tell.
    on_bad : callable, optional
        Called with a `LogError` for every bad line.

    Attributes
    ----------
    log : str or None
        The log's type, None until it is known.
    line : int
        Lines taken so far.
    count : ReadCount
        What became of them.
    """

    def __init__(self, source: str, log: str | None = None, on_bad: Callable[[LogError], None] | None = None) -> None:
        self.source = source
        self.log = log
        self.line = 0
        self.count = ReadCount()
        self._header = Header()
        self._on_bad = on_bad
        self._wrong: list[LogError] = []

    @property
    def has_header(self) -> bool:
        """Whether a TSV header has named the fields."""
        return bool(self._header.fields)

    def state(self) -> dict[str, Any]:
        """Say what a decoder that goes on in mid-file must know, in JSON's types."""
        return {
            "source": self.source,
            "log": self.log,
            "line": self.line,
            "header": dataclasses.asdict(self._header),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], on_bad: Callable[[LogError], None] | None = None) -> Decoder:
        """Make a decoder that goes on where another one's `state` was taken."""
        decoder = cls(state["source"], state["log"], on_bad)
        decoder.line = state["line"]
        header = dict(state["header"])
        header["fields"], header["types"] = tuple(header["fields"]), tuple(header["types"])
        decoder._header = Header(**header)
        return decoder

    def feed(self, data: bytes, *, final: bool = False) -> list[Batch]:
        """Decode some lines.

        Parameters
        ----------
        data : bytes
            Whole lines, with their newlines.
        final : bool
            The file ends here; its last line may lack the newline.

        Returns
        -------
        list of Batch
            Usually one; none without records, several where a new header stands in between.

        Raises
        ------
        ValueError
            `data` ends in mid-line and is not final.
        """
        if not data:
            return []
        if not data.endswith(b"\n"):
            if not final:
                raise ValueError("a decoder takes whole lines")
            data += b"\n"
        lines = self._split(without_returns(data))
        self.line += len(lines)
        self.count.lines += len(lines)
        first = lines.bytes_at(lines.starts)
        blank, comment = first == ord("\n"), first == ord("#")
        named = header_rows(lines.data) if self.log in {None, FLOWS} else []
        if named:
            comment[np.searchsorted(lines.starts, named)] = True
        self.count.blank += int(blank.sum())
        self.count.headers += int(comment.sum())
        batches = []
        begin = 0
        for row in np.flatnonzero(comment):
            if tells(lines[int(row)]) or int(lines.starts[row]) in named:
                batches += self._section(lines, ~(blank | comment), begin, int(row))
                self._read_header(lines[int(row)])
                begin = int(row) + 1
        batches += self._section(lines, ~(blank | comment), begin, len(lines))
        self._tell()
        return batches

    def _split(self, data: bytes) -> Lines:
        header, first = self._header, self.line + 1
        if header.joined or not (header.fields and header.separates()) or len(data) > TOO_LONG:
            return Lines.split(data, first)
        return Lines.of_rows(data, first, header.separator, len(header.fields))

    def _read_header(self, line: bytes) -> None:
        if not line.startswith(b"#"):
            self._header, self.log = header_of(line), FLOWS
            return
        self._header = self._header.read(line)
        if self.log is None and self._header.fields:
            named = log_of_name(PurePath(self.source).name)
            self.log = self._header.path or named or log_of_fields(self._header.fields)

    def _section(self, lines: Lines, keep: NDArray[np.bool_], begin: int, end: int) -> list[Batch]:
        """Decode the rows between two header lines."""
        if not keep[begin:end].any():
            return []
        lines = lines.slice(begin, end).where(keep[begin:end])
        unreadable = lines.unreadable()
        if unreadable:
            self._report(lines, unreadable)
            readable = np.ones(len(lines), np.bool_)
            readable[list(unreadable)] = False
            lines = lines.where(readable)
        objects = lines.bytes_at(lines.starts) == ord("{")
        read = self._flows if self._header.path == FLOWS else self._rows
        found = [*self._objects(lines.where(objects)), *read(lines.where(~objects))]
        parts = [batch for batch in found if len(batch)]
        if len(parts) > 1:
            mixed = concat(parts)
            parts = [mixed.take(np.argsort(mixed.lines))]
        return parts

    def _objects(self, lines: Lines) -> list[Batch]:
        if not len(lines):
            return []
        if self.log is None and tells_events(lines.data):
            self.log = HOST_EVENTS
        if self.log == HOST_EVENTS:
            return [self._batch(lines, HOST_EVENTS, *read_events(lines))]
        if self.log is None:
            telling, self.log = _first_telling(lines, self.source)
            self._refuse(lines.slice(0, telling), "_path")
            lines = lines.slice(telling, len(lines))
        if self.log not in LOGS:
            self._refuse(lines, "_path")
            return []
        log = self.log
        return self._batches(lines, log, plain_objects(lines, log), lambda odd: read_objects(odd, log))

    def _flows(self, lines: Lines) -> list[Batch]:
        return [self._batch(lines, FLOWS, *read_cicflow(lines, self._header))] if len(lines) else []

    def _rows(self, lines: Lines) -> list[Batch]:
        if not len(lines):
            return []
        if not self._header.fields and tells_netflow(lines.data):
            self._header, self.log = NETFLOW, NETFLOW.path
        if not self._header.fields and tells_authentications(lines.data):
            self._header, self.log = AUTHENTICATION, AUTHENTICATION.path
        header = self._header
        if not header.separates():
            wrong = ("#separator", "one ASCII character", header.separator)
            self._report(lines, dict.fromkeys(range(len(lines)), wrong))
            return []
        if not header.fields:
            expected = "a JSON object, or a row below #fields"
            self._report(lines, {i: ("line", expected, shown(lines[i])) for i in range(len(lines))})
            return []
        if self.log not in {*LOGS, AUTHENTICATION.path} or header.path not in {"", self.log}:
            self._refuse(lines, "#path")
            return []
        log = self.log
        if header in _OWN:
            found = self._batches(lines, log, None, _OWN[header])
            return [dataclasses.replace(batch, order="start") for batch in found]
        plain = plain_rows(lines, header, log)
        return self._batches(lines, log, plain, lambda odd: read_rows(odd, header, ZEEK_TYPES[log]))

    def _batches(
        self,
        lines: Lines,
        log: str,
        found: tuple[pa.RecordBatch, NDArray[np.bool_]] | None,
        read: Callable[[Lines], tuple[dict[str, pa.Array], Wrong]],
    ) -> list[Batch]:
        """Records of the plain lines that were found, and of the others as a slower reader judges them."""
        if found is None or not found[1].any():
            return [self._batch(lines, log, *read(lines))]
        table, plain = found
        self.count.records += len(table)
        batches = [Batch(log, table, self.source, lines.numbers[plain])]
        if not plain.all():
            odd = lines.where(~plain)
            batches.append(self._batch(odd, log, *read(odd)))
        return batches

    def _batch(self, lines: Lines, log: str, columns: dict[str, pa.Array], refused: Wrong) -> Batch:
        table, out_of_range = checked(log, columns, len(lines))
        wrong = out_of_range | refused
        numbers = lines.numbers
        if wrong:
            self._report(lines, wrong)
            good = np.ones(len(lines), np.bool_)
            good[list(wrong)] = False
            table, numbers = table.filter(pa.array(good)), numbers[good]
        self.count.records += len(numbers)
        return Batch(log, table, self.source, numbers)

    def _refuse(self, lines: Lines, field: str) -> None:
        found = self._header.path or self.log or "no log that oddlog knows"
        expected = self.log if self.log in LOGS else "conn, dce_rpc or ntlm"
        self._report(lines, dict.fromkeys(range(len(lines)), (field, str(expected), found)))

    def _report(self, lines: Lines, wrong: Wrong) -> None:
        self._wrong += [LogError(self.source, int(lines.numbers[row]), *wrong[row]) for row in wrong]

    def _tell(self) -> None:
        """Tell of bad lines in their order, in which they were not found."""
        for error in sorted(self._wrong, key=lambda error: error.line):
            self.count.add_bad(error)
            if self._on_bad:
                self._on_bad(error)
        self._wrong = []


def _first_telling(lines: Lines, source: str) -> tuple[int, str | None]:
    """Find the first JSON line that tells which log it is of."""
    named = log_of_name(PurePath(source).name)
    for i in range(len(lines)):
        found = first_object(lines[i])
        path = next((found[key] for key in PATH_KEYS if isinstance(found.get(key), str)), None)
        log = path or named or log_of_fields(found)
        if log:
            return i, log
    return len(lines), None
