import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from colorbench.blocks import (
    NORMS,
    FloatWeightConv2d,
    InstanceNorm2d,
    Residual,
    conv3x3,
    double_conv,
    make_norm,
    start_kaiming,
    start_normal,
    up_conv,
)


@pytest.mark.parametrize("norm", NORMS)
def test_each_norm_keeps_the_shape(norm):
    assert double_conv(3, 12, norm)(torch.rand(2, 3, 8, 8)).shape == (2, 12, 8, 8)


def test_an_unknown_norm_lists_the_known():
    with pytest.raises(ValueError, match="unknown norm 'layer'; known norms: batch, instance, group, none"):
        make_norm("layer", 8)


def test_group_norm_takes_the_most_groups_that_divide():
    assert make_norm("group", 48).num_groups == 16
    assert make_norm("group", 7).num_groups == 1


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_is_torchs_and_keeps_the_layout(layout):
    norm = make_norm("instance", 6)
    picture = torch.randn(3, 6, 9, 7, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    expected = nn.functional.instance_norm(picture)
    torch.testing.assert_close(norm(picture), expected)
    assert norm(picture).is_contiguous(memory_format=layout)
    (gradient,) = torch.autograd.grad(norm(picture).pow(3).sum(), picture)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.pow(3).sum(), picture)[0])
    assert norm(picture[:0]).shape == (0, 6, 9, 7)


@pytest.mark.parametrize(("mean", "tolerance"), [(0, 2e-6), (100, 4e-5), (-1000, 2e-4)])
def test_instance_norm_keeps_its_digits_far_from_0(mean, tolerance):
    torch.manual_seed(0)
    picture = (mean + torch.randn(2, 4, 24, 20)).contiguous(memory_format=torch.channels_last).requires_grad_()
    exact = picture.detach().double().requires_grad_()
    value, expected = make_norm("instance", 4)(picture), nn.functional.instance_norm(exact)
    assert (value - expected).abs().max() < tolerance
    (gradient,) = torch.autograd.grad(value.pow(3).sum(), picture)
    torch.testing.assert_close(
        gradient.double(), torch.autograd.grad(expected.pow(3).sum(), exact)[0], rtol=0, atol=2e-2
    )


def test_other_instance_norms_are_torchs():
    picture = torch.rand(4, 9, 7)
    assert torch.equal(InstanceNorm2d(4)(picture), nn.InstanceNorm2d(4)(picture))
    with_weight, torchs = InstanceNorm2d(4, affine=True), nn.InstanceNorm2d(4, affine=True)
    nn.init.constant_(with_weight.weight, 3)
    nn.init.constant_(torchs.weight, 3)
    assert torch.equal(with_weight(picture[None]), torchs(picture[None]))


def test_one_pixel_cannot_be_normalized():
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        make_norm("instance", 6)(torch.rand(2, 6, 1, 1))


def test_a_stride_halves_and_up_doubles():
    assert conv3x3(1, 2, stride=2)(torch.rand(1, 1, 8, 8)).shape == (1, 2, 4, 4)
    assert up_conv(1, 2)(torch.rand(1, 1, 8, 8)).shape == (1, 2, 16, 16)


def test_start_normal_has_the_published_deviation():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(32, 64, 3), nn.BatchNorm2d(4096)).apply(start_normal)
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert network[0].bias.abs().max() == 0
    assert network[1].weight.mean().item() == pytest.approx(1, abs=0.01)


def test_start_kaiming_keeps_the_signal_through_many_layers():
    torch.manual_seed(0)
    layers = [layer for _ in range(12) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]
    x = torch.randn(2, 16, 32, 32)
    assert 0.1 < nn.Sequential(*layers).apply(start_kaiming)(x).std() / x.std() < 10


def test_a_residual_block_adds_to_what_it_was_given():
    block = Residual(4, "none")
    with torch.no_grad():
        block.body[5].weight.zero_()
        block.body[5].bias.zero_()
    x = torch.rand(1, 4, 8, 8)
    assert torch.equal(block(x), x)


def test_spectral_norm_is_computed_in_float32_inside_autocast():
    torch.manual_seed(0)
    layer = spectral_norm(FloatWeightConv2d(4, 8, 3, padding=1)).eval()
    x, seen = torch.rand(1, 4, 6, 6), []
    weight = layer.weight
    layer.parametrizations.weight[0].register_forward_hook(lambda module, inputs, value: seen.append(value))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert torch.equal(seen[0], weight)
