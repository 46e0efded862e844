import hashlib
import os

import pandas as pd
import pytest

from colorbench.files import CONTROL_CHARACTERS
from colorbench.leaderboard import build
from colorbench.leaderboard.checks import badges_of, check, report
from colorbench.leaderboard.entries import color_only_of, read_board
from colorbench.leaderboard.pull_request import difference_table
from colorbench.leaderboard.table import table
from colorbench.leaderboard.tiers import rank_board
from colorbench.record import Score, read_record, write_record


def change(folder, label="unet+l1", seed=0, **changes):
    path = folder / label / f"seed-{seed}" / "record.json"
    write_record(read_record(path).model_copy(update=changes), path)


def of(findings, label="unet+l1/seed-0"):
    return next(finding for finding in findings if finding.place.startswith(label))


def test_an_honest_folder_is_re_scored(honest):
    findings = check(honest)
    assert all(finding.ok for finding in findings), [f.problems for f in findings]
    assert {finding.badges for finding in findings} == {("valid", "plausible", "re-scored")}
    assert set(badges_of(findings).values().__iter__().__next__()) == {"valid", "plausible", "re-scored"}
    assert "re-scored" in report(findings)


def test_without_pictures_it_stops_at_plausible(honest):
    assert of(check(honest, rescore=False)).badges == ("valid", "plausible")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"files": {"scores.parquet": "0" * 64}}, "scores.parquet has sha256"),
        ({"files": {"predictions": "0" * 64}}, "predictions has sha256"),
        ({"files": {"../../secret": "0" * 64}}, "leaves the folder"),
        ({"message": "failed in /home/someone/project/run.py"}, "path of somebody's machine"),
        ({"scores": {}}, "without a score"),
    ],
    ids=["table", "predictions", "path", "private", "no score"],
)
def test_not_valid(honest, changes, words):
    change(honest, **changes)
    finding = of(check(honest))
    assert finding.badges == ()
    assert words in finding.problems[0]


def test_scores_beyond_their_range_and_off_their_table(honest):
    record = read_record(honest / "unet+l1" / "seed-0" / "record.json")
    psnr = record.scores["psnr"]
    change(honest, scores=record.scores | {"psnr": psnr.model_copy(update={"value": 400.0})})
    assert "psnr is 400" in of(check(honest)).problems[0]
    change(honest, scores=record.scores | {"psnr": psnr.model_copy(update={"value": psnr.value + 1})})
    assert "scores.parquet has mean" in of(check(honest)).problems[0]


def forge(honest, bend) -> None:
    """Change a table; its record gets the hash and the means that belong to it."""
    path = honest / "unet+l1" / "seed-0" / "scores.parquet"
    frame = bend(pd.read_parquet(path))
    frame.to_parquet(path, index=False)
    record = read_record(path.with_name("record.json"))
    files = record.files | {"scores.parquet": hashlib.sha256(path.read_bytes()).hexdigest()}
    flags = color_only_of(frame)
    means = {
        key: Score.over(frame[key].to_numpy(float), flags, score) if key in frame else score
        for key, score in record.scores.items()
    }
    change(honest, scores=means, files=files)


def test_claimed_scores_that_the_pictures_do_not_give(honest):
    """Table and record agree with one another, and both are wrong: only scoring again finds it."""
    forge(honest, lambda frame: frame.assign(psnr=frame["psnr"] + 1))
    finding = of(check(honest))
    assert finding.badges == ("valid", "plausible")
    assert "the stored pictures give" in finding.problems[0]


def test_values_of_single_photos_that_the_pictures_do_not_give(honest):
    """The mean is right."""
    forge(honest, lambda frame: frame.assign(psnr=frame["psnr"].to_numpy()[::-1]))
    finding = of(check(honest))
    assert finding.badges == ("valid", "plausible")
    assert "other values than scores.parquet for 6 photos, such as " in finding.problems[0]


OTHERS = {
    "no color-only photos": lambda frame: frame.assign(color_only=False),
    "other names": lambda frame: frame.assign(photo=[f"x{k}" for k in range(len(frame))]),
}


@pytest.mark.parametrize("bend", OTHERS.values(), ids=OTHERS)
def test_photos_that_are_not_the_boards(honest, bend):
    before = table(rank_board(read_board(honest)))
    forge(honest, bend)
    finding = of(check(honest))
    assert finding.badges == ()
    assert "not those of the board's other tables" in finding.remark
    after = table(rank_board(read_board(honest)))
    gray = after["label"] == "gray"
    assert list(after.loc[gray, "psnr_interval"]) == list(before.loc[before["label"] == "gray", "psnr_interval"])


def test_color_only_scores_that_the_table_does_not_give(honest):
    record = read_record(honest / "unet+l1" / "seed-0" / "record.json")
    psnr = record.scores["psnr"]
    for forged in ({"color_only_value": 90.0}, {"color_only_n": 2}):
        change(honest, scores=record.scores | {"psnr": psnr.model_copy(update=forged)})
        assert "psnr: scores.parquet" in of(check(honest)).problems[0]


def test_a_table_that_lacks_a_metric_of_the_record(honest):
    forge(honest, lambda frame: frame.drop(columns="psnr"))
    assert "psnr: the record has a value, scores.parquet no column" in of(check(honest)).problems


def test_what_steers_a_terminal_is_refused_and_written_out(honest, capsys):
    facts = read_record(honest / "unet+l1" / "seed-0" / "record.json").generator
    change(honest, generator=facts.model_copy(update={"citation": "Me\x1b[2J \u202egnol"}))
    assert of(check(honest)).problems == ("generator.citation holds control characters",)
    folder = honest / "submissions" / "\x1b[31mred\u202e" / "seed-0"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{}")
    bytes_no_text = honest / "submissions" / os.fsdecode(b"bad\xff") / "seed-0"
    bytes_no_text.mkdir(parents=True)
    (bytes_no_text / "record.json").write_text("{}")
    findings = check(honest)
    build(honest)
    pages = [path.read_text() for path in (honest / "board").rglob("*") if path.suffix in (".html", ".md")]
    for text in (report(findings), *(finding.place + finding.remark for finding in findings), *pages):
        assert not CONTROL_CHARACTERS.search(text)


@pytest.mark.timeout(60)
def test_a_pipe_named_like_a_record_is_refused(honest):
    folder = honest / "submissions" / "evil" / "seed-0"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "record.json")
    assert "is no regular file" in of(check(honest), "submissions/evil").remark
    build(honest)


def test_the_difference_for_a_pull_request(honest):
    text = difference_table(honest, ["unet+l1"])
    assert "− gray" in text
    assert "unet+l1" in text
    assert "±" in text


def test_a_folder_that_is_no_board_is_said_once(honest):
    record = read_record(honest / "gray" / "seed-0" / "record.json")
    cell = record.cell.model_copy(update={"data_hash": "e" * 64})
    change(honest, "gray", cell=cell, key=cell.key, data=record.data.model_copy(update={"hash": "e" * 64}))
    assert "do not share one photos" in of(check(honest, rescore=False), ".").problems[0]


def test_a_table_that_is_not_the_records_is_said(honest):
    build(honest, plots=False, pages=False)
    assert all(finding.ok for finding in check(honest, rescore=False))
    path = honest / "board" / "table.csv"
    path.write_text(path.read_text().replace("unet+l1", "unet+l2"))
    assert "not the table of these records" in of(check(honest, rescore=False), "board").problems[0]
