import pytest
import torch

from colorbench.color import rgb_to_lab
from colorbench.losses import build_loss, discriminator_loss, generator_loss
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


def test_gray_picture_has_the_lightness_and_no_colour(batch):
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
    assert objective.views == {view}


def test_a_mode_and_norm_that_do_not_fit():
    with pytest.raises(ValueError, match="batch norm mixes"):
        build_loss("patchgan(mode='r1', norm='batch')")
