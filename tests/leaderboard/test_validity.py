"""The arithmetic of budget, time and memory. What makes a record valid is tested through `check`, in test_checks.py."""

import pytest

from colorbench.cell import Recipe
from colorbench.leaderboard.validity import plausible
from colorbench.record import Attempt


def trained(new_record, **parts):
    record = new_record(Recipe(generator="unet", loss="l1"))
    changed = {name: getattr(record, name).model_copy(update=update) for name, update in parts.items()}
    return record.model_copy(update=changed)


def test_an_ordinary_record_is_plausible(new_record):
    assert plausible(trained(new_record)) == []


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"spent": {"images": 1}}, "are not 1 images"),
        ({"spent": {"steps": 600, "images": 9600}}, "600 steps, 500 were planned"),
        ({"spent": {"steps": 100, "images": 1600}}, "done after 100 of 500steps"),
        ({"spent": {"kind": "seconds"}}, "the budget is in steps"),
        ({"cost": {"train_seconds": 0.001}}, "faster than any device"),
        ({"spent": {"model_flops": 1e18}, "cost": {"train_seconds": 20.0}}, "faster than any device"),
        ({"cost": {"peak_bytes": 10**12}}, "1000 GB in use"),
        ({"cost": {"peak_bytes": 1000}}, "do not hold"),
        ({"generator": {"trainable_parameters": 10**9}}, "more trainable parameters"),
    ],
)
def test_what_arithmetic_refuses(new_record, parts, words):
    assert any(words in problem for problem in plausible(trained(new_record, **parts)))


def test_attempts_add_up(new_record):
    attempts = (Attempt(start_step=0, end_step=500, train_seconds=3.0, ended="done"),)
    assert "attempts took 3.0 s" in plausible(trained(new_record).model_copy(update={"attempts": attempts}))[0]
