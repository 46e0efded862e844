import io
from csv import reader

import pandas as pd
import pytest

from colorbench.cell import Recipe
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.table import csv, footnotes, latex, markdown, table, write_tables
from colorbench.leaderboard.tiers import rank_board
from colorbench.record import Score, read_record, write_record

FAST = {"pictures": False, "photos": 16}


def test_four_files_and_numbers_are_numbers(make_runs, tmp_path):
    paths = write_tables(rank_board(read_board(make_runs(**FAST))), tmp_path / "out")
    assert [path.name for path in paths] == ["table.csv", "table.parquet", "table.md", "table.tex"]
    frame = pd.read_parquet(paths[1])
    assert frame["psnr"].dtype == float
    assert len(frame) == 13
    assert (frame["psnr_low"] < frame["psnr"]).all()
    read = pd.read_csv(paths[0])
    assert read["psnr"].to_numpy() == pytest.approx(frame["psnr"].to_numpy())
    assert {"psnr_color_only", "gray_normalized_iqm", "joules", "rank", "ties"} <= set(frame.columns)


def test_the_same_records_give_the_same_bytes(make_runs, tmp_path):
    folder = make_runs(**FAST)
    texts = []
    for name in ("a", "b"):
        write_tables(rank_board(read_board(folder)), tmp_path / name)
        texts.append((tmp_path / name / "table.csv").read_bytes() + (tmp_path / name / "table.md").read_bytes())
    assert texts[0] == texts[1]


def test_sorted_by_the_primary_metric(make_runs):
    frame = table(rank_board(read_board(make_runs(**FAST))))
    assert frame["psnr"].is_monotonic_decreasing
    assert frame.attrs["primary"] == "psnr"


def test_a_failed_run_stays_and_says_so(make_runs):
    folder = make_runs(**FAST)
    path = folder / "unet+l1" / "seed-0" / "record.json"
    write_record(read_record(path).model_copy(update={"status": "nan", "message": "loss is nan"}), path)
    results = rank_board(read_board(folder))
    row = table(results).set_index("label").loc["unet+l1"]
    assert (row["seeds"], row["failed"], row["status"]) == (3, 1, "nan")
    assert "1 of 3 nan, scored as gray" in markdown(results)


def test_a_metric_without_weights_is_a_named_empty_column(make_runs):
    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, **FAST)
    for path in folder.glob("*/seed-*/record.json"):
        record = read_record(path)
        empty = Score(value=None, n=0, higher_is_better=False, reason="needs alexnet weights: put them into a folder")
        write_record(record.model_copy(update={"scores": record.scores | {"lpips-alex": empty}}), path)
    results = rank_board(read_board(folder))
    assert "lpips-alex ↓" in markdown(results)
    assert "lpips-alex: empty, needs alexnet weights: put them into a folder" in footnotes(results)


def test_the_note_stands_above_the_table_and_no_rank_without_ranking(make_runs):
    text = markdown(rank_board(read_board(make_runs(note="eight photos smoke-test", rankable=False, **FAST))))
    assert text.index("eight photos smoke-test") < text.index("| unet")
    assert "tie tiers" not in text


def test_markup_in_a_label_stays_text(make_runs):
    factory = make_runs
    factory(**FAST)
    factory.run(Recipe(generator="<b>|x_y$%", loss="l1"), 0, 0.0)
    results = rank_board(read_board(factory.folder))
    assert "<b>" not in markdown(results)
    assert r"\|x\_y" in markdown(results)
    assert r"$<$b$>$|x\_y\$\%" in latex(results)
    columns = {line.count(" & ") for line in latex(results).splitlines() if line.endswith(r"\\")}
    assert len(columns) == 1


def test_an_estimated_budget_is_marked_in_the_readable_table(make_runs):
    folder = make_runs(**FAST)
    path = folder / "unet+l1" / "seed-0" / "record.json"
    record = read_record(path)
    write_record(record.model_copy(update={"spent": record.spent.model_copy(update={"provisional": True})}), path)
    marked = [line for line in markdown(rank_board(read_board(folder))).splitlines() if "(provisional-budget)" in line]
    assert len(marked) == 1
    assert "unet+l1 " in marked[0]


def test_a_formula_in_a_record_stays_text_in_a_spreadsheet(make_runs, tmp_path):
    folder = make_runs(**FAST)
    path = folder / "unet+l1" / "seed-0" / "record.json"
    record = read_record(path)
    generator = record.generator.model_copy(update={"licence": "=1+1"})
    write_record(record.model_copy(update={"generator": generator}), path)
    write_tables(rank_board(read_board(folder)), tmp_path)
    assert ",'=1+1," in (tmp_path / "table.csv").read_text()
    assert "=1+1" in set(pd.read_parquet(tmp_path / "table.parquet")["licence"])


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1", "' =1"), ("MIT\r=1+1", "MIT =1+1"), ("MIT\n\x00=1", "MIT  =1"), ('a,"b"', 'a,"b"'), ("a-1", "a-1"),
    ],
)  # fmt: skip
def test_text_that_a_spreadsheet_would_compute_stays_text_in_its_cell(text, cell):
    made = csv(pd.DataFrame({text: [1.0, -2.0], "label": [text, "fine"]}))
    assert list(reader(io.StringIO(made, newline=""))) == [[cell, "label"], ["1.0", cell], ["-2.0", "fine"]]
