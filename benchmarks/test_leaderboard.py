"""The board's own times: 10 000 records built in under 20 s, all pairs of a large board, a page's sort in a browser."""

import hashlib

import numpy as np
import pytest

from colorbench.cell import Budget, Cell, Protocol, Recipe
from colorbench.leaderboard import build
from colorbench.leaderboard.intervals import compare, sample
from colorbench.leaderboard.tiers import holm, letters
from colorbench.record import Cost, DataFacts, Environment, GeneratorFacts, Record, Score, Spent

RECIPES, SEEDS = 2000, 5


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory):
    """10 000 records of 2000 recipes."""
    folder = tmp_path_factory.mktemp("many") / "many"
    rng = np.random.default_rng(0)
    protocol = Protocol(dataset="embedded", size_px=64, budget=Budget.parse("500steps"))
    for k in range(RECIPES):
        recipe = Recipe(generator=f"unet-{k % 40}", loss="l1", options={"width": k}, name=f"unet-{k}")
        for seed in range(SEEDS):
            cell = Cell(suite="many", protocol=protocol, recipe=recipe, seed=seed, data_hash="d" * 64)
            path = folder / recipe.label / f"seed-{seed}" / "record.json"
            path.parent.mkdir(parents=True)
            path.write_text(_record(cell, rng, k).to_json())
    return folder


def _record(cell, rng, k: int) -> Record:
    value = 22 + 3 * np.sin(k) + rng.normal(0, 0.2)
    return Record(
        key=cell.key, cell=cell, status="done",
        generator=GeneratorFacts(version="1", parameters=10**6 + k, trainable_parameters=10**6),
        data=DataFacts(id="embedded", hash="d" * 64, split=hashlib.sha256(b"s").hexdigest(), n_train=10, n_test=100),
        spent=Spent(kind="steps", steps=500, images=8000), cost=Cost(train_seconds=10.0 + k % 50, peak_bytes=10**9),
        environment=Environment(colorbench="0.1.0", python="3.11", torch="2.11"),
        scores={
            "psnr": Score(value=value, n=100, higher_is_better=True, unit="dB"),
            "delta-e-2000": Score(value=30 - value, n=100, higher_is_better=False),
        },
    )  # fmt: skip


def test_build_ten_thousand_records(benchmark, ten_thousand, tmp_path):
    """Tables, index and 10 000 pages; without plots."""
    out = benchmark.pedantic(lambda: build(ten_thousand, tmp_path / "out", plots=False), rounds=1)
    assert len(list(out.glob("runs/*.html"))) == RECIPES * SEEDS


@pytest.mark.parametrize("entries", [14, 60, 400])
def test_all_pairs_with_letters(benchmark, entries):
    rng = np.random.default_rng(0)
    photos = rng.normal(0, 1, (entries, 500)) + rng.normal(0, 0.5, (entries, 1))
    seeds = [rng.normal(0, 0.1, 3) + row.mean() for row in photos]

    def everything():
        p = holm(compare(sample(seeds, photos)).p)
        return letters(p < 0.05) if entries <= 60 else p

    benchmark(everything)
