import re

import numpy as np
import pytest
from PIL import Image

from colorbench.leaderboard import check, submit
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.scoring import score_in_parts
from colorbench.leaderboard.table import markdown
from colorbench.leaderboard.tiers import rank_board
from colorbench.record import read_record

SMALL = {
    "generators": ["unet"],
    "losses": {"l1": 0.0},
    "seeds": 2,
    "photos": 20,
    "size": 24,
    "baselines": {"gray": -3.0},
}
METRICS = ["psnr", "delta-e-2000"]


@pytest.fixture
def board(make_runs):
    """A run folder whose metrics need no weights."""
    import json

    folder = make_runs(**SMALL)
    suite = json.loads((folder / "suite.json").read_text())
    (folder / "suite.json").write_text(json.dumps(suite | {"metrics": METRICS}))
    from colorbench.record import write_record

    for path in folder.glob("*/seed-*/record.json"):
        record = read_record(path)
        write_record(record.model_copy(update={"scores": {k: record.scores[k] for k in METRICS}}), path)
    return folder


@pytest.fixture
def pictures(board, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in (board / "references").glob("*.png"):
        photo = np.asarray(Image.open(path)).astype(float)
        Image.fromarray((0.5 * photo + 60).astype(np.uint8)).save(folder / path.name)
    return folder


def test_a_colorizer_from_outside_stands_on_the_board_unranked(board, pictures):
    done = []
    facts = {"name": "DDColor", "licence": "Apache-2.0", "citation": "Kang 2023"}
    path = submit(pictures, board, **facts, on_progress=lambda k, n: done.append((k, n)))
    record = read_record(path)
    assert record.origin == "submission"
    assert record.generator.licence == "Apache-2.0"
    assert done == [(16, 20), (20, 20)]
    results = rank_board(read_board(board))
    assert {e.label: e.kind for e in results.board.entries}["ddcolor"] == "submission"
    assert "outside the budget" in markdown(results)
    assert not (path.parent / ".parts").exists()


def test_its_record_passes_the_checks_up_to_re_scored(board, pictures):
    submit(pictures, board, name="ddcolor", licence="Apache-2.0")
    finding = check(board, only=["ddcolor"])[0]
    assert finding.badges == ("valid", "plausible", "re-scored"), finding.problems


def test_the_scores_are_the_packages(board, pictures):
    from colorbench.metrics import score_folders

    frame = score_folders(pictures, board / "references", METRICS)
    record = read_record(submit(pictures, board, name="mine", licence="MIT", keep_lightness=False))
    for key in METRICS:
        assert record.scores[key].value == pytest.approx(frame[key].mean(), rel=1e-5)


def test_lightness_is_put_back_unless_it_shall_not(board, pictures):
    kept = read_record(submit(pictures, board, name="kept", licence="MIT"))
    asis = read_record(submit(pictures, board, name="asis", licence="MIT", keep_lightness=False))
    assert kept.scores["psnr"].value > asis.scores["psnr"].value
    assert not asis.cell.recipe.keep_lightness


def test_scoring_goes_on_where_it_was_stopped(board, pictures, tmp_path, monkeypatch):
    calls, parts = [], tmp_path / "parts"
    from colorbench.leaderboard import scoring

    real = scoring.score

    def counted(*args, **more):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **more)

    monkeypatch.setattr(scoring, "score", counted)
    with pytest.raises(KeyboardInterrupt):
        score_in_parts(pictures, board / "references", METRICS, parts)
    frame, _ = score_in_parts(pictures, board / "references", METRICS, parts)
    assert len(calls) == 3
    assert len(frame) == 20
    changed = sorted(pictures.glob("*.png"))[0]
    Image.fromarray(np.zeros((24, 24, 3), np.uint8)).save(changed)
    score_in_parts(pictures, board / "references", METRICS, parts)
    assert len(calls) == 4  # a changed picture is scored again, its neighbors in other parts are not


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: sorted(f.glob("*.png"))[0].unlink(), "1 of 20 photos have no prediction"),
        (lambda f: sorted(f.glob("*.png"))[0].write_bytes(b"no"), "not a picture"),
        (lambda f: Image.new("RGB", (9, 9)).save(sorted(f.glob("*.png"))[0]), "9 x 9, its photo 24 x 24"),
        (
            lambda f: sorted(f.glob("*.png"))[0].with_suffix(".jpg").write_bytes(b"twice"),
            "pictures are matched by stem, keep one",
        ),
    ],
    ids=["missing", "no picture", "size", "twice"],
)
def test_refused_with_the_reason(board, pictures, spoil, words):
    spoil(pictures)
    with pytest.raises(ValueError, match=words):
        submit(pictures, board, name="mine", licence="MIT")
    assert not (board / "submissions" / "mine" / "seed-0" / "record.json").exists()


def test_another_size_when_asked(board, pictures):
    Image.new("RGB", (9, 9)).save(sorted(pictures.glob("*.png"))[0])
    assert submit(pictures, board, name="mine", licence="MIT", resize=True).exists()


def test_names_and_licenses(board, pictures):
    with pytest.raises(ValueError, match="the license is empty"):
        submit(pictures, board, name="mine", licence=" ")
    with pytest.raises(ValueError, match="name"):
        submit(pictures, board, name="../../etc", licence="MIT")
    submit(pictures, board, name="mine", licence="MIT")
    with pytest.raises(FileExistsError, match="choose another name"):
        submit(pictures, board, name="mine", licence="MIT")


def test_a_submission_takes_no_folder_of_a_cell(board, pictures):
    path = submit(pictures, board, name="mine", licence="MIT")
    assert path == board / "submissions" / "mine" / "seed-0" / "record.json"
    for taken in ("unet+l1", "gray"):
        with pytest.raises(FileExistsError, match=f"entry or recipe called {re.escape(taken)}"):
            submit(pictures, board, name=taken, licence="MIT")


def test_an_entry_where_earlier_versions_put_it_stays_on_the_board(board, pictures):
    path = submit(pictures, board, name="mine", licence="MIT")
    path.parents[1].rename(board / "mine")
    assert read_board(board).entry("mine").kind == "submission"
    assert check(board, only=["mine"])[0].badges == ("valid", "plausible", "re-scored")


def test_the_photos_themselves_pass_the_checks(board):
    """Their psnr is infinite: empty, with the count instead of a reason."""
    record = read_record(submit(board / "references", board, name="perfect", licence="MIT"))
    assert (record.scores["psnr"].value, record.scores["psnr"].infinite) == (None, 20)
    finding = check(board, only=["perfect"])[0]
    assert finding.badges == ("valid", "plausible", "re-scored"), finding.problems


def test_a_refused_submission_leaves_nothing(board, pictures):
    with pytest.raises(ValueError, match="not UTF-8"):
        submit(pictures, board, name="odd", licence="\udcff")
    assert not (board / "submissions").exists()
