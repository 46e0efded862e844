"""Numbers that papers print for a board's test photos: never ranked, in their own columns.

`published.csv` holds those that were read in a paper, with the table they stand in; second-hand numbers are left out.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from colorbench.leaderboard.entries import Board

SIZE_PX = 256
NUMBERS = {"fid": "FID ↓", "colorfulness_abs": "colorfulness (abs)", "delta_cf": "ΔCF ↓", "psnr": "PSNR ↑ (dB)"}
"""Columns of the file, as they are called above a table."""
TITLE = "Published"
ABOUT = (
    "Copied from papers as printed, in the order of their tables. Not ranked and not comparable with the entries above: "
    "training, budgets and scoring rules differ, and none of it was run here."
)
_RULES = {"imagenet-val5k": "ddcolor-crop", "coco-stuff": "ddcolor-resize", "ade20k": "ddcolor-resize"}
"""The protocol of `colorbench score` that these numbers were made by."""


@dataclass(frozen=True)
class Published:
    """One method in one paper's table. Numbers are kept as printed; "" where the table has none."""

    suite: str
    method: str
    venue: str
    numbers: dict[str, str]
    source: str


def published(board: Board) -> list[Published]:
    """What papers print for this board's photos at its size; nothing for boards that hold something else fixed."""
    protocols = [run.record.cell.protocol for run in (*board.runs, *board.skipped)]
    if any((protocol.dataset, protocol.size_px) != ("train-val", SIZE_PX) for protocol in protocols):
        return []
    return [row for row in _read() if row.suite == board.name]


def traps(suite: str) -> list[str]:
    """Why published numbers are not comparable with this board's, a sentence each."""
    lines = [
        "The same method run again gives other numbers. DDColor's FID on val5k is 3.92 on paper and 3.78 for a reader who ran "
        "the published weights through CT2's script; its colorfulness is 38.26 and 34.33 (piddnad/DDColor, issue 9). "
        "iColoriT's FID is said to be 5.8 on paper and 7.9 when run again.",
        "FID here uses torchvision's Inception with a scaling for another input range. Colorfulness takes absolute "
        "differences. ΔCF is the difference of two means, which says nothing about single pictures. The published code "
        "does not settle how PSNR was computed.",
        "All rows come from one paper's tables and may differ from what a method's own authors report.",
    ]
    if suite in _RULES:
        lines.append(
            f"`colorbench score PREDICTIONS PHOTOS --protocol {_RULES[suite]}` scores any folder by these rules."
        )
    return lines


@cache
def _read() -> tuple[Published, ...]:
    with (Path(__file__).parent / "published.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Published(row["suite"], row["method"], row["venue"], {key: row[key] for key in NUMBERS}, row["source"])
            for row in csv.DictReader(file)
        )
