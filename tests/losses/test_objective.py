import pytest
import torch

from colorbench.batch import Output
from colorbench.losses import LOSSES, LossRow, build_loss, l1, mse


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
    assert objective.views == {"ab", "rgb", "logits"}
    assert objective.needs_head == "bins"
    assert objective.needs_prior
    assert objective.critics == []
    assert list(objective.trainable_parameters()) == []
    assert "0.1*perceptual" in repr(objective)
    assert build_loss("l1").needs_head is None
    assert not build_loss("l1").needs_prior
    assert build_loss("l1").needs is None
    assert build_loss("cycle(width=4, blocks=1)").needs == "unpaired"
    assert build_loss("classification-529").needs_extras == {"logits_529"}


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
    with pytest.raises(ValueError, match="nothing but critics"):
        build_loss("patchgan(width=4, layers=1)")(output, batch, adversarial=False)


def test_rgb_head_is_compared_in_rgb_and_ab(batch):
    output = Output.from_rgb(batch.rgb.flip(3))
    losses = build_loss("l1 + l1(view='rgb')")(output, batch)
    torch.testing.assert_close(losses.parts["l1(view='rgb')"], (batch.rgb.flip(3) - batch.rgb).abs().mean())
