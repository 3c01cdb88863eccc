"""What Zeek counts in connections: states, histories, packets and bytes that agree with each other."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from oddlog.simulate.kinds import Ending
    from oddlog.simulate.site import Strings

__all__ = ["Endings", "Shape", "tcp", "udp"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Shape = dict[str, npt.NDArray[Any]]

SEGMENT = 1460
LOSS = 0.0007


@cache
def _table(endings: tuple[Ending, ...]) -> tuple[Floats, tuple[str, ...], tuple[str, ...], Floats]:
    weights = np.array([weight for *_, weight in endings], float)
    counts = np.array([[history.count(letter) for letter in "SAFRDdhfr"] for _, history, _ in endings], float)
    return np.cumsum(weights / weights.sum()), tuple(e[0] for e in endings), tuple(e[1] for e in endings), counts


def _with(letter: str, history: str) -> str:
    cut = next((i for i, ending in enumerate(history) if ending in "FfRr"), len(history))
    return history[:cut] + letter + history[cut:]


class Endings:
    """How each of n connections ended, drawn by weight."""

    def __init__(self, endings: tuple[Ending, ...], n: int, rng: np.random.Generator) -> None:
        cumulative, self._states, self._histories, counts = _table(endings)
        self._chosen = np.minimum(np.searchsorted(cumulative, rng.random(n)), len(endings) - 1)
        self._has = (counts > 0)[self._chosen]

    def has(self, letter: str) -> Bools:
        """Say which histories hold a letter."""
        found: Bools = self._has[:, "SAFRDdhfr".index(letter)]
        return found

    def names(self, strings: Strings, lossy: Bools, gap: Bools) -> tuple[Ints, Ints]:
        """Give conn_state and history as codes; the history tells of a retransmission, and of what Zeek missed."""
        state = strings.codes(list(self._states))[self._chosen]
        clean = strings.codes(list(self._histories))[self._chosen]
        again = strings.codes([_with("t" if "d" in h else "T", h) for h in self._histories])[self._chosen]
        holed = strings.codes([_with("g" if "d" in h else "G", h) for h in self._histories])[self._chosen]
        return state, np.where(gap, holed, np.where(lossy, again, clean))


def tcp(
    end: Endings, payload: tuple[Floats, Floats], turns: Ints, timestamps: Bools, rng: np.random.Generator
) -> Shape:
    """Count the packets of TCP connections.

    Parameters
    ----------
    end : Endings
    payload : pair of (n,) float64
        Bytes sent and received; nothing where the history has no data from that side.
    turns : (n,) int64
        Requests with an answer.
    timestamps : (n,) bool
        Both sides use TCP timestamps: twelve bytes more in each header.
    rng : numpy.random.Generator

    Returns
    -------
    Shape
        orig and resp bytes, pkts, ip_bytes, missed_bytes, and `lossy`, `silent` (a lone SYN), `waited` (seconds of
        repeated SYNs).
    """
    sent, received = payload
    n = len(sent)
    out = np.where(end.has("D"), np.maximum(sent, 1), 0).astype(np.int64)
    back = np.where(end.has("d"), np.maximum(received, 1), 0).astype(np.int64)
    full_out, full_back = -(-out // SEGMENT), -(-back // SEGMENT)
    # Small answers ride on the next request; every second full segment is acknowledged on its own.
    segments_out = np.where(out > 0, np.maximum(full_out, np.minimum(turns, out)), 0)
    segments_back = np.where(back > 0, np.maximum(full_back, np.minimum(turns, back)), 0)
    late = rng.integers(0, 2, (2, n))
    pkts_out = segments_out + np.maximum(segments_back - turns, 0) // 2 + 2 * end.has("A")
    pkts_out += end.has("S") * ~end.has("A") + end.has("R") + end.has("f") * end.has("F") + late[0] * end.has("d")
    pkts_back = segments_back + np.maximum(segments_out - turns, 0) // 2 + end.has("h")
    pkts_back += end.has("r") + end.has("f") * end.has("F") + late[1] * end.has("D")
    lossy = end.has("D") & (rng.random(n) < 1 - (1 - LOSS) ** (pkts_out + pkts_back))
    lossy_back = lossy & end.has("d")
    lossy_out = lossy & ~lossy_back
    header, options = np.where(timestamps, 52, 40), np.where(timestamps, 8, 12)
    pkts_out, pkts_back = pkts_out + lossy_out, pkts_back + lossy_back
    ip_out = out + header * pkts_out + options * end.has("S") + np.minimum(out, SEGMENT) * lossy_out
    ip_back = back + header * pkts_back + options * end.has("h") + np.minimum(back, SEGMENT) * lossy_back
    holes = rng.geometric(0.3, n) * ((segments_back > 30) & (rng.random(n) < 0.004))
    unanswered = end.has("S") & ~end.has("h") & ~end.has("r")
    tries = rng.choice([1, 3, 5], n, p=[0.5, 0.4, 0.1])
    waited = np.where(tries == 3, 3.0, 15.0) * np.exp(0.003 * rng.standard_normal(n))
    return {
        "orig_bytes": out,
        "resp_bytes": back,
        "orig_pkts": np.where(unanswered, tries, pkts_out),
        "orig_ip_bytes": np.where(unanswered, tries * (header + options), ip_out),
        "resp_pkts": np.where(unanswered, 0, pkts_back),
        "resp_ip_bytes": np.where(unanswered, 0, ip_back),
        "missed_bytes": SEGMENT * holes,
        "lossy": lossy,
        "silent": unanswered & (tries == 1),
        "waited": np.where(unanswered, waited, np.nan),
    }


def udp(end: Endings, payload: tuple[Floats, Floats], turns: Ints, header: Ints, rng: np.random.Generator) -> Shape:
    """Count the packets of UDP and ICMP flows; as `tcp`, sizes being of all packets when every turn is taken."""
    sent, received = payload
    answered = end.has("d")
    least = np.maximum(turns, -(-sent.astype(np.int64) // SEGMENT))
    # What nobody answers is sent once or several times over, in pieces of one size.
    pkts_out = np.where(answered, least, np.maximum(1, least + rng.integers(-1, 2, len(sent)) * (least > 1)))
    out = np.maximum(sent * pkts_out / least, 1).astype(np.int64)
    back = np.where(answered, np.maximum(received, 1), 0).astype(np.int64)
    pkts_back = np.where(answered, np.maximum(turns, -(-back // SEGMENT)), 0)
    return {
        "orig_bytes": out,
        "resp_bytes": back,
        "orig_pkts": pkts_out,
        "orig_ip_bytes": out + header * pkts_out,
        "resp_pkts": pkts_back,
        "resp_ip_bytes": back + header * pkts_back,
        "missed_bytes": np.zeros(len(out), np.int64),
        "lossy": np.zeros(len(out), bool),
        "silent": (pkts_out == 1) & ~answered,
        "waited": np.full(len(out), np.nan),
    }
