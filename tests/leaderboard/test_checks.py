import hashlib
import json
import struct

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from colorbench.leaderboard import build
from colorbench.leaderboard.checks import badges_of, check, report
from colorbench.leaderboard.pull_request import difference_table
from colorbench.leaderboard.rerun import SECOND_LOOK, better_by_chance, second_look
from colorbench.leaderboard.untrusted import folder_sha256
from colorbench.photo import decode_photo
from colorbench.record import Score, read_record, write_record

SMALL = {
    "generators": ["unet"],
    "losses": {"l1": 0.0},
    "seeds": 2,
    "photos": 6,
    "size": 24,
    "baselines": {"gray": -3.0},
}


@pytest.fixture
def honest(make_runs):
    """A folder whose scores are those of its pictures, and whose hashes fit."""
    import pandas as pd

    from colorbench.metrics import METRICS, score_folders

    folder = make_runs(**SMALL)
    suite = json.loads((folder / "suite.json").read_text())
    (folder / "suite.json").write_text(json.dumps(suite | {"metrics": ["psnr", "delta-e-2000"]}))
    for path in sorted(folder.glob("*/seed-*/record.json")):
        frame = score_folders(path.parent / "predictions", folder / "references", ["psnr", "delta-e-2000"])
        flags = np.arange(len(frame)) > 0
        pd.DataFrame(frame).assign(photo=frame.index, color_only=flags).to_parquet(
            path.parent / "scores.parquet", index=False
        )
        scores = {key: Score.over(frame[key].to_numpy(), flags, METRICS[key]) for key in frame.columns}
        record = read_record(path)
        if not record.cell.is_baseline:
            (path.parent / "checkpoint.safetensors").write_bytes(safetensors())
        table = hashlib.sha256((path.parent / "scores.parquet").read_bytes()).hexdigest()
        files = {"scores.parquet": table, "predictions": folder_sha256(path.parent / "predictions")}
        data = record.data.model_copy(update={"n_test": 6})
        write_record(record.model_copy(update={"scores": scores, "files": files, "data": data}), path)
    return folder


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


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


def test_re_inferred_compares_pixels(honest):
    stored = honest / "unet+l1" / "seed-0" / "predictions"
    names = sorted(path.stem for path in stored.glob("*.png"))

    def infer_with(shift):
        def infer(checkpoint, photos):
            run = checkpoint.parent / "predictions"
            return [np.clip(decode_photo(run / f"{n}.png").astype(int) + shift, 0, 255).astype(np.uint8) for n in names]

        return infer

    assert of(check(honest, infer=infer_with(1))).badges[-1] == "re-inferred"
    worse = of(check(honest, infer=infer_with(2)))
    assert worse.badges[-1] == "re-scored"
    assert "differ by up to 2 of 255" in worse.problems[0]
    assert "gave 0 pictures of 6" in of(check(honest, infer=lambda c, p: [])).problems[0]


@pytest.fixture
def train_again(honest):
    """Given a function of the seed, a trainer whose records score that; and the seeds it was asked for."""
    record = read_record(honest / "unet+l1" / "seed-0" / "record.json")

    def trainer(value_of):
        def rerun(cell):
            rerun.seeds.append(cell.seed)
            score = record.scores["psnr"].model_copy(update={"value": value_of(cell.seed)})
            return record.model_copy(update={"cell": cell, "key": cell.key, "scores": {"psnr": score}})

        rerun.seeds = []
        return rerun

    def infer(checkpoint, photos):
        return [decode_photo(p) for p in sorted((checkpoint.parent / "predictions").glob("*.png"))]

    return lambda value_of: {"infer": infer, "rerun": trainer(value_of)}


def test_re_run_rejects_a_claim_that_is_too_good(honest, train_again):
    claims = psnrs(honest)
    good = train_again(lambda seed: np.mean(claims) + 0.01 * (seed - 1002))
    assert of(check(honest, **good)).badges[-1] == "re-run"
    assert set(good["rerun"].seeds) == {1001, 1002, 1003}
    low = train_again(lambda seed: np.mean(claims) - 3 + 0.01 * (seed % 10 - 5))
    finding = of(check(honest, **low))
    assert finding.badges[-1] == "re-inferred"
    assert "significantly better than the re-run" in finding.problems[0]
    both_looks, own = set(range(1001, 1010)), {0}  # the first of its own seeds does not give it again
    assert set(low["rerun"].seeds) == both_looks | own


def test_a_lucky_claim_that_its_own_seeds_give_again_holds(honest, train_again):
    claims = psnrs(honest)
    lucky = train_again(lambda seed: claims[seed] if seed < 2 else np.mean(claims) - 3 + 0.01 * (seed - 1005))
    assert of(check(honest, **lucky)).badges[-1] == "re-run"
    assert {0, 1} < set(lucky["rerun"].seeds)


def psnrs(folder):
    return [read_record(folder / "unet+l1" / f"seed-{k}" / "record.json").scores["psnr"].value for k in (0, 1)]


def test_the_second_look_spares_the_honest_and_not_the_cheat(rng):
    def refused(advantage):
        claims, values = rng.normal(advantage, 1, (2000, 3)), rng.normal(0, 1, (2000, 9))
        looks = (second_look(c, v.__getitem__, (0, 1, 2), True) for c, v in zip(claims, values))
        return np.mean([p < SECOND_LOOK for _, p in looks])

    assert refused(0) < 0.015
    assert refused(4) > 0.97


def test_better_by_chance_is_scipys_and_guards_itself(rng):
    a, b = rng.normal(25, 0.2, 3), rng.normal(24, 0.2, 3)
    assert better_by_chance(a, b, True) == pytest.approx(stats.ttest_ind(a, b, alternative="greater").pvalue)
    assert better_by_chance(a, b, False) > 0.9
    assert better_by_chance(a[:1].repeat(3), a[:1].repeat(3), True) == 1
    with pytest.raises(ValueError, match="re-run at least 2"):
        better_by_chance(a[:1], b[:1], True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"files": {"scores.parquet": "0" * 64}}, "scores.parquet has sha256"),
        ({"files": {"predictions": "0" * 64}}, "predictions has sha256"),
        ({"files": {"../../secret": "0" * 64}}, "leaves the folder"),
        ({"message": "failed in /home/someone/project/run.py"}, "path of somebody's machine"),
        ({"scores": {}}, "no score"),
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
    assert Image.MAX_IMAGE_PIXELS  # the decoder's own guard is never switched off


def test_a_table_that_is_not_the_records_is_said(honest):
    build(honest, plots=False, pages=False)
    assert all(finding.ok for finding in check(honest, rescore=False))
    path = honest / "board" / "table.csv"
    path.write_text(path.read_text().replace("unet+l1", "unet+l2"))
    assert "not the table of these records" in of(check(honest, rescore=False), "board").problems[0]
