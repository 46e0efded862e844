import pytest
import torch

from colorbench.color import lab_to_rgb, rgb_to_lab
from colorbench.color.gamut import check_clip, clip_to_gamut

OUTSIDE = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.5])


def test_the_soft_clip_has_the_values_of_the_clip():
    lab = torch.rand(2, 3, 20, 20) * torch.tensor([100.0, 220, 220]).reshape(3, 1, 1) - torch.tensor(
        [0.0, 110, 110]
    ).reshape(3, 1, 1)
    assert torch.equal(lab_to_rgb(lab, clip="soft"), lab_to_rgb(lab, clip=True))


@pytest.mark.parametrize(
    ("direction", "expected"), [(1.0, [0, 1, 1, 1, 1]), (-1.0, [-1, -1, -1, -1, 0])], ids=["down", "up"]
)
def test_the_gradient_passes_where_it_points_back(direction, expected):
    colors = OUTSIDE.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(clip_to_gamut(colors, "soft"), colors, torch.full_like(colors, direction))
    assert gradient.tolist() == expected


def test_descent_comes_back_where_the_plain_clip_is_stuck():
    target = rgb_to_lab(torch.full((1, 3, 1, 1), 0.5))
    start = torch.tensor([50.0, 100, 110]).reshape(1, 3, 1, 1)
    soft = clip_distance(start, target, clip="soft")
    assert soft < 0.02
    assert soft < clip_distance(start, target, clip=True) / 2


def clip_distance(start: torch.Tensor, target: torch.Tensor, clip: bool | str) -> float:
    """How far from the target color 300 steps of Adam end."""
    lab, wanted = start.clone().requires_grad_(), lab_to_rgb(target)
    optimizer = torch.optim.Adam([lab], lr=1.0)
    for _ in range(300):
        loss = (lab_to_rgb(lab, clip=clip)[:, 2] - wanted[:, 2]).abs().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def test_check_clip_takes_the_three_settings():
    for clip in (True, False, "soft"):
        check_clip(clip)
