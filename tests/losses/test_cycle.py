import pytest
import torch

from colorbench.batch import Batch, Output
from colorbench.losses import build_loss
from colorbench.losses.cycle import ColorToGray

EXPRESSION = "cycle(width=4, blocks=1, layers=1, pool=2)"


def colorizer():
    network = torch.nn.Conv2d(1, 2, 1)
    return network, lambda gray: Output.from_ab(60 * network(gray).tanh(), 50 * (gray + 1))


def unpaired():
    torch.manual_seed(0)
    return Batch(torch.rand(2, 3, 16, 20)), Batch(torch.rand(2, 3, 16, 20))


def test_the_second_generator_is_cyclegans():
    assert sum(parameter.numel() for parameter in ColorToGray().parameters()) == 11_371_905  # 3 -> 1 channels


@pytest.mark.parametrize("size", [(8, 8), (9, 15), (17, 10)])
def test_the_second_generator_takes_any_size(size):
    gray = ColorToGray(2, 1)(torch.rand(1, 3, *size) * 2 - 1)
    assert gray.shape == (1, 1, *size)
    assert gray.abs().max() <= 1


def test_the_second_generator_refuses():
    with pytest.raises(ValueError, match="8 px per side, got 7 x 8"):
        ColorToGray(2, 1)(torch.rand(1, 3, 7, 8))
    with pytest.raises(ValueError, match="width >= 1"):
        ColorToGray(0)


def test_parts_by_hand():
    objective, (_, colorize) = build_loss(EXPRESSION), colorizer()
    objective.attach(colorize)
    gray_photos, photos = unpaired()
    output = colorize(gray_photos.gray)
    losses = objective(output, photos)
    (term,) = objective.terms
    color, fake_gray = photos.rgb * 2 - 1, term.to_gray(photos.rgb * 2 - 1)
    there = (term.to_gray(output.rgb * 2 - 1) - gray_photos.gray).abs().mean()
    back = (colorize(fake_gray).rgb * 2 - 1 - color).abs().mean()
    torch.testing.assert_close(losses.parts["cycle-consistency"], (there + back).detach())
    critics = [(c.network(x) - 1).square().mean() for c, x in zip(term.critics, (output.rgb * 2 - 1, fake_gray))]
    torch.testing.assert_close(losses.parts["cycle-adversarial"], sum(critics).detach())
    parts = losses.parts
    expected = parts["cycle-adversarial"] + 10 * parts["cycle-consistency"] + 5 * parts["cycle-identity"]
    torch.testing.assert_close(losses.total.detach(), expected)


def test_a_step_trains_both_generators_and_then_both_critics():
    objective, (network, colorize) = build_loss(EXPRESSION), colorizer()
    objective.attach(colorize)
    gray_photos, photos = unpaired()
    output = colorize(gray_photos.gray)
    objective(output, photos).total.backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())
    assert any(p.grad.abs().sum() > 0 for p in objective.trainable_parameters())
    second = [p.grad.clone() for p in objective.trainable_parameters()]
    for critic in objective.critics:
        assert all(p.grad is None for p in critic.critic_parameters())
        critic.critic_loss(output.detach(), photos).backward()
        assert all(p.grad is not None for p in critic.critic_parameters())
    torch.testing.assert_close(second, [p.grad for p in objective.trainable_parameters()])


def test_without_the_way_back():
    gray_photos, photos = unpaired()
    with pytest.raises(ValueError, match=r"objective\.attach"):
        build_loss(EXPRESSION)(Output.from_ab(gray_photos.ab, gray_photos.lightness), photos)
