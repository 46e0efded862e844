"""How far a record was checked: five badges, each of which requires the one before.

valid: schema, key, hashes of what lies beside it, ranges. plausible: the arithmetic of budget, time and memory.
re-scored: the stored pictures give the scores again. re-inferred: the checkpoint gives the pictures again, within 1/255.
re-run: training again from seeds the checker chose does not come out significantly worse than the claim.

Nothing submitted is executed. The last two checks need a trainer, so they take functions: `infer` and `rerun`.
"""

import io
from dataclasses import dataclass, replace
from pathlib import Path

from colorbench.files import CHECKPOINT, PREDICTIONS, REFERENCES, escape_controls, file_sha256, printable
from colorbench.leaderboard.entries import Board, Run, color_only_of, label_of, read_board, record_files
from colorbench.leaderboard.rerun import Infer, Rerun, reinferred, rerun_holds, rescored
from colorbench.leaderboard.untrusted import Refused
from colorbench.leaderboard.validity import plausible, valid
from colorbench.record import read_record

_LARGE = (PREDICTIONS, CHECKPOINT)


@dataclass(frozen=True)
class Finding:
    """What was found about one record: the badges it holds, and what kept it from the next one.

    `absent`: files that the record names and that are missing here; the checks that need them are left out.
    """

    place: str
    sha256: str
    badges: tuple[str, ...]
    problems: tuple[str, ...]
    absent: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """The problems, and the files that are missing."""
        away = [f"missing here: {', '.join(self.absent)}"] if self.absent else []
        return "; ".join([*self.problems, *away])

    @property
    def ok(self) -> bool:
        """Whether no check failed. One that could not be made here is no failure."""
        return not self.problems


def check(
    folder: Path,
    *,
    rescore: bool = True,
    infer: Infer | None = None,
    rerun: Rerun | None = None,
    only: list[str] | None = None,
) -> list[Finding]:
    """Check every record of a suite's folder.

    Args:
        folder: `<suite>/` with records, and `references/` where scores are to be computed again.
        rescore: False stops at `plausible`, which needs no pictures and is quick.
        infer: makes pictures from a checkpoint; None leaves `re-inferred` untried.
        rerun: trains a cell; None leaves `re-run` untried.
        only: folders of records to check (labels); the others are not looked at.

    Returns:
        One finding per record file, in order of places. Files that are refused have no badge and a problem that says why.
    """
    folder = Path(folder)
    findings = []
    for path in record_files(folder):
        place = path.relative_to(folder).as_posix()
        if only is None or label_of(place) in only:
            findings.append(_check_one(folder, path, printable(place), rescore, infer, rerun))
    if not findings:
        return []
    try:
        board = read_board(folder)
    except (ValueError, OSError) as error:
        return findings if only is not None else [*findings, Finding(".", "", (), (str(error),))]
    findings = _with_other_photos(board, findings)
    return findings if only is not None else findings + _check_table(board)


def _with_other_photos(board: Board, findings: list[Finding]) -> list[Finding]:
    """The findings, with a problem for each record whose table has other photos, or other color-only ones, than the board's."""
    reference = board.photo_table
    wrong = {run.sha256 for run in board.runs if reference is not None and not _same_photos(run, reference)}
    why = (
        "the photos of scores.parquet, or which of them count as color-only, are not those of the board's other tables"
    )
    return [
        replace(finding, badges=(), problems=(*finding.problems, why)) if finding.sha256 in wrong else finding
        for finding in findings
    ]


def _same_photos(run: Run, reference) -> bool:
    if run.scores is None:
        return True
    flags, wanted = (dict(zip(table.index, color_only_of(table))) for table in (run.scores, reference))
    return flags == wanted


def badges_of(findings: list[Finding]) -> dict[str, list[str]]:
    """The findings as `build(badges=...)` takes them."""
    return {finding.sha256: list(finding.badges) for finding in findings if finding.badges}


def _check_table(board: Board) -> list[Finding]:
    """A finding when the built table is not that of the records."""
    try:
        stale = _stale(board, board.folder / "board" / "table.csv")
    except (ValueError, OSError) as error:
        return [Finding(".", "", (), (str(error),))]
    return [Finding("board", "", (), (stale,))] if stale else []


def _stale(board: Board, path: Path) -> str:
    """A problem when a built table differs from what these records give: text exactly, numbers to nine digits."""
    import pandas as pd

    from colorbench.leaderboard.table import csv, table
    from colorbench.leaderboard.tiers import rank_board

    if not path.is_file():
        return ""
    cure = "`colorbench leaderboard build` or `export` makes it again"
    try:
        held = pd.read_csv(path)
    except ValueError:
        return f"board/{path.name} is not a table: {cure}"
    made = pd.read_csv(io.StringIO(csv(table(rank_board(board)))))
    try:
        pd.testing.assert_frame_equal(held, made, rtol=1e-9, check_dtype=False)
    except AssertionError:
        return f"board/{path.name} is not the table of these records: {cure}"
    return ""


def _check_one(folder: Path, path: Path, place: str, rescore, infer, rerun) -> Finding:
    badges: list[str] = []
    absent: tuple[str, ...] = ()
    digest = ""
    try:
        _no_links(path, folder)
        digest = file_sha256(path)
        record = read_record(path)
        run = Run(record, path.parent, digest)
        absent = tuple(name for name in _LARGE if name in record.files and not (path.parent / name).exists())
        for name, problems_of in (("valid", lambda: valid(run)), ("plausible", lambda: plausible(record))):
            if problems := problems_of():
                return Finding(place, digest, tuple(badges), tuple(problems), absent)
            badges.append(name)
        problems = _check_pictures(folder, run, badges, rescore, infer, rerun)
    except (Refused, ValueError, OSError, KeyError, RuntimeError) as error:
        problems = [str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)]
    return Finding(place, digest, tuple(badges), tuple(map(escape_controls, problems)), absent)


def _no_links(path: Path, folder: Path) -> None:
    here = path
    while here != folder:
        if here.is_symlink():
            raise Refused(f"{here.name}: a symbolic link")
        here = here.parent


def _check_pictures(folder: Path, run: Run, badges: list[str], rescore, infer, rerun) -> list[str]:
    """The slow checks, as far as they were asked for and their files are here; adds to `badges`."""
    references = folder / REFERENCES
    held = (run.folder / PREDICTIONS).is_dir() and references.is_dir()
    if not rescore or not held or run.record.status != "done":
        return []
    if problems := rescored(run, references):
        return problems
    badges.append("re-scored")
    checkpoint = run.folder / CHECKPOINT
    if infer is None or not checkpoint.is_file() or run.record.cell.is_baseline:
        return []
    if problems := reinferred(run, references, infer):
        return problems
    badges.append("re-inferred")
    if rerun is None:
        return []
    problems = rerun_holds(folder, run, rerun)
    badges.extend([] if problems else ["re-run"])
    return problems


def report(findings: list[Finding]) -> str:
    """The findings as Markdown, for a pull request or a terminal. Text from a submission is escaped."""
    from colorbench.leaderboard.table import plain_markdown

    lines = ["| record | badges | remark |", "|---|---|---|"]
    for finding in findings:
        cells = [
            plain_markdown(finding.place),
            ", ".join(finding.badges) or "none",
            plain_markdown(finding.remark[:500]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
