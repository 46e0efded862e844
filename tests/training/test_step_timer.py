"""What calibration times is the step of training, at a learning rate that moves nothing."""

import pytest
import torch

from colorbench.data import load_protocol_photos
from colorbench.training.step_timer import StepTimer
from tests.training.cells import small_cell

CPU = torch.device("cpu")
CYCLE = "cycle(width=4, blocks=1, layers=1)"


@pytest.mark.parametrize(("loss", "loaders"), [("l1 + patchgan(width=4, layers=1)", 1), (CYCLE, 2)])
def test_steps_are_taken_and_no_weight_moves(loss, loaders):
    cell = small_cell(loss)
    timer = StepTimer(cell, load_protocol_photos(cell.protocol), CPU)
    trained = [*timer.trainer.model.parameters(), *timer.trainer.objective.parameters()]
    before = [parameter.detach().clone() for parameter in trained]
    assert timer.warm_up(1) is None  # a CPU has no meter of memory
    assert 0 < timer.take(2) < 60
    assert timer.trainer.step_count == 3
    assert [loader.batch_at(0).shape[-1] for loader in timer.loaders] == [16] * loaders
    torch.testing.assert_close([parameter.detach() for parameter in trained], before, rtol=0, atol=0)
    timer.close()


def test_steps_on_smaller_pictures():
    cell = small_cell(size_px=32)
    timer = StepTimer(cell, load_protocol_photos(cell.protocol), CPU, side_px=16)
    assert timer.loaders[0].batch_at(0).shape == (4, 3, 16, 16)
    assert timer.take(1) > 0
    timer.close()
