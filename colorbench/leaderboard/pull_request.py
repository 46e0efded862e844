"""What a workflow runs on a pull request that adds records: `python -I -m colorbench.leaderboard.pull_request DIR ...`.

Records are never changed: a pull request adds files and changes only tables, plots and the story. Each board it touches is
checked as far as the files allow, and the new entries are compared with the reference rows. Writes `review.md`, exits 1
when something is refused.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from colorbench.leaderboard.checks import Finding, check, report
from colorbench.leaderboard.entries import label_of, read_board
from colorbench.leaderboard.untrusted import Refused, check_name

_GENERATED = "board"
_STORY = "README.md"


def changes(repository: Path, base: str, head: str) -> list[tuple[str, str]]:
    """`(status, path)` of every file below `repository` between two commits: A added, M changed, D deleted, ...

    `repository` may be a folder inside one; paths are relative to it.
    """
    for commit in (base, head):
        if not commit or not all(sign in "0123456789abcdef" for sign in commit):
            raise ValueError(f"{commit!r} is not a commit")
    command = ["git", "-C", str(repository), "diff", "--relative", "--name-status", "--no-renames", "-z"]
    command.append(f"{base}...{head}")
    words = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace").split("\0")
    return list(zip(words[0::2], words[1::2]))


def review(repository: Path, changed: list[tuple[str, str]]) -> tuple[str, bool]:
    """`(Markdown, whether it may be merged)` of a pull request's changes `(status, path)`."""
    problems = _immutable(changed)
    touched: dict[str, set[str]] = {}
    for status, path in changed:
        parts = path.split("/")
        if status == "A" and len(parts) >= 3 and parts[1] != _GENERATED:
            touched.setdefault(parts[0], set()).add(label_of("/".join(parts[1:])))
    findings: list[Finding] = []
    texts = []
    for suite, labels in sorted(touched.items()):
        found = check(repository / suite, only=sorted(labels))
        findings += found
        texts.append(f"### {suite}\n\n{report(found)}\n" + _difference(repository / suite, sorted(labels), found))
    fine = not problems and all(finding.ok for finding in findings) and bool(findings)
    head = "Every check that could run here passed." if fine else "This cannot be merged as it is."
    return "\n".join([head, "", *[f"- {problem}" for problem in problems], "", *texts]), fine


def difference_table(folder: Path, changed: list[str]) -> str:
    """Markdown for a pull request: the changed entries beside the baselines and the leader, difference and interval."""
    from colorbench.leaderboard.intervals import compare
    from colorbench.leaderboard.table import cell, heading, plain_markdown
    from colorbench.leaderboard.tiers import board_sample, rank_board

    board = read_board(folder)
    results = rank_board(board)
    order = results.order()
    rows = [k for k in order if board.entries[k].label in changed]
    leader = next((k for k in order if board.entries[k].kind == "trained" and k not in rows), None)
    beside = [k for k in order if board.entries[k].kind == "baseline"] + ([leader] if leader is not None else [])
    metric = board.primary
    pairs = compare(board_sample(board, metric))
    half = pairs.half_width()
    lines = [
        f"| entry | {plain_markdown(heading(board, metric))} | "
        + " | ".join(f"− {plain_markdown(board.entries[j].label)}" for j in beside)
        + " |"
    ]
    lines.append("|---|---:|" + "---:|" * len(beside))
    for k in rows:
        cells = [f"{pairs.difference[k, j]:+.3g} ± {half[k, j]:.2g}" for j in beside]
        lines.append(
            f"| {plain_markdown(board.entries[k].label)} | {cell(results.full[metric], k)} | "
            + " | ".join(cells)
            + " |"
        )
    return "\n".join(lines) + "\n"


def _immutable(changed: list[tuple[str, str]]) -> list[str]:
    problems = []
    for status, path in changed:
        shown = path.encode("ascii", "replace").decode()[:120].replace("`", "'")
        try:
            check_name(path)
        except Refused:
            problems.append(f"`{shown}`: not a file name that a records repository accepts")
            continue
        parts = path.split("/")
        is_view = len(parts) > 2 and parts[1] == _GENERATED
        if status != "A" and not is_view and parts[-1] != _STORY:
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
    parser = argparse.ArgumentParser(description="Check the records that a pull request adds.")
    parser.add_argument("repository", type=Path, help="the folder that holds the suites, in a git repository")
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
