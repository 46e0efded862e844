import torch

from colorbench.generators.r2unet import Recurrent


def test_parameters(count):
    assert count("r2unet") == 39_091_330
    assert count("r2unet", times=5) == 39_091_330


def test_one_shared_unit_is_applied_once_more_than_t():
    unit = Recurrent(2, 2, "none")
    calls = []
    unit.shared.register_forward_hook(lambda *_: calls.append(1))
    x = torch.rand(1, 2, 8, 8)
    f = unit.shared
    torch.testing.assert_close(unit(x), f(x + f(x + f(x))))
    assert len(calls) == 6
