import torch

from colorbench.generators.r2unet import Recurrent


def test_more_applications_share_their_parameters(count):
    assert count("r2unet", times=5) == count("r2unet")


def test_one_shared_convolution_is_applied_once_more_than_t():
    unit = Recurrent(2, 2, "none")
    calls = []
    unit.conv.register_forward_hook(lambda *_: calls.append(1))
    x = torch.rand(1, 2, 8, 8)

    def f(x):
        return unit.conv(x).relu()

    torch.testing.assert_close(unit(x), f(x + f(x + f(x))))
    assert len(calls) == 6


def test_in_use_it_gives_what_it_gave_in_training():
    """With one set of running statistics for all applications, these two differ by more than the spread of the output."""
    torch.manual_seed(0)
    unit, x = Recurrent(4, 2, "batch"), 3 * torch.randn(8, 4, 16, 16) + 1
    for _ in range(100):
        trained = unit(x)
    used = unit.eval()(x)
    torch.testing.assert_close(used, trained, atol=0.02, rtol=0.02)
    state = unit.state_dict()
    assert state["norm.weight"].shape == (4,)
    apart = state["norm.norms.0.running_var"] - state["norm.norms.2.running_var"]
    assert apart.abs().max() > 0.1
