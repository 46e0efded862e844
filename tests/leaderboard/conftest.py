"""A synthetic run folder with known effects, as the harness would have written it."""

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from colorbench.cell import Budget, Cell, Protocol, Recipe, Suite, canonical_json
from colorbench.leaderboard import build
from colorbench.leaderboard.untrusted import folder_sha256
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
from tests.conftest import without_shape_checks

METRICS = {
    "psnr": ("dB", True, 24.0),
    "ssim": ("", True, 0.90),
    "delta-e-2000": ("ΔE", False, 9.0),
    "lpips-alex": ("", False, 0.2),
    "colorfulness": ("", None, 30.0),
    "colorfulness-error": ("", False, 8.0),
}
PER_DB = {
    "psnr": 1.0,
    "ssim": 0.01,
    "delta-e-2000": -0.9,
    "lpips-alex": -0.02,
    "colorfulness": 2.0,
    "colorfulness-error": -0.8,
}
BASELINES = {"gray": -3.0, "mean-ab": -2.0, "shuffled-ab": -5.0, "oracle-quarter": 8.0}
GENERATORS = {"unet": (0.0, 7.8e6, 20.0), "linknet": (-0.6, 11.5e6, 14.0), "pix2pix": (0.4, 54.4e6, 41.0)}
LOSSES = {"l1": 0.0, "mse": -0.5, "100*l1 + patchgan": 0.9}


def picture(generator, size: int, strength: float, photo: int) -> np.ndarray:
    """A smooth picture whose colors fade with `strength` 0."""
    y, x = np.mgrid[0:size, 0:size] / size
    light = 0.35 + 0.45 * np.sin(3 * x + photo) ** 2 * (0.6 + 0.4 * y)
    hue = np.stack([np.sin(2 * x + photo), np.sin(3 * y + 2 * photo), -np.sin(2 * x + photo)], -1)
    noise = generator.normal(0, 0.01, (size, size, 1))
    return (np.clip(light[..., None] + 0.22 * strength * hue + noise, 0, 1) * 255).round().astype(np.uint8)


def board_protocol(**changes) -> Protocol:
    return Protocol(**({"dataset": "embedded", "size_px": 64, "budget": Budget.parse("500steps")} | changes))


def a_record(recipe: Recipe, seed: int, scores: dict, protocol: Protocol, **changes) -> Record:
    cell = Cell(suite="synthetic", protocol=protocol, recipe=recipe, seed=seed, data_hash="d" * 64)
    baseline = recipe.loss == "none"
    tested = next((score.n for score in scores.values()), 24)
    _, parameters, seconds = GENERATORS.get(recipe.generator, (0, 0 if baseline else 1e6, 10.0))
    facts = {
        "key": cell.key,
        "cell": cell,
        "status": "done",
        "generator": GeneratorFacts(
            version="1",
            parameters=int(parameters),
            trainable_parameters=int(parameters),
            licence="MIT",
            citation="Someone 2020",
        ),
        "data": DataFacts(id="embedded", hash="d" * 64, split="s" * 64, n_train=100, n_test=tested),
        "spent": Spent(kind="steps", steps=0 if baseline else 500, planned_steps=500, images=0 if baseline else 8000),
        "cost": Cost(
            train_seconds=0 if baseline else seconds + seed, peak_bytes=int(2e8 + 30 * parameters), joules=None
        ),
        "environment": Environment(
            colorbench="0.1.0", python="3.11.7", torch="2.15.0", cpu="x86_64", threads=1, platform="linux"
        ),
        "scores": scores,
    }
    return Record(**(facts | changes))


def score_of(metric: str, values: np.ndarray, color_only: np.ndarray) -> Score:
    unit, direction, _ = METRICS[metric]
    return Score(
        value=float(values.mean()), n=len(values), color_only_value=float(values[color_only].mean()),
        color_only_n=int(color_only.sum()), unit=unit, higher_is_better=direction,
    )  # fmt: skip


class Factory:
    """Writes run folders. The effects are in dB of psnr; the other metrics follow by `PER_DB`."""

    def __init__(self, root: Path):
        self.root = root

    def __call__(
        self, generators=GENERATORS, losses=LOSSES, seeds=3, photos=24, size=24, pictures=True, parquet=True,
        seed_sd=0.15, photo_sd=1.5, residual_sd=0.5, interaction=None, note="", rankable=True, rng=0, baselines=BASELINES,
        suite=True, protocol=None,
    ) -> Path:  # fmt: skip
        self.rng, self.size, self.pictures, self.parquet = np.random.default_rng(rng), size, pictures, parquet
        self.photos = [f"{k:04x}photo" for k in range(photos)]
        self.folder = self.root / "runs" / "synthetic"
        self.sds = (seed_sd, residual_sd)
        self.photo_effect = self.rng.normal(0, photo_sd, photos)
        self.color_only = np.arange(photos) % 8 != 0
        self.protocol = protocol or board_protocol()
        if pictures:
            self.write_pictures(self.folder / "references", 1.0)
        recipes = [Recipe(generator=g, loss=loss) for g in generators for loss in losses]
        for recipe in recipes:
            effect = GENERATORS.get(recipe.generator, (0.0,))[0] + losses[recipe.loss]
            effect += (interaction or {}).get((recipe.generator, recipe.loss), 0.0)
            for seed in range(seeds):
                self.run(recipe, seed, effect)
        for name, effect in baselines.items():
            self.run(Recipe(generator=name), 0, effect, seed_sd=0.0)
        if suite:
            self.write_suite(recipes, seeds, note, rankable)
        return self.folder

    def write_suite(self, recipes, seeds, note, rankable):
        made = Suite(
            name="synthetic", title="Synthetic board", note=note, rankable=rankable, protocol=self.protocol, seeds=seeds,
            metrics=tuple(METRICS), primary="psnr", baselines=tuple(BASELINES), recipes=tuple(recipes),
        )  # fmt: skip
        (self.folder / "suite.json").write_text(made.model_dump_json())

    def run(self, recipe: Recipe, seed: int, effect: float, seed_sd=None, **changes) -> Path:
        """One run's folder, with a true mean of 24 + effect dB."""
        folder = self.folder / recipe.label / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        shift = self.rng.normal(0, self.sds[0] if seed_sd is None else seed_sd)
        db = effect + shift + self.photo_effect + self.rng.normal(0, self.sds[1], len(self.photos))
        values = {m: METRICS[m][2] + PER_DB[m] * db for m in METRICS}
        scores = {m: score_of(m, values[m], self.color_only) for m in METRICS}
        if self.parquet:
            frame = pd.DataFrame({"photo": self.photos, "color_only": self.color_only, **values})
            frame.to_parquet(folder / "scores.parquet", index=False)
        if self.pictures:
            self.write_pictures(folder / "predictions", float(np.clip(0.6 + 0.1 * effect, 0, 1)))
        if recipe.loss != "none":
            (folder / "curve.jsonl").write_text("".join(self.curve(effect)))
        write_record(a_record(recipe, seed, scores, self.protocol, **changes), folder / "record.json")
        return folder

    def write_pictures(self, folder: Path, strength: float):
        folder.mkdir(parents=True, exist_ok=True)
        for k, name in enumerate(self.photos):
            Image.fromarray(picture(self.rng, self.size, strength, k)).save(folder / f"{name}.png")

    def curve(self, effect: float):
        for step in range(0, 501, 25):
            loss = 1.2 * np.exp(-step / 150) + 0.3 - 0.02 * effect + self.rng.normal(0, 0.01)
            line = {
                "step": step,
                "images": 16 * step,
                "seconds": step / 25,
                "loss": loss,
                "parts": {"l1": loss},
                "lr": 3e-4,
            }
            yield json.dumps(line) + "\n"


def pages_with_pictures(board_dir: Path) -> list[str]:
    """Files of a built board that show a photo or a prediction."""
    shown = [path.name for path in board_dir.glob("plots/strips.*")]
    pages = [path.name for path in sorted(board_dir.glob("runs/*.html")) if b'class="compare"' in path.read_bytes()]
    return shown + pages


def write_pair(factory: Factory) -> tuple[Path, Path]:
    """Run folders of a board and of its retest: `runs/synthetic` and `runs/synthetic-kodak`."""
    small = {"generators": ["unet"], "losses": {"l1": 0.0}, "seeds": 2, "photos": 6, "baselines": {"gray": -3.0}}
    other = factory(**small)
    other = other.rename(other.with_name("synthetic-kodak"))
    folder = factory(**small)
    for path in sorted(other.glob("*/seed-*/record.json")):
        record = read_record(path)
        cell = record.cell.model_copy(update={"suite": other.name, "retest_of": record.key})
        write_record(record.model_copy(update={"cell": cell, "key": cell.key}), path)
    return folder, other


@pytest.fixture
def make_runs(tmp_path) -> Factory:
    return Factory(tmp_path)


def as_suite(results, name: str, **protocol):
    """The results of a board as those of another suite, whose protocol differs in these fields."""

    def changed(run):
        cell = run.record.cell
        cell = cell.model_copy(update={"suite": name, "protocol": cell.protocol.model_copy(update=protocol)})
        return replace(run, record=run.record.model_copy(update={"cell": cell}))

    entries = tuple(replace(entry, runs=tuple(map(changed, entry.runs))) for entry in results.board.entries)
    return replace(results, board=replace(results.board, name=name, entries=entries))


@pytest.fixture(scope="session")
def factory_class():
    return Factory


@pytest.fixture
def pair(make_runs):
    """A board and its retest: `runs/synthetic` and `runs/synthetic-kodak`, both built."""
    folder, other = write_pair(make_runs)
    for place in (other, folder, other):
        build(place, plots=False)
    return folder, other


@pytest.fixture
def honest(make_runs):
    """A folder whose scores are those of its pictures, and whose hashes fit."""
    from colorbench.metrics import METRICS, score_folders

    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, seeds=2, photos=6, baselines={"gray": -3.0})
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


@pytest.fixture
def new_record():
    """A record of made-up scores: `new_record(recipe, seed=0, **changes)`."""

    def make(recipe=None, seed=0, scores=None, **changes):
        values = np.linspace(20, 24, 8)
        scores = scores if scores is not None else {"psnr": score_of("psnr", values, np.arange(8) > 0)}
        return a_record(recipe or Recipe(generator="unet", loss="l1"), seed, scores, board_protocol(), **changes)

    return make


@pytest.fixture
def copy_json():
    return lambda model: json.loads(canonical_json(model.model_dump(mode="json")))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory) -> Path:
    """A run folder of generated scenes; not to be changed."""
    from tests.leaderboard.scenes import write_scenes

    with without_shape_checks():
        return write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="session")
def ranked_scenes(scenes):
    """The results of that folder."""
    from colorbench.leaderboard.entries import read_board
    from colorbench.leaderboard.tiers import rank_board

    return rank_board(read_board(scenes))


@pytest.fixture(scope="session")
def found(ranked_scenes):
    """The analysis of that folder."""
    return ranked_scenes.ambiguity
