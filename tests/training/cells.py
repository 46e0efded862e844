"""Small real cells and suites for tests of training, grid and the command line."""

from pathlib import Path

from colorbench.cell import Budget, Cell, Protocol, Recipe
from colorbench.data import load_protocol_photos

SIZE = 16
_SUITE = """
title = "{title}"
metrics = ["psnr"]
primary = "psnr"
{head}
[protocol]
dataset = "embedded"
size_px = 16
fit = "tiles"
limit_train = 16
limit_test = 4
batch = 4
budget = "{budget}"
{matrix}
"""


def write_suite(folder: Path, *, head: str = "", matrix: str = "", title: str = "two", budget: str = "4steps") -> Path:
    """`two.toml`, the protocol of `small_protocol` as people write it, with these lines before and behind it."""
    path = folder / "two.toml"
    path.write_text(_SUITE.format(head=head, matrix=matrix, title=title, budget=budget))
    return path


def small_protocol(**changes) -> Protocol:
    facts = {
        "dataset": "embedded",
        "size_px": SIZE,
        "fit": "tiles",
        "limit_train": 16,
        "limit_test": 4,
        "batch": 4,
        "budget": Budget(kind="steps", amount=4),
    }
    return Protocol(**{**facts, **changes})


def small_cell(loss="l1", generator="unet", seed=0, recipe=None, **changes) -> Cell:
    protocol = small_protocol(**changes)
    options = {"width": 4, "depth": 2} if generator == "unet" else {}
    recipe = recipe or Recipe(generator=generator, loss=loss, options=options)
    photos = load_protocol_photos(protocol.model_copy(update={"dataset": "embedded"}))
    return Cell(suite="tiny", protocol=protocol, recipe=recipe, seed=seed, data_hash=photos.hash)
