"""retest(board) with real tiny cells on generated photos: records, resuming, what is left out, what is refused."""

import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from colorbench.batch import Batch, Output
from colorbench.cell import Recipe
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.retest import plan_retest, retest
from colorbench.grid.run import run
from colorbench.leaderboard import build, check
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.plots.sizes import plot_sizes
from colorbench.leaderboard.plots.style import look
from colorbench.leaderboard.tiers import rank_board
from colorbench.photo import decode_photo
from colorbench.record import read_record, write_record
from colorbench.training.checkpoint import load_generator
from tests.grid.in_process import InProcess
from tests.grid.test_run import UNET, tiny_suite
from tests.training.cells import small_protocol

RECIPES = (
    Recipe(generator="unet", loss="l1", options=UNET),
    Recipe(generator="unet", loss="l1", head="rgb", options=UNET),
)


def write_photos(folder, count=5, gray=False, rng=0):
    numbers = np.random.default_rng(rng)
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        coarse = numbers.integers(0, 256, (6, 6, 1 if gray else 3), dtype=np.uint8).repeat(3 if gray else 1, axis=2)
        Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC).save(folder / f"photo-{k}.png")
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of two recipes and three baselines; not to be changed."""
    root = tmp_path_factory.mktemp("finished")
    source = write_photos(root / "photos", 12, rng=1)
    suite = tiny_suite(
        protocol=small_protocol(dataset="folder", fit="crop"),
        baselines=("gray", "mean-ab", "shuffled-ab"),
        recipes=RECIPES,
        metrics=("psnr", "delta-e-2000"),
    )
    report = run(suite, out=root / "runs", source=source, executor=InProcess(), build=False)
    assert report.problems == ()
    return root


@pytest.fixture
def board(finished, tmp_path):
    shutil.copytree(finished / "runs", tmp_path / "runs")
    return tmp_path / "runs" / "tiny"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("kodak"))


def test_every_cell_on_every_photo_then_nothing_again(board, photos):
    plan = plan_retest(board, photos, "kodak")
    told = []
    report = retest(plan, on_cell=lambda *facts: told.append(facts), build=False, executor=InProcess())
    assert report.left_out == ()
    assert len(report.records) == len(told) == 5
    place = board.parent / "tiny-kodak"
    assert (build(place, plots=False) / "index.html").is_file()
    assert len(list((place / "references").glob("*.png"))) == 5
    for record in report.records:
        old = read_record(board / record.cell.recipe.label / "seed-0" / "record.json")
        assert record.cell.retest_of == old.key != record.key
        assert record.data.n_test == record.scores["psnr"].n == 5
        assert record.cost.train_seconds == old.cost.train_seconds
        assert record.files.get("checkpoint.safetensors") == old.files.get("checkpoint.safetensors")
    findings = check(place)
    assert [finding.problems for finding in findings if not finding.ok] == []
    assert {finding.badges[-1] for finding in findings} == {"re-scored"}
    again = plan_retest(board, photos, "kodak")
    assert (len(again.todo), again.done) == (0, 5)


def test_sizes_are_entries_of_their_own_and_a_plot(board, photos):
    side = small_protocol().size_px
    plan = plan_retest(board, photos, "sizes", sizes=[16, 2 * side])
    assert plan.suite.protocol.size_px == 2 * side
    report = retest(plan, build=False, executor=InProcess())
    assert report.left_out == ()
    labels = {record.cell.recipe.label: record for record in report.records}
    sized = {f"{name}+{size}px" for name in ("unet+l1", "unet+l1+rgb") for size in (16, 2 * side)}
    assert set(labels) == {"gray", "mean-ab", "shuffled-ab", *sized}
    small, large = (labels[f"unet+l1+{size}px"] for size in (16, 2 * side))
    assert (small.cell.recipe.size_px, large.cell.recipe.size_px) == (16, 2 * side)
    assert small.scores["psnr"] != large.scores["psnr"]
    place = plan.folder
    build(place, plots=False)
    with look():
        assert plot_sizes(rank_board(read_board(place)), place / "board" / "plots").is_file()
    assert [finding.problems for finding in check(place) if not finding.ok] == []
    again = plan_retest(board, photos, "sizes", sizes=[16, 2 * side])
    assert (len(again.todo), again.done) == (0, 7)


def test_a_size_sees_what_the_generator_gives_at_that_size(board, photos):
    """The small size, by hand: the checkpoint on the photo made small, its colors enlarged under the photo's lightness."""
    plan = plan_retest(board, photos, "sizes", sizes=[16])
    retest(plan, build=False, executor=InProcess())
    model, head, _ = load_generator(board / "unet+l1" / "seed-0" / "checkpoint.safetensors")
    assert head == "ab"
    name = plan.photos.ids[0]
    batch = Batch.from_rgb(torch.from_numpy(np.array(plan.photos.pixels[:1])))
    gray = torch.nn.functional.interpolate(batch.gray, (16, 16), mode="bilinear", antialias=True, align_corners=False)
    with torch.no_grad():
        raw = torch.nn.functional.interpolate(model(gray), batch.rgb.shape[-2:], mode="bilinear", align_corners=False)
    expected = Output.from_ab(110 * raw.tanh(), batch.lightness).rgb[0].movedim(0, -1).numpy() * 255
    made = decode_photo(plan.folder / "unet+l1+16px" / "seed-0" / "predictions" / f"{name}.png")
    assert np.abs(made - expected).max() <= 0.51


@pytest.mark.parametrize("size", [8, 5000])
def test_an_impossible_size_is_refused(board, photos, size):
    with pytest.raises(ValueError, match="sides from 16 to 4096 px"):
        plan_retest(board, photos, "sizes", sizes=[size])


def test_a_worker_process_retests(board, photos, spawn):
    plan = plan_retest(board, photos, "kodak")
    executor = LocalExecutor(["cpu"], spawn=spawn)
    report = retest(dataclasses.replace(plan, todo=plan.todo[:1]), executor=executor, build=False)
    assert report.left_out == ()
    assert [record.cell.retest_of for record in report.records] == [plan.todo[0][0].record.key]


def test_a_stopped_retest_goes_on_and_a_new_metric_supersedes(board, photos):
    def stop(name, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retest(plan_retest(board, photos, "kodak", metrics=["psnr"]), on_cell=stop, executor=InProcess())
    rest = plan_retest(board, photos, "kodak", metrics=["psnr"])
    assert (len(rest.todo), rest.done) == (3, 2)
    first = {record.key: record for record in retest(rest, build=False, executor=InProcess()).records}
    more = retest(plan_retest(board, photos, "kodak", metrics=["psnr", "ssim"]), build=False, executor=InProcess())
    assert len(more.records) == 5
    for record in more.records:
        assert record.supersedes
        if record.key in first:
            assert record.scores["psnr"] == first[record.key].scores["psnr"]


def test_the_test_photos_again_give_the_same_pictures(board, finished, photos, tmp_path):
    """Retested on its own test photos, a cell makes the pictures that its run made, bit for bit."""
    ids = {path.stem for path in (board / "references").glob("*.png")}
    same = tmp_path / "same"
    same.mkdir()
    for path in (finished / "photos").glob("*.png"):
        if hashlib.sha256(path.read_bytes()).hexdigest()[:16] in ids:
            shutil.copy(path, same)
    assert len(list(same.iterdir())) == len(ids) >= 2
    retest(plan_retest(board, same, "same"), build=False, executor=InProcess())
    for label in ("unet+l1", "unet+l1+rgb", "mean-ab"):
        old, new = (where / label / "seed-0" / "predictions" for where in (board, board.parent / "tiny-same"))
        for name in ids:
            assert np.array_equal(decode_photo(old / f"{name}.png"), decode_photo(new / f"{name}.png")), label


def test_what_cannot_be_tested_is_named_and_failures_count_as_gray(board, photos):
    (board / "unet+l1" / "seed-0" / "checkpoint.safetensors").write_bytes(b"\x08" + bytes(99))
    failed = board / "unet+l1+rgb" / "seed-0" / "record.json"
    write_record(read_record(failed).model_copy(update={"status": "nan", "message": "diverged"}), failed)
    for path in board.rglob("job.json"):
        path.unlink()
    plan = plan_retest(board, photos, "kodak")
    assert "were not found" in plan.told[-1]
    report = retest(plan, build=False, executor=InProcess())
    gray, rgb = ({r.cell.recipe.label: r for r in report.records}[label] for label in ("gray", "unet+l1+rgb"))
    assert rgb.status == "nan"
    assert rgb.scores["psnr"].value == gray.scores["psnr"].value
    assert len(report.left_out) == 2
    assert any("mean-ab" in line and "--train-data" in line for line in report.left_out)
    assert any("unet+l1 seed 0" in line and "its record says" in line for line in report.left_out)


def test_a_baseline_that_knew_the_truth_is_left_out(board, photos):
    gray = read_record(board / "gray" / "seed-0" / "record.json")
    cell = gray.cell.model_copy(update={"recipe": Recipe(generator="bayes-mean")})
    (board / "bayes-mean" / "seed-0").mkdir(parents=True)
    record = gray.model_copy(update={"cell": cell, "key": cell.key})
    write_record(record, board / "bayes-mean" / "seed-0" / "record.json")
    plan = plan_retest(board, photos, "kodak")
    assert plan.left_out == ("bayes-mean/seed-0: the distribution of colors is unknown for photos",)
    assert "bayes-mean" not in {run.record.cell.recipe.label for run, _ in plan.todo}


def test_training_photos_in_the_new_set_are_told(board, finished):
    plan = plan_retest(board, finished / "photos", "again")
    assert "were in the training set" in plan.told[-1]


def test_what_is_refused(board, photos, finished, tmp_path):
    with pytest.raises(ValueError, match="are gray"):
        plan_retest(board, write_photos(tmp_path / "gray", gray=True), "gray")
    with pytest.raises(ValueError, match="small letters"):
        plan_retest(board, photos, "Kodak Photos")
    with pytest.raises(KeyError, match="unknown metric 'beauty'"):
        plan_retest(board, photos, "kodak", metrics=["beauty"])
    with pytest.raises(FileNotFoundError, match="no readable record"):
        plan_retest(board / "references", photos, "kodak")
    with pytest.raises(ValueError, match="hash"):
        plan_retest(board, photos, "kodak", train_source=photos)
    retest(plan_retest(board, photos, "kodak"), build=False, executor=InProcess())
    with pytest.raises(ValueError, match="on other photos"):
        plan_retest(board, write_photos(tmp_path / "others", rng=7), "kodak")
    with pytest.raises(ValueError, match="a retest itself"):
        plan_retest(board.parent / "tiny-kodak", photos, "again")
    shutil.copytree(board, board.parent / "tiny-taken")
    with pytest.raises(ValueError, match="a board of its own"):
        plan_retest(board, photos, "taken")
    for path in board.rglob("checkpoint.safetensors"):
        path.unlink()
    with pytest.raises(ValueError, match="published copy"):
        plan_retest(board, photos, "new")


def test_another_checkpoint_of_a_tested_cell_is_refused(board, photos):
    retest(plan_retest(board, photos, "kodak"), build=False, executor=InProcess())
    path = board / "unet+l1" / "seed-0" / "record.json"
    facts = json.loads(path.read_text())
    facts["files"]["checkpoint.safetensors"] = "0" * 64
    path.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="tested another checkpoint"):
        plan_retest(board, photos, "kodak")
