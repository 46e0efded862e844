import hashlib

import pytest

from colorbench.leaderboard import build
from colorbench.leaderboard.checks import badges_of, check, report
from colorbench.leaderboard.pull_request import difference_table
from colorbench.record import read_record, write_record


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


def test_claimed_scores_that_the_pictures_do_not_give(honest):
    """Table and record agree with one another, and both are wrong: only scoring again finds it."""
    import pandas as pd

    path = honest / "unet+l1" / "seed-0" / "scores.parquet"
    frame = pd.read_parquet(path).assign(psnr=lambda f: f["psnr"] + 1)
    frame.to_parquet(path)
    record = read_record(path.with_name("record.json"))
    files = record.files | {"scores.parquet": hashlib.sha256(path.read_bytes()).hexdigest()}
    psnr = record.scores["psnr"].model_copy(update={"value": float(frame["psnr"].mean())})
    change(honest, scores=record.scores | {"psnr": psnr}, files=files)
    finding = of(check(honest))
    assert finding.badges == ("valid", "plausible")
    assert "the stored pictures give" in finding.problems[0]


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
