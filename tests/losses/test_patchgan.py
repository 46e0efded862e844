import pytest
import torch

from colorbench.color import rgb_to_lab
from colorbench.losses import PatchGan, build_loss, discriminator_loss, generator_loss
from colorbench.losses.adversarial import MODES
from colorbench.losses.patchgan import PatchGanTerm, gray_picture


@pytest.mark.parametrize(
    ("view", "conditional", "channels"), [("ab", True, 3), ("ab", False, 2), ("rgb", True, 6), ("rgb", False, 3)]
)
def test_what_the_critic_sees(view, conditional, channels, output, batch):
    term = PatchGanTerm(view=view, conditional=conditional, width=2, layers=1)
    real, fake = term.show(output, batch)
    assert real.shape == fake.shape == (2, channels, 32, 32)
    assert real.abs().max() <= 1
    colors = 2 if view == "ab" else 3
    torch.testing.assert_close(real[:, :-colors], fake[:, :-colors])
    assert not torch.equal(real[:, -colors:], fake[:, -colors:])
    term(output, batch)


def test_gray_picture_has_the_lightness_and_no_color(batch):
    lab = rgb_to_lab(gray_picture(batch.lightness))
    torch.testing.assert_close(lab[:, :1], batch.lightness, atol=1e-3, rtol=0)
    assert lab[:, 1:].abs().max() < 0.02


def test_both_sides_by_hand(output, batch):
    term = build_loss("patchgan(mode='lsgan', width=4, layers=1, norm='none')").terms[0]
    real, fake = (term.critic.network(pictures) for pictures in term.show(output, batch))
    torch.testing.assert_close(term(output, batch), generator_loss(fake, mode="lsgan"))
    expected = discriminator_loss(real, fake, mode="lsgan").mean()
    torch.testing.assert_close(term.critic.critic_loss(output, batch), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("view", ["ab", "rgb"])
def test_every_mode_trains_both_sides(mode, view, output, batch):
    objective = build_loss(f"patchgan(mode={mode!r}, view={view!r}, width=4, layers=1, spectral=True, pool=2)")
    objective(output, batch).total.backward()
    assert output._ab.grad.abs().sum() > 0
    (critic,) = objective.critics
    critic.critic_loss(output.detach(), batch).backward()
    gradients = [parameter.grad for parameter in critic.critic_parameters()]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_mode_and_norm_that_do_not_fit():
    with pytest.raises(ValueError, match="batch norm mixes"):
        build_loss("patchgan(mode='r1', norm='batch')")


@pytest.mark.parametrize(("channels", "expected"), [(3, 2_765_633), (6, 2_768_705)])
def test_parameters(channels, expected):
    assert sum(parameter.numel() for parameter in PatchGan(channels).parameters()) == expected


def test_256_px_give_30_x_30_logits():
    assert PatchGan(3, width=2)(torch.rand(1, 3, 256, 256)).shape == (1, 1, 30, 30)


@pytest.mark.parametrize(("layers", "side"), [(1, 16), (2, 34), (3, 70), (5, 286)])
def test_receptive_field_is_what_a_gradient_reaches(layers, side):
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
def test_too_small_pictures_are_refused_with_a_cure(layers, smallest):
    network = PatchGan(3, width=2, layers=layers, norm="none")
    assert network(torch.rand(1, 3, smallest, smallest)).shape == (1, 1, 1, 1)
    with pytest.raises(ValueError, match=f"at least {smallest} pixels per side"):
        network(torch.rand(1, 3, smallest, smallest - 1))


def test_what_is_refused():
    with pytest.raises(ValueError, match="known norms: batch, instance, none"):
        PatchGan(3, norm="group")
    with pytest.raises(ValueError, match="at least 1, got 3, 64, 0"):
        PatchGan(3, layers=0)
