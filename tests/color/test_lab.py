import pytest
import torch
from skimage import color as skimage_color

from colorbench.color import lab_to_rgb, lab_to_xyz, rgb_to_lab, rgb_to_xyz, xyz_to_lab

CORNERS = torch.tensor([[0.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [0, 0, 1], [1, 0, 0]], dtype=torch.float64)


def pixels(colors: torch.Tensor) -> torch.Tensor:
    return colors.reshape(-1, 3, 1, 1)


def test_agrees_with_scikit_image_up_to_its_rounded_knee(rgb):
    # scikit-image rounds 7.787037 to 7.787, which moves dark colors by up to 2e-4
    expected = torch.from_numpy(skimage_color.rgb2lab(rgb.numpy(), channel_axis=1))
    error = (rgb_to_lab(rgb) - expected).abs()
    assert error.max() < 3e-4
    above_the_knee = (rgb_to_xyz(rgb) > 0.01).all(1, keepdim=True).expand_as(error)
    assert error[above_the_knee].max() < 1e-10


def test_white_and_grays_are_neutral():
    lab = rgb_to_lab(pixels(CORNERS[:3])).flatten(1)
    assert lab[1, 0] == pytest.approx(100)
    assert lab[:, 1:].abs().max() < 5e-3  # the published matrix has six digits


def test_float32_error_is_below_1e_4_lab_and_1e_6_rgb(rgb):
    lab = rgb_to_lab(rgb)
    assert (rgb_to_lab(rgb.float()) - rgb_to_lab(rgb.float().double())).abs().max() < 1e-4
    assert (lab_to_rgb(lab.float()) - lab_to_rgb(lab.float().double())).abs().max() < 1e-6


def test_round_trips(rgb):
    lab = rgb_to_lab(rgb)
    torch.testing.assert_close(lab_to_rgb(lab), rgb, atol=1e-12, rtol=0)
    torch.testing.assert_close(xyz_to_lab(rgb_to_xyz(rgb)), lab)
    torch.testing.assert_close(lab_to_xyz(lab), rgb_to_xyz(rgb), atol=1e-12, rtol=0)


def test_all_8_bit_grays_survive_storage():
    stored = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(-1, 3, -1, -1)
    assert torch.equal((lab_to_rgb(rgb_to_lab(stored)) * 255).round().byte(), stored)


def test_without_a_clip_the_lab_box_reaches_far_outside():
    line = torch.linspace(-1, 1, 9, dtype=torch.float64)
    grid = torch.cartesian_prod(line * 50 + 50, line * 110, line * 110)
    colors = lab_to_rgb(pixels(grid), clip=False)
    assert colors.min() < -20
    assert 1.8 < colors.max() < 2
    assert lab_to_rgb(pixels(grid)).min() == 0
    assert lab_to_rgb(pixels(grid)).max() == 1


@pytest.mark.parametrize("function", [rgb_to_lab, lab_to_rgb, xyz_to_lab, lab_to_xyz])
def test_gradients_are_finite_everywhere(function):
    outside = torch.tensor([[100.0, 110, -110], [0, -110, 110], [-5, 0, 0], [50, 0, 0], [2, 0, 0]])
    colors = pixels(torch.cat([CORNERS.float(), outside])).requires_grad_()
    (gradient,) = torch.autograd.grad(function(colors).sum(), colors)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("clip", [False, True, "soft"])
def test_gradcheck(clip):
    colors = (torch.rand(2, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.8) + 0.1
    assert torch.autograd.gradcheck(rgb_to_lab, colors.requires_grad_())
    lab = rgb_to_lab(colors.detach()).requires_grad_()
    assert torch.autograd.gradcheck(lambda lab: lab_to_rgb(lab, clip), lab)
    assert torch.autograd.gradgradcheck(lambda lab: lab_to_rgb(lab, False), lab)


def test_autocast_changes_nothing(rgb):
    colors = rgb.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = rgb_to_lab(colors)
    assert torch.equal(inside, rgb_to_lab(colors))
    assert rgb_to_lab(colors.bfloat16()).dtype == torch.float32


def test_one_picture_at_a_time_gives_the_same(rgb):
    torch.testing.assert_close(
        torch.cat([lab_to_rgb(lab[None]) for lab in rgb_to_lab(rgb)]), lab_to_rgb(rgb_to_lab(rgb))
    )


def test_an_unknown_clip_lists_the_known(unchecked):
    with pytest.raises(ValueError, match="True, False or 'soft', got 'hard'"):
        lab_to_rgb(torch.zeros(1, 3, 1, 1), "hard")


def test_wrong_lab_is_refused(unchecked):
    with pytest.raises(ValueError, match="Lab has shape"):
        lab_to_rgb(torch.zeros(1, 2, 4, 4))


def test_what_is_not_differentiated_has_the_same_bits(rgb):
    values = torch.cat([rgb.float(), torch.tensor([0.0, 0.04045, 0.0404500001]).reshape(1, 3, 1, 1).expand_as(rgb[:1])])
    lab = rgb_to_lab(values)
    assert torch.equal(rgb_to_lab(values.clone().requires_grad_()), lab)
    assert torch.equal(lab_to_rgb(lab.clone().requires_grad_(), clip=False), lab_to_rgb(lab, clip=False))
