"""The checks that make pictures or trainings again, with functions in the place of a trainer; publishing has real ones."""

import numpy as np
import pytest
from scipy import stats

from colorbench.leaderboard.checks import check
from colorbench.leaderboard.rerun import SECOND_LOOK, better_by_chance, second_look
from colorbench.photo import decode_photo
from colorbench.record import read_record


def first(findings):
    return next(finding for finding in findings if finding.place.startswith("unet+l1/seed-0"))


def test_re_inferred_compares_pixels(honest):
    stored = honest / "unet+l1" / "seed-0" / "predictions"
    names = sorted(path.stem for path in stored.glob("*.png"))

    def infer_with(shift):
        def infer(checkpoint, photos):
            run = checkpoint.parent / "predictions"
            return [np.clip(decode_photo(run / f"{n}.png").astype(int) + shift, 0, 255).astype(np.uint8) for n in names]

        return infer

    assert first(check(honest, infer=infer_with(1))).badges[-1] == "re-inferred"
    worse = first(check(honest, infer=infer_with(2)))
    assert worse.badges[-1] == "re-scored"
    assert "differ by up to 2 of 255" in worse.problems[0]
    assert "gave 0 pictures of 6" in first(check(honest, infer=lambda c, p: [])).problems[0]


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
    assert first(check(honest, **good)).badges[-1] == "re-run"
    assert set(good["rerun"].seeds) == {1001, 1002, 1003}
    low = train_again(lambda seed: np.mean(claims) - 3 + 0.01 * (seed % 10 - 5))
    finding = first(check(honest, **low))
    assert finding.badges[-1] == "re-inferred"
    assert "significantly better than the re-run" in finding.problems[0]
    both_looks, own = set(range(1001, 1010)), {0}  # the first of its own seeds does not give it again
    assert set(low["rerun"].seeds) == both_looks | own


def test_a_lucky_claim_that_its_own_seeds_give_again_holds(honest, train_again):
    claims = psnrs(honest)
    lucky = train_again(lambda seed: claims[seed] if seed < 2 else np.mean(claims) - 3 + 0.01 * (seed - 1005))
    assert first(check(honest, **lucky)).badges[-1] == "re-run"
    assert {0, 1} < set(lucky["rerun"].seeds)


def psnrs(folder):
    return [read_record(folder / "unet+l1" / f"seed-{k}" / "record.json").scores["psnr"].value for k in (0, 1)]


def test_the_second_look_spares_the_honest_and_not_the_cheat(rng):
    def refused(advantage):
        claims, values = rng.normal(advantage, 1, (600, 3)), rng.normal(0, 1, (600, 9))
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
