"""What a records repository's workflow runs on a pull request: `python -I -m colorbench.leaderboard.review DIR ...`.

Records are facts: a pull request adds files and changes none. Each board it touches is checked as far as the files allow,
and the new entries are set beside the reference rows. Writes `review.md`, exits 1 when something is refused.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from colorbench.leaderboard.checks import Finding, check, report
from colorbench.leaderboard.door import Refused, check_name
from colorbench.leaderboard.entries import read_board

_GENERATED = ("board",)


def changes(repository: Path, base: str, head: str) -> list[tuple[str, str]]:
    """`(status, path)` of every file between two commits, as git names them: A added, M changed, D deleted, ..."""
    for commit in (base, head):
        if not commit or not all(sign in "0123456789abcdef" for sign in commit):
            raise ValueError(f"{commit!r} is not a commit")
    command = ["git", "-C", str(repository), "diff", "--name-status", "--no-renames", "-z", f"{base}...{head}"]
    words = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace").split("\0")
    return list(zip(words[0::2], words[1::2]))


def review(repository: Path, changed: list[tuple[str, str]]) -> tuple[str, bool]:
    """`(Markdown, whether it may be merged)` of a pull request's changes `(status, path)`."""
    problems = _immutable(changed)
    touched: dict[str, set[str]] = {}
    for status, path in changed:
        parts = path.split("/")
        if status == "A" and len(parts) >= 3 and parts[1] not in _GENERATED:
            touched.setdefault(parts[0], set()).add(parts[1])
    findings: list[Finding] = []
    texts = []
    for suite, labels in sorted(touched.items()):
        found = check(repository / suite, only=sorted(labels))
        findings += found
        texts.append(f"### {suite}\n\n{report(found)}\n" + _difference(repository / suite, sorted(labels), found))
    fine = not problems and all(finding.ok for finding in findings) and bool(findings)
    head = "Every check that could be made here holds." if fine else "This cannot be merged as it is."
    return "\n".join([head, "", *[f"- {problem}" for problem in problems], "", *texts]), fine


def difference_table(folder: Path, changed: list[str]) -> str:
    """Markdown for a pull request: the changed entries beside the baselines and the leader, difference and interval."""
    from colorbench.leaderboard.intervals import compare, sample
    from colorbench.leaderboard.standings import photo_matrix
    from colorbench.leaderboard.table import _md, cell, heading, standings

    board = read_board(folder)
    results = standings(board)
    order = results.order()
    rows = [k for k in order if board.entries[k].label in changed]
    leader = next((k for k in order if board.entries[k].kind == "trained" and k not in rows), None)
    beside = [k for k in order if board.entries[k].kind == "baseline"] + ([leader] if leader is not None else [])
    metric = board.primary
    data = sample(
        [entry.seed_values(metric) for entry in board.entries], photo_matrix(board, metric),
        np.array([entry.fixed for entry in board.entries]),
    )  # fmt: skip
    pairs = compare(data)
    half = pairs.half_width()
    lines = [
        f"| entry | {_md(heading(board, metric))} | "
        + " | ".join(f"− {_md(board.entries[j].label)}" for j in beside)
        + " |"
    ]
    lines.append("|---|---:|" + "---:|" * len(beside))
    for k in rows:
        cells = [f"{pairs.difference[k, j]:+.3g} ± {half[k, j]:.2g}" for j in beside]
        lines.append(f"| {_md(board.entries[k].label)} | {cell(results.full[metric], k)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _immutable(changed: list[tuple[str, str]]) -> list[str]:
    problems = []
    for status, path in changed:
        shown = path.encode("ascii", "replace").decode()[:120].replace("`", "'")
        try:
            check_name(path)
        except Refused:
            problems.append(f"`{shown}`: not a name a records repository takes")
            continue
        if status != "A":
            problems.append(f"`{shown}`: records are never changed; add a record that `supersedes` the old one")
    return problems


def _difference(folder: Path, labels: list[str], found: list[Finding]) -> str:
    if not all(finding.ok for finding in found):
        return ""
    try:
        return difference_table(folder, labels)
    except (ValueError, OSError) as error:
        return f"No comparison: {str(error)[:300].replace('`', chr(39))}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("--base", required=True)
    parser.add_argument("--head", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    text, fine = review(given.repository, changes(given.repository, given.base, given.head))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "review.md").write_text(text, encoding="utf-8")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
