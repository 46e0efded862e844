import pytest
import torch
from torch import nn

from colorbench.losses.critic import Critic, fitting_norm, frozen


def test_frozen_holds_parameters_and_gives_them_back():
    network = nn.Linear(2, 1)
    network.bias.requires_grad_(False)
    x = torch.ones(1, 2, requires_grad=True)
    with frozen(network):
        y = network(x).sum()
    y.backward()
    assert x.grad is not None
    assert network.weight.grad is None
    assert network.weight.requires_grad
    assert not network.bias.requires_grad


def test_frozen_gives_back_after_an_error():
    network = nn.Linear(2, 1)
    with pytest.raises(RuntimeError, match="mat1"), frozen(network):
        network(torch.ones(1, 3))
    assert network.weight.requires_grad


@pytest.mark.parametrize(
    ("mode", "norm", "expected"),
    [
        ("vanilla", None, "batch"),
        ("hinge", "none", "none"),
        ("wgan-gp", None, "instance"),
        ("r1", "none", "none"),
    ],
)
def test_norm_that_fits_the_mode(mode, norm, expected):
    assert fitting_norm(mode, norm) == expected


@pytest.mark.parametrize("mode", ["wgan-gp", "r1"])
def test_penalties_and_batch_norm_do_not_mix(mode):
    with pytest.raises(ValueError, match="norm='instance' or norm='none'"):
        fitting_norm(mode, "batch")


@pytest.mark.parametrize("mode", ["wgan-gp", "r1"])
def test_penalty_is_added_whole(mode, output, batch):
    values = []
    for penalty in (0.0, 10.0):
        torch.manual_seed(0)
        network = nn.Conv2d(2, 1, 1)
        critic = Critic(network, lambda o, b: (b.ab / 110, o.ab / 110), mode, penalty)
        values.append(critic.critic_loss(output, batch).item())
    squared = network.weight.square().sum().item() / 32**2  # of the gradient of the mean over 32 x 32 patches
    added = (squared**0.5 - 1) ** 2 if mode == "wgan-gp" else squared / 2
    assert values[1] - values[0] == pytest.approx(10 * added, rel=1e-3, abs=1e-6)


def test_optimizer_is_pix2pix():
    critic = Critic(nn.Conv2d(2, 1, 1), lambda o, b: None, "vanilla")
    assert critic.optimizer == {"lr": 2e-4, "betas": (0.5, 0.999)}
