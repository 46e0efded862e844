"""Putting a board where others find it: a folder for GitHub Pages, a dataset on the Hugging Face hub, a model's card.

On the hub the upload names the commit it was made on: if somebody else published in between, the hub refuses and nothing
is overwritten (`Moved`). The token is the hub client's own; none is read or kept here.
"""

import re
import shutil
from pathlib import Path

from colorbench.files import STEP_TABLE
from colorbench.leaderboard.entries import Board, read_board, record_files
from colorbench.record import read_record

_HUB = re.compile(r"hf://datasets/([A-Za-z0-9][\w.-]*/[\w.-]+)")
_NEIGHBOUR = re.compile(rb"\.\./\.\./([a-z0-9][a-z0-9-]*)/board/(?=index\.html\"|table\.md\))")
_PARTS = ("index.html", "table.csv", "table.parquet", "table.md", "table.tex")


class Moved(RuntimeError):
    """Somebody else published since `parent_commit`; look at theirs, build again, publish again."""


def publish(
    board_dir: Path,
    target: str | Path,
    *,
    records: Path | None = None,
    parent_commit: str | None = None,
    endpoint: str | None = None,
    token: str | None = None,
    message: str = "Board built by colorbench",
    pictures: bool = True,
) -> str:
    """Publish what `build` left. Returns where it is. Links to boards on other photos are kept where those were published
    beside this one, under the names of their suites.

    Args:
        board_dir: the folder `build` returned.
        target: a folder, or `hf://datasets/OWNER/NAME`.
        records: a suite's run folder whose record.json, scores.parquet and curve.jsonl files go along, so that others can
            build on them.
        pictures: False refuses a board that shows photos: `build(pictures=False)` makes one that shows none.
        parent_commit: the dataset's commit this board was built on; default: its newest now.
        endpoint, token: as of huggingface_hub; default its own settings.

    Raises:
        FileNotFoundError: no board in `board_dir`.
        Moved: the dataset is no longer at `parent_commit`.
        ValueError: a target of another form; pictures where there are to be none.
    """
    board_dir = Path(board_dir)
    files = _board_files(board_dir)
    if not pictures and (shown := pages_with_pictures(board_dir)):
        raise ValueError(
            f"{shown[0]} shows photos: `colorbench leaderboard build DIR --no-pictures`, then publish again"
        )
    if records is not None:
        files |= {f"records/{name}": path for name, path in _slim_files(Path(records)).items()}
    if match := _HUB.fullmatch(str(target)):
        return _to_hub(files, match[1], parent_commit, endpoint, token, message)
    if "://" in str(target):
        raise ValueError(f"target {target} is neither a folder nor hf://datasets/OWNER/NAME")
    return _to_folder(files, Path(target))


def _board_files(board_dir: Path) -> dict[str, Path]:
    if not (board_dir / "index.html").is_file():
        raise FileNotFoundError(f"no board in {board_dir}; `colorbench leaderboard build DIR` makes one")
    found = [board_dir / name for name in _PARTS]
    found += sorted(board_dir.glob("plots/*.png")) + sorted(board_dir.glob("plots/*.svg"))
    found += sorted(board_dir.glob("runs/*.html"))
    return {path.relative_to(board_dir).as_posix(): path for path in found if path.is_file() and not path.is_symlink()}


def pages_with_pictures(board_dir: Path) -> list[str]:
    """Files of a built board that show a photo or a prediction."""
    shown = [path.name for path in board_dir.glob("plots/strips.*")]
    pages = [path.name for path in sorted(board_dir.glob("runs/*.html")) if b'class="compare"' in path.read_bytes()]
    return shown + pages


def export(run_dir: Path, target: Path, *, pictures: bool = True, strips: int = 4, plots: bool = True) -> Path:
    """A slim copy of a suite's folder, to be committed or handed on: records, per-photo scores, curves and the board.

    Left out are predictions, checkpoints, the photos and what a run keeps for itself. `check` and `build` take such a
    folder as it is. Calling it again brings the copy up to date; other files in `target` stay.

    Args:
        run_dir: such as `runs/mini`.
        target: such as `leaderboards/mini`.
        pictures, strips, plots: of the board, as in `build`.

    Raises:
        FileNotFoundError: no record in `run_dir`.
        ValueError: `target` holds the records of other cells, or is `run_dir` itself.
    """
    from colorbench.leaderboard.builder import build

    run_dir, target = Path(run_dir), Path(target)
    if target.resolve() == run_dir.resolve():
        raise ValueError(f"{target} is the folder itself; export to another one, such as leaderboards/{run_dir.name}")
    board = read_board(run_dir)
    files = _slim_files(run_dir)
    _refuse_strangers(target, {run.record.key for run in board.runs + list(board.skipped)})
    for name, source in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / name)
    shutil.rmtree(target / "board", ignore_errors=True)
    build(run_dir, target / "board", pictures=pictures, strips=strips, plots=plots)
    return target


def _refuse_strangers(target: Path, keys: set[str]) -> None:
    for path in record_files(target):
        if read_record(path).key not in keys:
            place = path.relative_to(target).as_posix()
            raise ValueError(f"{target} holds {place}, which is not on this board: choose another folder, or remove it")


def _slim_files(run_dir: Path) -> dict[str, Path]:
    kinds = ("record*.json", "scores.parquet", "curve.jsonl")
    found = [path for kind in kinds for path in sorted(run_dir.glob(f"*/seed-*/{kind}"))]
    found += [run_dir / name for name in ("suite.json", STEP_TABLE)]
    return {p.relative_to(run_dir).as_posix(): p for p in found if p.is_file() and not p.is_symlink()}


def _to_folder(files: dict[str, Path], target: Path) -> str:
    """A folder for GitHub Pages: files of an earlier board that are no longer made are taken away, others stay."""
    if target.is_file():
        raise ValueError(f"{target} is a file; give a folder")
    target.mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(_with_links(name, source, target.resolve().parent))
    for old in [*target.glob("runs/*.html"), *target.glob("plots/*.png"), *target.glob("plots/*.svg")]:
        if old.relative_to(target).as_posix() not in files:
            old.unlink()
    (target / ".nojekyll").touch()
    return str(target / "index.html")


def _with_links(name: str, source: Path, beside: Path | None) -> bytes:
    """A file of a board as it is published: `../../SUITE/board/` becomes `../SUITE/` where that is, else the line goes."""
    content = source.read_bytes()
    if name not in ("index.html", "table.md"):
        return content
    lines = []
    for line in content.splitlines(keepends=True):
        if match := _NEIGHBOUR.search(line):
            suite = match[1].decode()
            if beside is None or not (beside / suite / "index.html").is_file():
                continue
            line = line.replace(match[0], f"../{suite}/".encode())
        lines.append(line)
    return b"".join(lines)


def _to_hub(files: dict[str, Path], repo: str, parent: str | None, endpoint, token, message: str) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi(endpoint=endpoint, token=token)
    hub.create_repo(repo, repo_type="dataset", exist_ok=True)
    parent = parent or hub.repo_info(repo, repo_type="dataset").sha
    operations = [CommitOperationAdd(name, _with_links(name, source, None)) for name, source in files.items()]
    try:
        made = hub.create_commit(repo, operations, commit_message=message, repo_type="dataset", parent_commit=parent)
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (409, 412):
            raise Moved(
                f"{repo} is no longer at {parent[:12]}: somebody published since; get theirs, build again, publish again"
            ) from None
        raise
    return str(made.commit_url)


def model_index(run_dir: Path, label: str, *, model_name: str | None = None) -> dict:
    """`model-index` metadata of one entry, as a model card on the hub carries it: every measured metric, full test set.

    Raises:
        KeyError: no entry of that label.
    """
    from huggingface_hub.repocard_data import eval_results_to_model_index

    board = read_board(Path(run_dir))
    entry = board.entry(label)
    if entry is None:
        raise KeyError(f"no entry {label!r} on {board.name}; entries: {', '.join(e.label for e in board.entries)}")
    return {"model-index": eval_results_to_model_index(model_name or label, _results(board, entry))}


def _results(board: Board, entry) -> list:
    import numpy as np
    from huggingface_hub import EvalResult

    data, found = entry.runs[0].record.data, []
    for metric in board.metrics:
        values = entry.seed_values(metric)
        if np.isfinite(values).any():
            found.append(
                EvalResult(
                    task_type="image-to-image",
                    task_name="Image colorization",
                    dataset_type=data.id.replace("/", "-"),
                    dataset_name=board.title,
                    dataset_split="test",
                    dataset_revision=data.hash,
                    metric_type=metric,
                    metric_value=float(np.nanmean(values)),
                    metric_name=f"{metric} (mean of {len(values)} seeds, {data.n_test} photos)",
                )
            )
    return found


def write_model_card(run_dir: Path, label: str, path: Path, *, model_name: str | None = None) -> Path:
    """Put the scores into a model card's metadata; what else stands in the card stays. Makes the card if there is none."""
    from huggingface_hub import metadata_save

    metadata = model_index(run_dir, label, model_name=model_name)
    path = Path(path)
    if path.is_file():
        from huggingface_hub import metadata_load

        metadata = (metadata_load(path) or {}) | metadata
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata_save(path, metadata)
    return path
