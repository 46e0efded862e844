"""What each of two processes does in test_group.py: `python -m tests.training.pair FOLDER`, with LOCAL_RANK set."""

import sys
from pathlib import Path

import pytest
import torch

from colorbench.cell import Recipe
from colorbench.data import load_protocol_photos
from colorbench.training import loop
from colorbench.training.batch_norm import share_batch_norm
from colorbench.training.checkpoint import load_state
from colorbench.training.group import Group, join
from colorbench.training.ledger import Ledger
from tests.training.cells import small_cell

STEPS = 12
CPU = torch.device("cpu")
CELLS = {"l1": "l1", "gan": "100*l1 + patchgan(width=4, layers=1)"}  # the critic has batch norm
CYCLE = "cycle(width=4, blocks=1, layers=1, pool=4)"


def cell_of(loss: str):
    options = {"width": 4, "depth": 2, "norm": "none"}
    return small_cell(
        recipe=Recipe(generator="unet", loss=loss, options=options), budget={"kind": "steps", "amount": STEPS}
    )


def train(loss: str, folder: Path, group: Group, stop_after: int = 10**9) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    asked = iter(range(1, 10**9))
    cell = cell_of(loss)
    loop.train_loop(
        cell, load_protocol_photos(cell.protocol, None), folder, CPU, ledger=Ledger(), group=group,
        should_stop=lambda: next(asked) == stop_after,
    )  # fmt: skip


def check_batch_norm(rank: int) -> None:
    """Ours on half of the batch gives what torch's gives on the whole: values, gradients, running statistics."""
    torch.manual_seed(0)
    whole, ours, theirs = torch.randn(8, 3, 5, 5) * 3 + 1, torch.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3)
    share_batch_norm(ours)
    half, both = whole.chunk(2)[rank].clone().requires_grad_(), whole.clone().requires_grad_()
    target = torch.randn(8, 3, 5, 5)
    (ours(half) * target.chunk(2)[rank]).sum().backward()
    expected = theirs(both)
    (expected * target).sum().backward()
    torch.testing.assert_close(half.grad, both.grad.chunk(2)[rank], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours.eval()(whole), theirs.eval()(whole))


def check_resume(folder: Path, group: Group) -> None:
    """Stopped and resumed, pools of both processes included, the state is the undisturbed one's bit for bit."""
    train(CYCLE, folder / "whole", group)
    with pytest.raises(KeyboardInterrupt):
        train(CYCLE, folder / "broken", group, stop_after=7)
    train(CYCLE, folder / "broken", group)
    whole, broken = (load_state(folder / name, CPU)["trainer"] for name in ("whole", "broken"))
    torch.testing.assert_close(broken, whole, rtol=0, atol=0)
    if len(whole["pools"]) != 2 or torch.equal(whole["pools"][0][0][0], whole["pools"][1][0][0]):
        raise ValueError("two processes keep pools of their own")


def main(folder: Path) -> None:
    loop.CURVE_EVERY = 1
    group = join([CPU, CPU])
    for name, loss in CELLS.items():
        train(loss, folder / name, group)
    check_batch_norm(group.rank)
    check_resume(folder, group)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
