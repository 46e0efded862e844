"""The results of a benchmark run as a table: how many times faster than each peer (medians of one run), beside the bar.

python benchmarks/table.py results.json [more.json ...]   every peer
... --check                                               exits 1 when a bar is missed or was not measured
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

HEADER = ("operation", "colorbench", "against", "takes", "faster", "bar", "met", "memory", "difference")
OURS = "colorbench"
LAB_FORWARD_BACKWARD = "lab -> rgb, forward + backward"
CLASSIFICATION = "classification forward + backward"
BARS = {
    ("rgb -> lab", "kornia"): 2.5,
    ("lab -> rgb", "kornia"): 4,
    (LAB_FORWARD_BACKWARD, "kornia"): 4,
    ("soft encoding, k = 5", "scikit-learn tree"): 12,
    ("soft encoding, k = 10", "scikit-learn tree"): 12,
    ("annealed mean 64 x 64", "softmax + matmul"): 3,
    (CLASSIFICATION, "dense eager"): 3,
    ("ssim", "pytorch-msssim"): 10,
    ("ssim", "torchmetrics"): 25,
    ("ssim", "kornia"): 4,
    ("ms-ssim", "pytorch-msssim"): 8,
    ("delta-e-2000", "scikit-image"): 10,
    ("delta-e-2000", "colour-science"): 20,
    ("colorfulness", "NumPy"): 10,
    ("score of 8 generators", "torchmetrics and the usual others"): 4,
}
"""(operation, peer) -> how many times faster at least."""
MEMORY_BARS = {(CLASSIFICATION, "dense eager"): 1 / 3}
"""(operation, peer) -> the share of the peer's memory at most."""
LEAST_MEGABYTES = 1.0
"""A process grows by pages of its allocator: less than this is noise."""
IMPORT, IMPORT_SECONDS = "import colorbench.losses", 0.3

Results = dict[tuple[str, str], dict[str, dict]]


def read_results(files: list[Path]) -> Results:
    """(operation, device) -> who -> median seconds, difference, memory. Benchmarks without these notes are left out."""
    results = defaultdict(dict)
    for file in files:
        for benchmark in json.loads(file.read_text())["benchmarks"]:
            notes = benchmark["extra_info"]
            if {"operation", "who"} <= notes.keys():
                key = (notes["operation"], notes.get("device", "cpu"))
                results[key][notes["who"]] = notes | {"seconds": benchmark["stats"]["median"]}
    return results


def rows(results: Results) -> list[tuple[str, ...]]:
    """One row per peer, nearest peer first."""
    lines = []
    for (operation, device), measured in results.items():
        if operation == IMPORT:
            lines.append(import_row(measured[OURS]))
        elif OURS in measured:
            ours = measured[OURS]
            peers = sorted((m for m in measured.values() if m is not ours), key=lambda peer: peer["seconds"])
            lines += [row(operation, device, ours, p) for p in peers]
    return lines


def row(operation: str, device: str, ours: dict, peer: dict) -> tuple[str, ...]:
    """One line of the table."""
    faster, memory = peer["seconds"] / ours["seconds"], memory_share(ours, peer)
    bar, memory_bar = BARS.get((operation, peer["who"])), MEMORY_BARS.get((operation, peer["who"]))
    met = (
        bar is not None
        and faster >= bar
        and (memory_bar is None or (memory is not None and round(memory, 2) <= round(memory_bar, 2)))
    )
    difference = peer.get("difference")
    return (
        f"{operation} ({device})" if device != "cpu" else operation,
        duration(ours["seconds"]),
        peer["who"],
        duration(peer["seconds"]),
        f"{faster:.1f}x",
        "" if bar is None else f"{bar:g}x" + (" and 1/3 of its memory" if memory_bar else ""),
        "" if bar is None else "yes" if met else "no",
        "?" if memory is None else "< 0.01x" if memory < 0.01 else f"{memory:.2f}x",
        "" if difference is None else f"{difference:.0e}",
    )


def memory_share(ours: dict, peer: dict) -> float | None:
    """Our peak as a share of the peer's; None where either was not measured or too small to tell."""
    peaks = [who.get("peak_megabytes") for who in (ours, peer)]
    if any(peak is None or peak < LEAST_MEGABYTES for peak in peaks):
        return None
    return peaks[0] / peaks[1]


def import_row(ours: dict) -> tuple[str, ...]:
    seconds = ours["over_torch_seconds"]
    met = "yes" if seconds < IMPORT_SECONDS else "no"
    return (IMPORT, duration(seconds), "over torch alone", "", "", f"< {IMPORT_SECONDS} s", met, "", "")


def duration(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 99.5 else f"{milliseconds:.2g} ms"


def aligned(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(HEADER, *lines)]
    return "\n".join("  ".join(f"{cell:{w}}" for cell, w in zip(line, widths)).rstrip() for line in [HEADER, *lines])


def missed(lines: list[tuple[str, ...]]) -> list[str]:
    """Bars that were missed, or not measured at all."""
    found = {(line[0], line[2]): line[6] for line in lines}
    wanted = [*BARS, (IMPORT, "over torch alone")]
    return [f"{operation} against {who}" for operation, who in wanted if found.get((operation, who)) != "yes"]


def main(arguments: list[str]) -> None:
    files = [Path(name) for name in arguments if not name.startswith("--")]
    if not files or not {*arguments} - {*map(str, files)} <= {"--check"}:
        sys.exit("usage: python benchmarks/table.py results.json [more.json ...] [--check]")
    results = read_results(files)
    print(aligned(rows(results)))
    failures = missed(rows(results)) if "--check" in arguments else []
    if failures:
        sys.exit("missed or not measured: " + "; ".join(failures))


if __name__ == "__main__":
    main(sys.argv[1:])
