import pytest
import torch

from colorbench.batch import Batch, Output
from colorbench.losses import LOSSES, LossRow, build_loss, l1, mse
from colorbench.metrics import colorfulness


def test_total_is_the_weighted_sum_of_unweighted_parts(output, batch):
    losses = build_loss("100*l1 + 0.5*mse")(output, batch)
    expected = l1(output.ab / 110, batch.ab / 110).mean(), mse(output.ab / 110, batch.ab / 110).mean()
    torch.testing.assert_close((losses.parts["l1"], losses.parts["mse"]), tuple(e.detach() for e in expected))
    torch.testing.assert_close(losses.total, 100 * expected[0] + 0.5 * expected[1])
    assert losses.total.requires_grad


def test_parts_of_one_key_are_named_apart(output, batch):
    parts = build_loss("l1 + l1(view='rgb')")(output, batch).parts
    assert set(parts) == {"l1", "l1(view='rgb')"}


def test_what_an_objective_says_of_itself():
    objective = build_loss("classification + 0.1*perceptual + l1")
    assert objective.expression == "classification + l1 + 0.1*perceptual"
    assert objective.needs_head == "bins"
    assert objective.needs_prior
    assert objective.critics == []
    assert list(objective.trainable_parameters()) == []
    assert "0.1*perceptual" in repr(objective)
    assert build_loss("l1").needs_head is None
    assert not build_loss("l1").needs_prior
    assert build_loss("l1").needs is None
    assert build_loss("cycle(width=4, blocks=1)").needs == "unpaired"


def test_prior_can_be_given_at_once():
    objective = build_loss("classification", prior=torch.full((313,), 1 / 313))
    assert objective.terms[0].prior_known


def test_a_third_party_table(output, batch):
    table = {**LOSSES, "double-l1": LossRow("double-l1", lambda pred, target: 2 * l1(pred, target), "ab", "-", "-")}
    losses = build_loss("double-l1 + l1", table=table)(output, batch)
    torch.testing.assert_close(losses.parts["double-l1"], 2 * losses.parts["l1"])


def test_cycle_stands_alone():
    with pytest.raises(ValueError, match="stands alone"):
        build_loss("cycle + l1")


def test_a_view_a_loss_does_not_have():
    with pytest.raises(ValueError, match="known views: ab, rgb"):
        build_loss("l1(view='lab')")


def test_unknown_settings_are_refused_when_it_is_built():
    for expression in (
        "perceptual(preset='x')",
        "patchgan(mode='x')",
        "patchgan(view='x')",
        "class-kl(classifier='x')",
    ):
        with pytest.raises(ValueError, match="known"):
            build_loss(expression)
    with pytest.raises(KeyError, match="known"):
        build_loss("lpips(net='x')")


def test_pretraining_leaves_critics_out(output, batch):
    objective = build_loss("l1 + patchgan(width=4, layers=1) + feature-matching")
    assert set(objective(output, batch, adversarial=False).parts) == {"l1"}
    assert set(objective(output, batch).parts) == {"l1", "patchgan", "feature-matching"}
    with pytest.raises(ValueError, match="only adversarial terms"):
        build_loss("patchgan(width=4, layers=1)")(output, batch, adversarial=False)


def test_rgb_head_is_compared_in_rgb_and_ab(batch):
    output = Output.from_rgb(batch.rgb.flip(3))
    losses = build_loss("l1 + l1(view='rgb')")(output, batch)
    torch.testing.assert_close(losses.parts["l1(view='rgb')"], (batch.rgb.flip(3) - batch.rgb).abs().mean())


def test_plain_rgb_pictures_are_compared_like_a_batch():
    pred, true = torch.rand(2, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    objective = build_loss("l1 + ssim")
    pred.requires_grad_()
    losses = objective(pred, true)
    torch.testing.assert_close(losses, objective(Output.from_rgb(pred), Batch(true)))
    losses.total.backward()
    assert pred.grad.abs().sum() > 0
    pair = [(255 * rgb.detach()).byte() for rgb in (pred, true)]
    torch.testing.assert_close(objective(*pair), objective(*(rgb.float() / 255 for rgb in pair)))


@pytest.mark.parametrize(
    ("pred", "true", "message"),
    [
        (torch.rand(1, 3, 16, 16), torch.rand(4, 3, 16, 16), "1 pictures of 16 x 16, the truth 4"),
        (torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 8), "the truth 1 of 16 x 8"),
        (torch.rand(3, 16, 16), torch.rand(3, 16, 16), "add a batch axis"),
        (torch.rand(1, 16, 16, 3), torch.rand(1, 16, 16, 3), "move channels first"),
        (torch.ones(1, 3, 16, 16).int(), torch.rand(1, 3, 16, 16), "pred is torch.int32, wanted uint8"),
    ],
)
def test_pictures_that_do_not_fit(pred, true, message):
    with pytest.raises(ValueError, match=message):
        build_loss("l1 + ssim")(pred, true)


def test_a_loss_on_logits_says_what_it_needs_instead_of_pictures():
    with pytest.raises(ValueError, match=r"Output\.from_logits\(logits, batch\.lightness\)"):
        build_loss("0.1*classification")(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16))


def test_a_default_that_changed_is_stated_and_recorded_text_keeps_its_meaning(output, batch):
    assert build_loss("l1 + 0.01*colorfulness").expression == "0.01*colorfulness(convention='ddcolor') + l1"
    then = build_loss("0.01*colorfulness + l1", recorded=True)
    assert then.expression == "0.01*colorfulness(convention='signed') + l1"
    for text in (then.expression, build_loss("l1 + 0.01*colorfulness").expression):
        assert build_loss(text).expression == build_loss(text, recorded=True).expression == text
    expected = l1(output.ab / 110, batch.ab / 110).mean() + 0.01 * (1 - colorfulness(output.rgb) / 100).mean()
    torch.testing.assert_close(then(output, batch).total, expected)


@pytest.mark.parametrize(
    "expression",
    ["perceptual", "lpips(net='alex')", "patchgan(width=8, layers=2)", "feature-matching(width=8, layers=2)"],
)
def test_networks_in_bf16_move_a_loss_by_less_than_a_hundredth(weights, batch, output, expression):
    objective = build_loss(expression)
    keys, plain = list(objective.state_dict()), objective(output, batch).total
    objective.use_bf16_networks()
    total = objective(output, batch).total
    assert list(objective.state_dict()) == keys
    assert total.dtype == torch.float32
    assert total != plain
    torch.testing.assert_close(total, plain, atol=0, rtol=0.01)
    assert torch.autograd.grad(total, output.ab)[0].isfinite().all()


def test_losses_without_networks_are_the_same_in_bf16(batch, output):
    objective = build_loss("l1 + ssim + delta-e-2000")
    plain = objective(output, batch).total
    objective.use_bf16_networks()
    assert torch.equal(objective(output, batch).total, plain)


def test_the_second_generator_of_cycle_runs_in_bf16_too(batch):
    torch.manual_seed(0)
    objective = build_loss("cycle(width=8, blocks=1, layers=1)")
    term = objective.terms[0]
    plain = term.to_gray(batch.rgb)
    objective.use_bf16_networks()
    assert [critic.in_bf16 for critic in objective.critics] == [True, True]
    assert term.to_gray(batch.rgb).dtype == torch.float32
    assert 0 < (term.to_gray(batch.rgb) - plain).abs().max() < 0.05
