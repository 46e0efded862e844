import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch import nn

from colorbench import features
from colorbench.batch import Output
from colorbench.losses import LOSSES, build_loss, class_kl


class FakeClassifier(nn.Module):
    """Says something else of gray, of the photo and of another picture."""

    def forward(self, x):
        return 5 * x.mean(dim=(2, 3)) @ torch.linspace(-1, 1, 12).reshape(3, 4)


@pytest.fixture
def classifier(monkeypatch):
    monkeypatch.setattr(features, "load_classifier", lambda name, device: FakeClassifier())


def test_against_scipy():
    pred, target = torch.randn(2, 3, 10, generator=torch.Generator().manual_seed(0)).unbind(0)
    expected = entropy(softmax(target.numpy(), 1), softmax(pred.numpy(), 1), axis=1)
    np.testing.assert_allclose(class_kl(pred, target), expected, rtol=1e-5)
    assert LOSSES["class-kl"].paper_weight == 0.003


def test_compares_what_the_classifier_says(classifier, output, batch):
    objective = build_loss("class-kl")
    loss = objective(output, batch).total
    loss.backward()
    assert loss > 0
    assert output._ab.grad.isfinite().all()
    same = Output.from_rgb(batch.rgb)
    torch.testing.assert_close(objective(same, batch).total, torch.zeros(()), atol=1e-6, rtol=0)
    assert not objective.state_dict()


def test_a_class_branch_is_compared_with_the_gray_photo(classifier, output, batch):
    term = build_loss("class-kl").terms[0]
    gray = term.classify(batch.rgb.new_zeros(2, 3, 32, 32))
    output.extras["class_logits"] = torch.zeros_like(gray, requires_grad=True)
    term(output, batch).sum().backward()
    assert output.extras["class_logits"].grad.abs().sum() > 0
    assert output._ab.grad is None


def test_missing_weights_are_told(monkeypatch, output, batch):
    def missing(name, device):
        raise features.WeightsMissing(f"{name} weights: put them there")

    monkeypatch.setattr(features, "load_classifier", missing)
    with pytest.raises(features.WeightsMissing, match="put them there"):
        build_loss("class-kl")(output, batch)
