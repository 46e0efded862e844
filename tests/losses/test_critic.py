import pytest
import torch
from torch import nn

from colorbench.losses.adversarial import PENALIZED
from colorbench.losses.critic import Critic, ImagePool, fitting_norm, frozen


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


@pytest.mark.parametrize("mode", PENALIZED)
def test_penalties_and_batch_norm_do_not_mix(mode):
    with pytest.raises(ValueError, match="norm='instance' or norm='none'"):
        fitting_norm(mode, "batch")


@pytest.mark.parametrize("mode", PENALIZED)
def test_penalty_is_added_whole(mode, output, batch):
    values = []
    for penalty in (0.0, 10.0):
        torch.manual_seed(0)
        network = nn.Conv2d(2, 1, 1)
        critic = Critic(network, lambda o, b: (b.ab / 110, o.ab / 110), mode, penalty)
        values.append(critic.critic_loss(output, batch).item())
    squared = network.weight.square().sum().item() * 32**2  # of the gradient of the sum over 32 x 32 patches
    if mode.endswith("-mean"):
        squared /= 32**4
    added = (squared**0.5 - 1) ** 2 if mode.startswith("wgan-gp") else squared / 2
    assert values[1] - values[0] == pytest.approx(10 * added, rel=1e-3, abs=1e-6)


def test_optimizer_is_pix2pix():
    critic = Critic(nn.Conv2d(2, 1, 1), lambda o, b: None, "vanilla")
    assert critic.optimizer == {"lr": 2e-4, "betas": (0.5, 0.999)}


def numbered(numbers):
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1)


def test_a_pool_returns_what_comes_until_it_is_full_and_then_half_old():
    torch.manual_seed(0)
    pool = ImagePool(50)
    assert torch.equal(pool(numbered(range(50))), numbered(range(50)))
    old = sum(pool(numbered([1000 + step])).item() < 1000 + step for step in range(400))
    assert 160 < old < 240
    assert len(pool.kept) == 50


def test_every_picture_comes_out_at_most_twice():
    torch.manual_seed(0)
    pool = ImagePool(3)
    out = [int(pool(numbered([step])).item()) for step in range(100)]
    assert max(out.count(step) for step in out) <= 2


def test_a_pool_of_size_0_keeps_nothing():
    pictures = numbered([1, 2])
    assert ImagePool(0)(pictures) is pictures


def test_a_pool_of_negative_size():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        ImagePool(-1)


def test_a_loaded_pool_continues_as_the_first_would_have():
    torch.manual_seed(0)
    pool, other = ImagePool(3), ImagePool(3)
    pool(numbered(range(4)))
    other.load(pool.kept)
    going_on = []
    for each in (pool, other):
        torch.manual_seed(1)
        going_on.append(torch.cat([each(numbered([step])) for step in range(10, 30)]))
    assert torch.equal(*going_on)


def test_a_state_of_a_larger_pool_is_refused():
    with pytest.raises(ValueError, match="pool of 2 cannot take 3"):
        ImagePool(2).load(list(numbered(range(3))))


def test_pictures_of_another_size_are_dropped():
    pool = ImagePool(4)
    pool(torch.zeros(3, 1, 8, 8))
    assert pool(torch.ones(2, 1, 16, 16)).shape == (2, 1, 16, 16)
    assert [picture.shape[-1] for picture in pool.kept] == [16, 16]


def test_in_bf16_the_network_is_coarse_and_what_it_says_float32():
    critic, seen = Critic(nn.Conv2d(3, 1, 1), lambda o, b: (b.rgb, o.rgb), "lsgan"), []
    critic.network.register_forward_hook(lambda network, inputs, logits: seen.append(logits.dtype))
    pictures = torch.rand(2, 3, 8, 8)
    plain = critic.judge(pictures)
    critic.use_bf16()
    logits = critic.judge(pictures)
    assert seen == [torch.float32, torch.bfloat16]
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, plain, atol=0.01, rtol=0.01)
    pictures.requires_grad_()
    critic.generator_loss(pictures).sum().backward()
    assert pictures.grad.abs().sum() > 0


@pytest.mark.parametrize("mode", PENALIZED)
def test_a_critic_with_a_penalty_stays_in_float32(mode):
    critic = Critic(nn.Conv2d(3, 1, 1), lambda o, b: (b.rgb, o.rgb), mode)
    critic.use_bf16()
    assert not critic.in_bf16
