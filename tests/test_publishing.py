"""The checks that need a trainer, on a really trained cell: what an honest folder gets, what each tampering loses."""

import dataclasses
import hashlib
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from colorbench.cell import Budget, Recipe
from colorbench.files import file_sha256
from colorbench.generators.official import FILES
from colorbench.grid.run import run
from colorbench.leaderboard import check
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.untrusted import folder_sha256
from colorbench.metrics import METRICS, score_folders
from colorbench.photo import decode_photo
from colorbench.publishing import check_and_print, infer_again, submit_official
from colorbench.record import Score, read_record, write_record
from tests.generators.test_official import OfficialSiggraph17
from tests.grid.test_retest import InProcess, write_photos
from tests.grid.test_run import UNET, tiny_suite
from tests.training.cells import small_protocol

LABEL = "unet+l1"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two seeds of one recipe, trained for eight steps; not to be changed."""
    root = tmp_path_factory.mktemp("evidence")
    suite = tiny_suite(
        protocol=small_protocol(dataset="folder", fit="crop", budget=Budget(kind="steps", amount=8)),
        baselines=("gray",),
        recipes=(Recipe(generator="unet", loss="l1", options=UNET),),
        seeds=2,
    )
    source = write_photos(root / "photos", 12, rng=1)
    report = run(suite, out=root / "runs", source=source, executor=InProcess(), build=False)
    assert report.problems == ()
    return root / "runs" / "tiny"


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "tiny")


def finding(folder, **options):
    return check(folder, only=[LABEL], infer=infer_again, **options)[0]


def tamper(folder, **changes):
    path = folder / LABEL / "seed-0" / "record.json"
    record = read_record(path)
    files = record.files | changes.pop("files", {})
    write_record(record.model_copy(update={"files": files, **changes}), path)


def other_weights(folder):
    """The checkpoint with one tensor scaled, still a checkpoint of its cell; returns its hash."""
    from safetensors import safe_open
    from safetensors.torch import save

    path = folder / LABEL / "seed-0" / "checkpoint.safetensors"
    with safe_open(str(path), framework="pt") as file:
        metadata, state = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    name = next(key for key, value in state.items() if value.is_floating_point() and value.ndim == 4)
    state[name] = 3 * state[name]
    path.write_bytes(save(state, metadata))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_honest_cell_gets_every_badge_by_the_command(folder, capsys):
    told = {"rescore": True, "infer": False, "rerun": True, "source": None, "only": [LABEL]}
    assert check_and_print(folder, **told) == 0
    shown = "".join(capsys.readouterr())  # results, and remarks on standard error
    assert shown.count("again from seed") == 3  # once for both records
    assert "2 of 2 records are clean" in shown
    assert shown.count("re-run") == 2


def test_without_scores_nothing_further_is_checked(folder):
    with pytest.raises(ValueError, match="leave out --no-rescore"):
        check_and_print(folder, rescore=False, infer=True, rerun=False, source=None, only=None)


def test_another_checkpoint_is_no_longer_valid(folder):
    other_weights(folder)
    found = finding(folder)
    assert found.badges == ()
    assert "checkpoint.safetensors has sha256" in found.problems[0]


def test_another_checkpoint_under_its_own_hash_is_not_re_inferred(folder):
    tamper(folder, files={"checkpoint.safetensors": other_weights(folder)})
    found = finding(folder)
    assert found.badges == ("valid", "plausible", "re-scored")
    assert "differ by up to" in found.problems[0]


def test_a_better_score_in_record_and_table_is_not_re_scored(folder):
    import pandas as pd

    place = folder / LABEL / "seed-0"
    table = pd.read_parquet(place / "scores.parquet")
    table["psnr"] += 2
    table.to_parquet(place / "scores.parquet", index=False)
    score = read_record(place / "record.json").scores["psnr"]
    digest = hashlib.sha256((place / "scores.parquet").read_bytes()).hexdigest()
    better = score.model_copy(update={"value": score.value + 2, "color_only_value": None, "color_only_n": 0})
    tamper(folder, scores={"psnr": better}, files={"scores.parquet": digest})
    found = finding(folder)
    assert found.badges == ("valid", "plausible")
    assert "the stored pictures give" in found.problems[0]


def test_pictures_painted_over_with_the_truth_are_not_re_inferred(folder):
    place = folder / LABEL / "seed-0"
    for path in (place / "predictions").glob("*.png"):
        true = decode_photo(folder / "references" / path.name).astype(int)
        Image.fromarray(np.clip(true + 3, 0, 255).astype(np.uint8)).save(path)
    frame = score_folders(place / "predictions", folder / "references", ["psnr"])
    flags = np.ones(len(frame), bool)
    frame.assign(photo=frame.index, color_only=flags).to_parquet(place / "scores.parquet", index=False)
    files = {
        "scores.parquet": hashlib.sha256((place / "scores.parquet").read_bytes()).hexdigest(),
        "predictions": folder_sha256(place / "predictions"),
    }
    tamper(folder, scores={"psnr": Score.over(frame["psnr"].to_numpy(), flags, METRICS["psnr"])}, files=files)
    found = finding(folder)
    assert found.badges == ("valid", "plausible", "re-scored")
    assert "differ by up to" in found.problems[0]


def test_a_checkpoint_that_does_not_fit_loses_the_badge_and_nothing_else(folder):
    from safetensors.torch import save

    path = folder / LABEL / "seed-0" / "checkpoint.safetensors"
    path.write_bytes(save({}, {"format": "pt"}))
    tamper(folder, files={"checkpoint.safetensors": hashlib.sha256(path.read_bytes()).hexdigest()})
    found = finding(folder)
    assert found.badges == ("valid", "plausible", "re-scored")
    assert "no colorbench cell" in found.problems[0]


def test_published_weights_enter_outside_the_budget(folder, tmp_path, monkeypatch):
    weights = tmp_path / "weights" / FILES["siggraph17"].file_name
    weights.parent.mkdir()
    torch.save(OfficialSiggraph17().state_dict(), weights)
    published = dataclasses.replace(FILES["siggraph17"], sha256=file_sha256(weights))
    monkeypatch.setitem(FILES, "siggraph17", published)
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(weights.parent))
    record = read_record(submit_official("siggraph17", folder, "cpu"))
    assert record.generator.pretrained == "siggraph17 official"
    assert record.generator.parameters == 34_187_027
    assert read_board(folder).entry("siggraph17-official").kind == "submission"
    found = check(folder, only=["siggraph17-official"])[0]
    assert found.badges == ("valid", "plausible", "re-scored"), found.problems
    with pytest.raises(FileExistsError, match="siggraph17-official"):
        submit_official("siggraph17", folder, "cpu")
    with pytest.raises(KeyError, match="known official networks: eccv16, siggraph17"):
        submit_official("unet", folder, "cpu")


def test_a_run_that_started_from_published_weights_is_outside_the_budget_too(folder):
    assert read_board(folder).entry(LABEL).kind == "trained"
    for seed in (0, 1):
        path = folder / LABEL / f"seed-{seed}" / "record.json"
        record = read_record(path)
        facts = record.generator.model_copy(update={"pretrained": "eccv16 official"})
        write_record(record.model_copy(update={"generator": facts}), path)
    assert read_board(folder).entry(LABEL).kind == "submission"
