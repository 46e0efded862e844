import pytest
import torch

from colorbench.losses import PatchGan
from colorbench.losses.critic_network import receptive_field


@pytest.mark.parametrize(("channels", "expected"), [(3, 2_765_633), (6, 2_768_705)])
def test_parameters(channels, expected):
    assert sum(parameter.numel() for parameter in PatchGan(channels).parameters()) == expected


def test_256_px_give_30_x_30_logits():
    assert PatchGan(3, width=2)(torch.rand(1, 3, 256, 256)).shape == (1, 1, 30, 30)


@pytest.mark.parametrize(("layers", "side"), [(1, 16), (2, 34), (3, 70), (5, 286)])
def test_receptive_field_is_what_a_gradient_reaches(layers, side):
    assert receptive_field(layers) == side
    picture = torch.zeros(1, 1, 2 * side, 2 * side, dtype=torch.float64, requires_grad=True)
    network = PatchGan(1, width=1, layers=layers, norm="none").double()
    for parameter in network.parameters():
        torch.nn.init.ones_(parameter)
    logits = network(picture)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    reached = picture.grad[0, 0].nonzero()
    assert (reached.amax(0) - reached.amin(0) + 1).tolist() == [side, side]


def test_first_weights():
    torch.manual_seed(0)
    network = PatchGan(3)
    assert network.blocks[2][0].weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert network.blocks[2][1].weight.mean().item() == pytest.approx(1, abs=0.01)
    assert network.head.bias.item() == 0


def test_spectral_norm_bounds_every_convolution():
    torch.manual_seed(0)
    network = PatchGan(3, width=8, layers=2, norm="none", spectral=True)
    for _ in range(50):
        network(torch.rand(2, 3, 16, 16))
    for block in network.blocks:
        assert torch.linalg.matrix_norm(block[0].weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_norms(norm):
    names = {type(module).__name__ for module in PatchGan(3, width=2, norm=norm).modules()}
    assert {"BatchNorm2d", "InstanceNorm2d"} & names == ({f"{norm.title()}Norm2d"} if norm != "none" else set())


@pytest.mark.parametrize(("layers", "smallest"), [(1, 6), (3, 24)])
def test_too_small_pictures_are_told_what_to_do(layers, smallest):
    network = PatchGan(3, width=2, layers=layers, norm="none")
    assert network(torch.rand(1, 3, smallest, smallest)).shape == (1, 1, 1, 1)
    with pytest.raises(ValueError, match=f"at least {smallest} pixels a side"):
        network(torch.rand(1, 3, smallest, smallest - 1))


def test_what_is_refused():
    with pytest.raises(ValueError, match="known norms: batch, instance, none"):
        PatchGan(3, norm="group")
    with pytest.raises(ValueError, match="at least 1, got 3, 64, 0"):
        PatchGan(3, layers=0)
