import hashlib
import json
from pathlib import Path

import pytest

from colorbench.cell import Budget, Recipe
from colorbench.leaderboard.entries import Entry, MixedBoard, Run, read_board, short_names
from colorbench.record import read_record, write_record

GRAY = Entry("gray", "baseline", ())
FAST = {"pictures": False, "photos": 8, "generators": ["unet"], "losses": {"l1": 0.0}}


def test_kinds_and_settings(make_runs):
    board = read_board(make_runs(note="eight photos", **FAST))
    kinds = {entry.label: entry.kind for entry in board.entries}
    assert kinds["unet+l1"] == "trained"
    assert kinds["gray"] == "baseline"
    assert (board.title, board.note, board.primary) == ("Synthetic board", "eight photos", "psnr")


def test_without_suite_json_the_records_say_what_was_measured(make_runs):
    board = read_board(make_runs(suite=False, **FAST))
    assert board.primary == "delta-e-2000"
    assert "psnr" in board.metrics
    assert board.rankable


def test_no_folder_and_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        read_board(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="colorbench run"):
        read_board(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"data_hash": "e" * 64}, {"rules": "2"}, {"budget": Budget.parse("60s")}],
    ids=["photos", "rules", "budget"],
)
def test_a_mixed_folder_refuses_to_render(make_runs, change):
    folder = make_runs(**FAST)
    path = folder / "unet+l1" / "seed-0" / "record.json"
    record = read_record(path)
    protocol = record.cell.protocol.model_copy(update={k: v for k, v in change.items() if k != "data_hash"})
    cell = record.cell.model_copy(
        update={"protocol": protocol, **{k: v for k, v in change.items() if k == "data_hash"}}
    )
    data = record.data.model_copy(update={"hash": cell.data_hash})
    write_record(record.model_copy(update={"cell": cell, "key": cell.key, "data": data}), path)
    with pytest.raises(MixedBoard, match="do not share one"):
        read_board(folder)


def test_two_versions_of_a_metric_refuse(make_runs):
    folder = make_runs(**FAST)
    path = folder / "gray" / "seed-0" / "record.json"
    record = read_record(path)
    scores = record.scores | {"psnr": record.scores["psnr"].model_copy(update={"version": "2"})}
    write_record(record.model_copy(update={"scores": scores}), path)
    with pytest.raises(MixedBoard, match="psnr was measured by versions"):
        read_board(folder)


def test_a_correction_supersedes_and_two_live_records_refuse(make_runs):
    folder = make_runs(**FAST)
    path = folder / "unet+l1" / "seed-0" / "record.json"
    old = read_record(path)
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    better = old.scores | {"psnr": old.scores["psnr"].model_copy(update={"value": 30.0})}
    write_record(old.model_copy(update={"scores": better, "supersedes": sha}), path.with_name("record-2.json"))
    board = read_board(folder)
    assert len(board.entry("unet+l1").runs) == 3  # a seed each
    assert 30.0 in board.entry("unet+l1").seed_values("psnr")
    write_record(old.model_copy(update={"scores": better}), path.with_name("record-2.json"))
    with pytest.raises(MixedBoard, match="two current records of one seed"):
        read_board(folder)


def test_one_label_two_settings_refuse(make_runs):
    factory = make_runs
    folder = factory(**FAST)
    path = folder / "unet+l1" / "seed-1" / "record.json"
    record = read_record(path)
    recipe = Recipe(generator="unet", loss="l1", options={"width": 8})
    cell = record.cell.model_copy(update={"recipe": recipe})
    write_record(record.model_copy(update={"cell": cell, "key": cell.key}), path)
    with pytest.raises(MixedBoard, match="different settings"):
        read_board(folder)


def test_a_broken_record_is_refused_by_name_and_the_rest_stands(make_runs):
    folder = make_runs(**FAST)
    (folder / "unet+l1" / "seed-0" / "record.json").write_text("{")
    board = read_board(folder)
    assert len(board.entry("unet+l1").runs) == 2
    assert "unet+l1/seed-0/record.json" in board.refused[0]


def test_an_edited_record_is_refused(make_runs):
    folder = make_runs(**FAST)
    path = folder / "unet+l1" / "seed-0" / "record.json"
    facts = json.loads(path.read_text())
    facts["cell"]["seed"] = 7
    path.write_text(json.dumps(facts))
    assert "the record was edited" in read_board(folder).refused[0]


def test_a_link_is_not_followed(make_runs, tmp_path):
    folder = make_runs(**FAST)
    real = folder / "unet+l1" / "seed-0" / "record.json"
    real.rename(tmp_path / "elsewhere.json")
    real.symlink_to(tmp_path / "elsewhere.json")
    assert "symbolic link" in read_board(folder).refused[0]


def test_skipped_cells_are_named_not_ranked(make_runs):
    factory = make_runs
    folder = factory(**FAST)
    path = folder / "unet+l1" / "seed-2" / "record.json"
    write_record(
        read_record(path).model_copy(update={"status": "skipped", "message": "needs VGG16", "scores": {}}), path
    )
    board = read_board(folder)
    assert [run.record.message for run in board.skipped] == ["needs VGG16"]
    assert len(board.entry("unet+l1").runs) == 2


@pytest.fixture
def trained(new_record):
    """`trained(generator, loss, head)`: an entry of one run."""

    def make(generator, loss, head="auto"):
        recipe = Recipe(generator=generator, loss=loss, head=head)
        return Entry(recipe.label, "trained", (Run(new_record(recipe), Path(), ""),))

    return make


@pytest.mark.parametrize(
    ("recipes", "names"),
    [
        ([("unet", "l1"), ("unet", "classification(k=5)")], ["l1", "classification-k-5"]),
        ([("unet", "l1", "ab"), ("linknet", "l1", "ab")], ["unet", "linknet"]),
        ([("unet", "l1", "ab"), ("unet", "l1 + ssim", "ab")], ["l1", "l1+ssim"]),
        ([("unet", "l1", "ab"), ("linknet", "mse", "ab")], ["unet+l1", "linknet+mse"]),
        ([("unet", "l1", "ab"), ("unet", "l1", "rgb")], ["l1+ab", "l1+rgb"]),
        ([("unet", "l1"), ("linknet", "mse")], ["unet+l1", "linknet+mse"]),
        ([("unet", "l1", "ab")], ["unet+l1+ab"]),
    ],
)
def test_what_all_trained_entries_share_is_left_out_of_their_names(trained, recipes, names):
    entries = [*(trained(*recipe) for recipe in recipes), GRAY]
    assert list(short_names(entries).values()) == [*names, "gray"]


def test_a_short_name_that_another_entry_has_is_not_used(trained):
    entries = [trained("unet", "l1"), trained("linknet", "l1"), Entry("unet", "submission", ())]
    assert list(short_names(entries).values()) == ["unet+l1", "linknet+l1", "unet"]


def test_nobody_supersedes_the_record_of_another_entry(make_runs):
    folder = make_runs(**FAST)
    sha = hashlib.sha256((folder / "unet+l1" / "seed-0" / "record.json").read_bytes()).hexdigest()
    path = folder / "gray" / "seed-0" / "record.json"
    write_record(read_record(path).model_copy(update={"supersedes": sha}), path)
    assert len(read_board(folder).entry("unet+l1").runs) == 3
