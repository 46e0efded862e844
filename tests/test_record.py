"""Records: round trip, strictness, atomic writing."""

import json
import os
from pathlib import Path

import pytest

from colorbench.cell import Budget, Cell, Protocol, Recipe
from colorbench.record import (
    Cost,
    DataFacts,
    Environment,
    GeneratorFacts,
    Record,
    Score,
    Spent,
    read_record,
    write_record,
)


def make_record(**changes) -> Record:
    cell = Cell(
        suite="mini",
        protocol=Protocol(dataset="embedded", size_px=64, budget=Budget(kind="steps", amount=5)),
        recipe=Recipe(generator="unet", loss="l1"),
        seed=0,
        data_hash="0" * 64,
    )
    facts = {
        "key": cell.key,
        "cell": cell,
        "status": "done",
        "generator": GeneratorFacts(version="0.1.0", parameters=10, trainable_parameters=10),
        "data": DataFacts(id="embedded", hash="0" * 64, split="by content", n_train=3, n_test=2),
        "spent": Spent(kind="steps", steps=5, images=40),
        "cost": Cost(train_seconds=1.5),
        "environment": Environment(colorbench="0.1.0", python="3.11", torch="2.11"),
        "scores": {"psnr": Score(value=20.5, n=2, higher_is_better=True, unit="dB")},
    }
    return Record(**{**facts, **changes})


def test_round_trip(tmp_path):
    record, path = make_record(), tmp_path / "record.json"
    write_record(record, path)
    assert read_record(path) == record
    assert path.read_text() == read_record(path).to_json()


def test_missing_is_null_never_zero():
    text = json.loads(make_record(scores={"fid": Score(value=None, n=0, reason="no weights")}).to_json())
    assert text["scores"]["fid"]["value"] is None
    assert text["cost"]["joules"] is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("status", "finished", "status"),
        ("color", 1, "unknown field 'color'"),
        ("key", "0" * 64, "was edited"),
        ("schema_version", 2, "schema_version"),
    ],
)
def test_edited_records_are_refused(field, value, message):
    facts = json.loads(make_record().to_json()) | {field: value}
    with pytest.raises(ValueError, match=message):
        Record.from_json(json.dumps(facts))


def test_nan_is_no_score():
    with pytest.raises(ValueError, match="finite"):
        Score(value=float("nan"), n=1)
    text = make_record().to_json().replace("20.5", "NaN")
    with pytest.raises(ValueError, match="not a colorbench record"):
        Record.from_json(text)


def test_an_enormous_file_is_not_parsed(tmp_path):
    path = tmp_path / "record.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match="at most"):
        read_record(path)


def test_a_record_equals_itself_read_again_whatever_was_planned(tmp_path):
    record = make_record()
    planned = Record(**{**dict(record), "cell": record.cell.model_copy(update={"steps": 5, "provisional": True})})
    assert planned == record
    write_record(planned, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == record


BOARDS = sorted(path.parent for path in (Path(__file__).parents[1] / "leaderboards").glob("*/suite.json"))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_recorded_cells_keep_their_keys_and_their_bytes(board):
    paths = sorted(board.glob("*/seed-*/record*.json"))
    assert paths
    for path in paths:
        text = path.read_text()
        record = Record.from_json(text)  # refuses a key that is not its cell's
        written = record.to_json()
        if '"processes"' not in text:  # the oldest records lack this one field
            written = written.replace(',\n  "processes": null', "")
        assert written == text, path


def test_a_message_about_a_file_of_any_bytes_is_written(tmp_path):
    record = make_record(message="cannot read " + os.fsdecode(b"a\xff.png"))
    write_record(record, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json").message == r"cannot read a\udcff.png"
