"""Made-up flows as CICFlowMeter writes them."""

from __future__ import annotations

import numpy as np

HEADER = (
    "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Total Fwd Packet,Total Bwd packets,"
    "Total Length of Fwd Packet,Total Length of Bwd Packet,Flow Bytes/s,Flow IAT Mean,Label\n"
)


def flows_csv(benign: int, malicious: int, seed: int = 1) -> bytes:
    """Benign flows over two days, and among them malicious ones: many packets without a byte."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(["Benign"] * benign + ["Flood"] * malicious)
    times = np.sort(rng.integers(0, 2 * 86_400, len(labels)))
    rows = [HEADER]
    for i, (label, time) in enumerate(zip(labels, times, strict=True)):
        day, second = divmod(int(time), 86_400)
        stamp = f"{14 + day}/02/2018 {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        sent, got = rng.lognormal(6, 1, 2)
        there, back, duration = int(sent // 500) + 2, int(got // 500) + 2, int(rng.lognormal(11, 1))
        if label == "Flood":
            there, back, duration, sent, got = int(rng.integers(5000, 9000)), 0, int(rng.integers(0, 3)), 0, 0
        speed = f"{(sent + got) / duration * 1e6:.3f}" if duration else "Infinity"
        ends = f"F{i},10.0.0.{rng.integers(1, 20)},{rng.integers(49152, 65536)},10.0.1.{rng.integers(1, 4)},443,6"
        amounts = f"{duration},{there},{back},{int(sent)},{int(got)},{speed},{duration / (there + back):.3f}"
        rows.append(f"{ends},{stamp},{amounts},{label}\n")
    return "".join(rows).encode()
