"""A step on paper, of many machines that sum up their gradients in a ring: what docs/parallel.md shows.

p machines, each computing for T seconds, of which two thirds are backward; n bytes of gradients in messages of two
megabytes; links of B bytes a second, on which the first byte takes α seconds. A ring (Patarasuk & Yuan, "Bandwidth
optimal all-reduce algorithms for clusters of workstations", 2009) passes every number on 2 (p − 1) times, in parts of a
p-th, and two small sums a step, of the samples and the losses, take log2(p) rounds each:

    C = 2 (p − 1) / p  n / B  +  messages 2 (p − 1) α  +  2 log2(p) α

At worst nothing of C is hidden: T + C. At best what fits is hidden behind backward, but for the last message, which
leaves when backward is done: T + max(C / messages, C − 2/3 T).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

NODES = (8, 16, 32, 64, 128, 256)
BACKWARD = 2 / 3
"""The share of a step that is backward: two products for each of forward's."""
MESSAGE = 2 * 2**20
IMAGES_MEASURED, IMAGES, WHOLE_BATCH = 16, 64, 1024
"""Images of a step that was measured, of one on a machine, and of a batch that all machines share."""
CORES, PARALLEL = 32, 0.85
"""Of a machine on paper, and what its threads keep of so many times the speed of one; measured is one thread."""
USEFUL = 0.5
"""The least efficiency at which more machines are said to be worth having."""


@dataclass(frozen=True)
class Link:
    """``gigabits`` a second, ``latency`` in seconds: of TCP on the slower ones, of RDMA on the faster."""

    gigabits: float
    latency: float

    @property
    def bytes_per_second(self) -> float:
        return self.gigabits * 1e9 / 8


LINKS = (Link(1, 50e-6), Link(10, 30e-6), Link(25, 10e-6), Link(100, 3e-6))


def communication(nodes: int, size: float, link: Link) -> float:
    """C: seconds of all messages of a step."""
    if nodes == 1:
        return 0.0
    messages = math.ceil(size / MESSAGE)
    ring = 2 * (nodes - 1) / nodes * size / link.bytes_per_second + messages * 2 * (nodes - 1) * link.latency
    return ring + 2 * math.ceil(math.log2(nodes)) * link.latency


def step(nodes: int, compute: float, size: float, link: Link) -> tuple[float, float]:
    """Seconds of a step in the best and in the worst case."""
    cost = communication(nodes, size, link)
    last = cost / math.ceil(size / MESSAGE)
    return compute + max(min(last, cost), cost - BACKWARD * compute), compute + cost


def efficiency(nodes: int, compute: float, size: float, link: Link) -> tuple[float, float]:
    """What of the machines' work is computing, in the worst and in the best case."""
    best, worst = step(nodes, compute, size, link)
    return compute / worst, compute / best


def limit(seconds_per_image: float, size: float, link: Link, images: int | None) -> int:
    """The most machines, of 1, 2, 4, ..., that are useful at best: with ``images`` each, or sharing a whole batch."""
    found = 1
    for nodes in (2**power for power in range(1, 13)):
        own = images or WHOLE_BATCH / nodes
        if own < 1 or efficiency(nodes, own * seconds_per_image, size, link)[1] < USEFUL:
            break
        found = nodes
    return found


def tables(rows: list[dict[str, Any]]) -> str:
    """In Markdown, of each network measured on one process: the efficiency by machines and link, and limits."""
    lines = []
    for row in (row for row in rows if row["ranks"] == 1):
        per_image, size = row["compute"] / IMAGES_MEASURED / (CORES * PARALLEL), row["bytes"]
        lines += [
            "",
            f"**{row['network']}**: {size / 2**20:.1f} MiB of gradients, {math.ceil(size / MESSAGE)} messages, "
            f"{IMAGES} images a machine and step, computed in {1e3 * IMAGES * per_image:.0f} ms on {CORES} cores",
            "",
            "| link | " + " | ".join(f"{nodes} machines" for nodes in NODES) + " |",
            "|---|" + "---|" * len(NODES),
        ]
        for link in LINKS:
            cells = []
            for nodes in NODES:
                worst, best = efficiency(nodes, IMAGES * per_image, size, link)
                cells.append(f"{100 * worst:.0f}-{100 * best:.0f}%")
            lines.append(f"| {link.gigabits:g} Gbit/s, {1e6 * link.latency:g} µs | " + " | ".join(cells) + " |")
        lines += [
            "",
            f"| link | most machines, {IMAGES} images each | most, sharing {WHOLE_BATCH} |",
            "|---|---|---|",
        ]
        for link in LINKS:
            each, shared = (limit(per_image, size, link, images) for images in (IMAGES, None))
            lines.append(f"| {link.gigabits:g} Gbit/s | {each if each < 4096 else '4096 or more'} | {shared} |")
    return "\n".join(lines)
