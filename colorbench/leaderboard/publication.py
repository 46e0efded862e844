"""Publish a board: to a folder for a web server, a dataset on the Hugging Face hub, or a model's card.

On the hub the upload names the commit it was made on: if somebody else published in between, the hub refuses and nothing
is overwritten (`Moved`). Address and token are the hub client's own (HF_ENDPOINT, HF_TOKEN); none is read or kept here.
"""

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from colorbench.data.mixtures import TRUTH
from colorbench.errors import unknown_name
from colorbench.files import CURVE, SCORES, STEP_TABLE, SUITE, write_atomically
from colorbench.leaderboard.ambiguity import OBJECTS
from colorbench.leaderboard.builder import build, neighbors
from colorbench.leaderboard.entries import Board, read_board, record_files
from colorbench.leaderboard.rewards import KEPT
from colorbench.leaderboard.table import Link
from colorbench.leaderboard.untrusted import plain_file
from colorbench.record import read_record

_HUB = re.compile(r"hf://datasets/([A-Za-z0-9][\w.-]*/[\w.-]+)")


class Moved(RuntimeError):
    """Somebody else published since `parent_commit`; download it, build again, publish again."""


def publish(
    run_dir: Path,
    target: str | Path,
    *,
    parent_commit: str | None = None,
    pictures: bool = False,
    plots: bool = True,
    together_with: frozenset[str] = frozenset(),
    home: str | None = None,
) -> str:
    """Build the board of a suite's run folder at `target`, with its pages, records, scores and curves. Return where it is.

    Args:
        run_dir: such as `runs/mini` or `leaderboards/mini`.
        target: a folder, or `hf://datasets/OWNER/NAME`. Of an earlier board in a folder, files that are no longer made are
            removed; other files stay.
        parent_commit: the dataset's commit this board was built on; default: its newest now.
        pictures: True shows test photos and predictions; not all photos may be published.
        plots: as in `build`.
        together_with: names of suites that are about to be published beside this one; links to boards on other photos
            are made where those are published beside it, under the names of their suites.
        home: address of the page over all boards, relative to this one.

    Raises:
        FileNotFoundError: no record in `run_dir`.
        Moved: the dataset is no longer at `parent_commit`.
        ValueError: a target of another form; or pictures of a board whose suite says that none may be shown.
    """
    run_dir, hub = Path(run_dir), _HUB.fullmatch(str(target))
    if hub is None and "://" in str(target):
        raise ValueError(f"target {target} is neither a folder nor hf://datasets/OWNER/NAME")
    place = None if hub else Path(target)
    if place is not None and place.is_file():
        raise ValueError(f"{target} is a file; give a folder")
    board = read_board(run_dir)
    if pictures and not board.pictures:
        raise ValueError(f"the suite of {board.name} says that its pictures may not be shown: publish it without them")
    beside = [] if place is None else _published_beside(board, run_dir, place, together_with)
    with tempfile.TemporaryDirectory(prefix="colorbench-board-") as made:
        links = {"beside": beside, "records": "records", "home": home}
        built = build(run_dir, Path(made), pictures=pictures, plots=plots, **links)
        files = {path.relative_to(built).as_posix(): path for path in sorted(built.rglob("*")) if path.is_file()}
        files |= {f"records/{name}": path for name, path in _slim_files(run_dir).items()}
        return _to_hub(files, hub[1], parent_commit) if hub else _to_folder(files, Path(target))


def _published_beside(board: Board, run_dir: Path, target: Path, together_with: frozenset[str]) -> list[Link]:
    home = target.resolve().parent
    return [
        Link(text, name, f"../{place.name}")
        for text, name, place in neighbors(board, run_dir)
        if place.name in together_with or (home / place.name / "index.html").is_file()
    ]


def publish_all(
    folder: Path,
    target: Path,
    *,
    pictures: bool = False,
    plots: bool = True,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Build every suite below `folder` at `target/<suite>`, and a page that lists them. Return that page's path.

    Args:
        pictures: True shows test photos and predictions of the suites that allow it.
        plots: as in `publish`.
        say: called with the name of each suite before it is built.

    Raises:
        FileNotFoundError: no suite with records below `folder`.
    """
    from colorbench.leaderboard.site import write_list

    suites = [place for place in sorted(Path(folder).iterdir()) if place.is_dir() and record_files(place)]
    if not suites:
        raise FileNotFoundError(f"no suite with records below {folder}; give a folder such as leaderboards/")
    boards = {place: read_board(place) for place in suites}
    names = frozenset(place.name for place in suites)
    for place, board in boards.items():
        if say is not None:
            say(place.name)
        may_show = pictures and board.pictures
        options = {"pictures": may_show, "plots": plots, "together_with": names, "home": "../index.html"}
        publish(place, Path(target) / place.name, **options)
    return write_list([(place.name, board) for place, board in boards.items()], Path(target))


def export(run_dir: Path, target: Path, *, plots: bool = True) -> Path:
    """A slim copy of a suite's folder, to be committed or handed on: records, scores, curves, tables and two plots.

    Left out are predictions, checkpoints, photos, pages (`publish` makes them) and working files of a run. `check`,
    `build` and `publish` take such a folder as it is. Calling it again brings the copy up to date; other files in `target`
    stay.

    Args:
        run_dir: such as `runs/mini`.
        target: such as `leaderboards/mini`.
        plots: False leaves out the plots.

    Raises:
        FileNotFoundError: no record in `run_dir`.
        ValueError: `target` holds the records of other cells, or is `run_dir` itself.
    """
    run_dir, target = Path(run_dir), Path(target)
    if target.resolve() == run_dir.resolve():
        raise ValueError(f"{target} is the folder itself; export to another one, such as leaderboards/{run_dir.name}")
    board = read_board(run_dir)
    _refuse_strangers(target, {run.record.key for run in board.runs + list(board.skipped)})
    for name, source in _slim_files(run_dir).items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / name)
    shutil.rmtree(target / "board", ignore_errors=True)
    build(target, pages=False, plots=plots)
    return target


def _refuse_strangers(target: Path, keys: set[str]) -> None:
    for path in record_files(target):
        if read_record(path).key not in keys:
            place = path.relative_to(target).as_posix()
            raise ValueError(f"{target} holds {place}, which is not on this board: choose another folder, or remove it")


def _slim_files(run_dir: Path) -> dict[str, Path]:
    found = record_files(run_dir)
    found += [path.parent / name for path in found for name in (SCORES, CURVE)]
    found += [run_dir / name for name in (SUITE, STEP_TABLE, TRUTH, OBJECTS, KEPT)]
    return {path.relative_to(run_dir).as_posix(): path for path in found if plain_file(path)}


def _to_folder(files: dict[str, Path], target: Path) -> str:
    for name, source in files.items():
        write_atomically(target / name, source.read_bytes(), durable=False)
    for old in [
        *target.glob("pictures.html"),
        *target.glob("runs/*.html"),
        *target.glob("plots/*.png"),
        *target.glob("plots/*.svg"),
    ]:
        if old.relative_to(target).as_posix() not in files:
            old.unlink()
    (target / ".nojekyll").touch()
    return str(target / "index.html")


def _to_hub(files: dict[str, Path], repo: str, parent: str | None) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi()
    hub.create_repo(repo, repo_type="dataset", exist_ok=True)
    parent = parent or hub.repo_info(repo, repo_type="dataset").sha
    operations = [CommitOperationAdd(name, source.read_bytes()) for name, source in files.items()]
    facts = {"commit_message": "Board built by colorbench", "repo_type": "dataset", "parent_commit": parent}
    try:
        made = hub.create_commit(repo, operations, **facts)
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (409, 412):
            raise Moved(
                f"{repo} is no longer at {(parent or 'the start')[:12]}: somebody published since; download it, build again, "
                "publish again"
            ) from None
        raise
    return str(made.commit_url)


def model_index(run_dir: Path, label: str) -> dict:
    """`model-index` metadata of one entry, as a model card on the hub carries it: every measured metric, full test set.

    Raises:
        KeyError: no entry of that label.
    """
    from huggingface_hub.repocard_data import eval_results_to_model_index

    board = read_board(Path(run_dir))
    entry = board.entry(label)
    if entry is None:
        raise unknown_name("entry", label, [entry.label for entry in board.entries])
    return {"model-index": eval_results_to_model_index(label, _results(board, entry))}


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


def write_model_card(run_dir: Path, label: str, path: Path) -> Path:
    """Put the scores into a model card's metadata; the rest of the card stays. Makes the card if there is none."""
    from huggingface_hub import metadata_save

    metadata = model_index(run_dir, label)
    path = Path(path)
    if path.is_file():
        from huggingface_hub import metadata_load

        metadata = (metadata_load(path) or {}) | metadata
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata_save(path, metadata)
    return path
