"""Putting a board where others find it: a folder for GitHub Pages, a dataset on the Hugging Face hub, a model's card.

On the hub the upload names the commit it was made on: if somebody else published in between, the hub refuses and nothing
is overwritten (`Moved`). The token is the hub client's own; none is read or kept here.
"""

import re
import shutil
from pathlib import Path

from colorbench.leaderboard.entries import Board, read_board

_HUB = re.compile(r"hf://datasets/([A-Za-z0-9][\w.-]*/[\w.-]+)")
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
) -> str:
    """Publish what `build` left. Returns where it is.

    Args:
        board_dir: the folder `build` returned.
        target: a folder, or `hf://datasets/OWNER/NAME`.
        records: a suite's run folder whose record.json and scores.parquet files go along, so that others can build on them.
        parent_commit: the dataset's commit this board was built on; default: its newest now.
        endpoint, token: as of huggingface_hub; default its own settings.

    Raises:
        FileNotFoundError: no board in `board_dir`.
        Moved: the dataset is no longer at `parent_commit`.
        ValueError: a target of another form.
    """
    board_dir = Path(board_dir)
    files = _board_files(board_dir)
    if records is not None:
        files |= _record_files(Path(records))
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


def _record_files(run_dir: Path) -> dict[str, Path]:
    found = [path for kind in ("record*.json", "scores.parquet") for path in sorted(run_dir.glob(f"*/seed-*/{kind}"))]
    found += [run_dir / "suite.json"]
    return {f"records/{p.relative_to(run_dir).as_posix()}": p for p in found if p.is_file() and not p.is_symlink()}


def _to_folder(files: dict[str, Path], target: Path) -> str:
    """A folder for GitHub Pages: files of an earlier board that are no longer made are taken away, others stay."""
    if target.is_file():
        raise ValueError(f"{target} is a file; give a folder")
    target.mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / name)
    for old in [*target.glob("runs/*.html"), *target.glob("plots/*.png"), *target.glob("plots/*.svg")]:
        if old.relative_to(target).as_posix() not in files:
            old.unlink()
    (target / ".nojekyll").touch()
    return str(target / "index.html")


def _to_hub(files: dict[str, Path], repo: str, parent: str | None, endpoint, token, message: str) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi(endpoint=endpoint, token=token)
    hub.create_repo(repo, repo_type="dataset", exist_ok=True)
    parent = parent or hub.repo_info(repo, repo_type="dataset").sha
    operations = [CommitOperationAdd(name, str(source)) for name, source in files.items()]
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
