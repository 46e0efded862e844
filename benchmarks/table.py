"""The results of a benchmark run as a Markdown table: how many times faster than each peer, by medians of one run.

python benchmarks/table.py results.json [more.json ...]
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

HEADER = ("operation", "colorbench", "against", "takes", "faster", "memory", "largest difference")
OURS = "colorbench"


def read_results(files: list[Path]) -> dict[tuple[str, str], dict[str, dict]]:
    """(operation, device) -> who -> median seconds, difference, memory. Benchmarks without these notes are left out."""
    results = defaultdict(dict)
    for file in files:
        for benchmark in json.loads(file.read_text())["benchmarks"]:
            notes = benchmark["extra_info"]
            if {"operation", "who"} <= notes.keys():
                key = (notes["operation"], notes.get("device", "cpu"))
                results[key][notes["who"]] = notes | {"seconds": benchmark["stats"]["median"]}
    return results


def table(results: dict[tuple[str, str], dict[str, dict]]) -> str:
    """Markdown; one row a peer, nearest peer first."""
    lines = [HEADER, tuple("---" for _ in HEADER)]
    for (operation, device), measured in results.items():
        if OURS not in measured:
            continue
        ours = measured[OURS]
        peers = sorted((m for m in measured.values() if m is not ours), key=lambda peer: peer["seconds"])
        lines += [row(f"{operation} ({device})" if device != "cpu" else operation, ours, peer) for peer in peers]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def row(operation: str, ours: dict, peer: dict) -> tuple[str, ...]:
    """One line of the table."""
    difference = peer.get("difference")
    return (
        operation,
        duration(ours["seconds"]),
        peer["who"],
        duration(peer["seconds"]),
        f"{peer['seconds'] / ours['seconds']:.1f}x",
        f"{memory(ours)} / {memory(peer)}",
        "" if difference is None else f"{difference:.1g}",
    )


def duration(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.2g} ms"


def memory(notes: dict) -> str:
    megabytes = notes.get("peak_megabytes")
    return "?" if megabytes is None else f"{megabytes:.0f} MB"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python benchmarks/table.py results.json [more.json ...]")
    print(table(read_results([Path(name) for name in sys.argv[1:]])))
