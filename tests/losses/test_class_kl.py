from inspect import unwrap

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch import nn

from colorbench import features
from colorbench.batch import Output
from colorbench.losses import build_loss, class_kl


class FakeClassifier(nn.Module):
    """Says something else of the photo and of another picture."""

    def forward(self, x):
        return 5 * x.mean(dim=(2, 3)) @ torch.linspace(-1, 1, 12).reshape(3, 4)


@pytest.fixture
def classifier(monkeypatch):
    monkeypatch.setattr(features, "load_classifier", lambda name, device: FakeClassifier())


def test_against_scipy():
    pred, target = torch.randn(2, 3, 10, generator=torch.Generator().manual_seed(0)).unbind(0)
    expected = entropy(softmax(target.numpy(), 1), softmax(pred.numpy(), 1), axis=1)
    np.testing.assert_allclose(class_kl(pred, target), expected, rtol=1e-5)


def test_compares_what_the_classifier_says(classifier, output, batch):
    objective = build_loss("class-kl")
    loss = objective(output, batch).total
    loss.backward()
    assert loss > 0
    assert output._ab.grad.isfinite().all()
    same = Output.from_rgb(batch.rgb)
    torch.testing.assert_close(objective(same, batch).total, torch.zeros(()), atol=1e-6, rtol=0)
    assert not objective.state_dict()


def test_missing_weights_are_reported(monkeypatch, output, batch):
    def missing(name, device):
        raise features.WeightsMissing(f"{name} weights: put them there")

    monkeypatch.setattr(features, "load_classifier", missing)
    with pytest.raises(features.WeightsMissing, match="put them there"):
        build_loss("class-kl")(output, batch)


@pytest.mark.parametrize(
    "wrong", [torch.rand(1, 10), torch.rand(2, 9), torch.rand(2, 10, 1), torch.ones(2, 10).int(), None]
)
def test_logits_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match="target_logits"):
        unwrap(class_kl)(torch.rand(2, 10), wrong)  # without the type checks of these tests
