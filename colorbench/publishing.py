"""`colorbench leaderboard check` with the two checks that need a trainer, and `submit-official`, which needs its networks."""

import tempfile
from functools import cache
from pathlib import Path

from rich.text import Text

from colorbench.cell import Cell
from colorbench.console import loading, note, notes, show, show_json, show_table
from colorbench.errors import WrongUsage, mistyped
from colorbench.files import REFERENCES, SUITE
from colorbench.record import Record


def check_and_print(
    folder: Path,
    *,
    rescore: bool,
    infer: bool,
    rerun: bool,
    source: str | None,
    only: list[str] | None,
    as_json: bool = False,
) -> int:
    """Print one line per record; return the exit status, 1 when a check failed."""
    from colorbench.leaderboard import check

    @cache
    def trained(key: str) -> Record:  # the records of one recipe are compared with the same re-runs
        cell = asked[key]
        note(f"training {cell.recipe.label} again from seed {cell.seed}")
        return run_again(cell, source, folder)

    def again(cell: Cell) -> Record:
        asked[cell.key] = cell
        return trained(cell.key)

    asked: dict[str, Cell] = {}
    if (infer or rerun) and not rescore:
        raise WrongUsage("--infer and --rerun need computed scores: leave out --no-rescore")
    infer_or_not = infer_again if infer or rerun else None  # each check needs the one before
    with notes.status("checking the records"):
        findings = check(folder, rescore=rescore, infer=infer_or_not, rerun=again if rerun else None, only=only)
    if not findings:
        what = f"no record below {folder}" if folder.is_dir() else f"no folder {folder}"
        raise FileNotFoundError(f"{what}; give the folder of one suite, for instance runs/mini{mistyped(folder)}")
    wrong = sum(not finding.ok for finding in findings)
    if as_json:
        show_json(
            [
                {"record": each.place, "ok": each.ok, "badges": list(each.badges), "remark": each.remark}
                for each in findings
            ]
        )
    else:
        rows = [
            (each.place, " ".join(each.badges) or "-", Text(each.remark or "-", "red" if each.problems else ""))
            for each in findings
        ]
        show_table(["record", "badges", "remark"], rows, title=f"{folder.name}: {len(findings)} records")
        show(f"{len(findings) - wrong} of {len(findings)} records are clean.")
    return 1 if wrong else 0


def submit_official(key: str, folder: Path, device: str | None = None) -> Path:
    """Color a board's photos with published weights and enter them, outside the budget. Returns the new record's path.

    Args:
        key: `eccv16` or `siggraph17`.
        folder: a suite's run folder, with its reference photos.
        device: where to color; default the first GPU, else the CPU.

    Raises:
        KeyError: a generator without published weights; lists those with some.
        WeightsMissing: the published weights are unavailable.
        FileExistsError: the board has that entry.
    """
    with loading():
        from colorbench.generators import GENERATORS
        from colorbench.generators.official import MARK
        from colorbench.grid.executors import find_devices
        from colorbench.leaderboard import submit
        from colorbench.training.colorize import colorize
    with tempfile.TemporaryDirectory(prefix="colorbench-official-") as place:
        colorize(f"{MARK}:{key}", [Path(folder) / REFERENCES], Path(place), device=find_devices(device)[0])
        row = GENERATORS[key]
        return submit(
            Path(place), folder, name=f"{key}-{MARK}", licence=row.pretrained_licence, citation=row.citation,
            source=f"{row.source}; the authors' published weights", pretrained=f"{key} {MARK}", parameters=row.parameters or 0,
        )  # fmt: skip


def infer_again(checkpoint: Path, photos: list) -> list:
    """Make the pictures of a checkpoint again, as its run made them."""
    import numpy as np
    import torch

    from colorbench.data import PhotoSet
    from colorbench.training.checkpoint import load_generator
    from colorbench.training.evaluate import model_predict, predict_all

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, head, cell = load_generator(checkpoint, device)
    pixels = PhotoSet.from_pixels(np.stack(photos).transpose(0, 3, 1, 2))
    made = predict_all(model_predict(model, head, cell), pixels, batch=cell.protocol.eval_batch, device=device)
    return list(made.permute(0, 2, 3, 1).numpy())


def run_again(cell: Cell, source: str | None, folder: Path) -> Record:
    """Train a cell again in a temporary folder, with the metrics of the board.

    `source`: where the photos are; by default where the run itself found them.
    """
    from colorbench.grid.plan import choose_table
    from colorbench.grid.retest import source_of
    from colorbench.suites.budget import with_steps
    from colorbench.suites.load import read_written_suite
    from colorbench.training import train

    suite = read_written_suite(folder / SUITE)
    cell = with_steps(cell, choose_table(suite, None, folder))
    with tempfile.TemporaryDirectory(prefix="colorbench-rerun-") as place:
        return train(cell, place, source=source or source_of(folder), metrics=suite.metrics)
