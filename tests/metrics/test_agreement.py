import pytest
import torch

from colorbench.features import WeightsMissing
from colorbench.metrics import top1_agreement


def reddest(x):
    """A classifier of two labels: more red than blue, or not."""
    difference = (x[:, 0] - x[:, 2]).mean(dim=(1, 2))
    return torch.stack([difference, -difference], dim=1)


def test_counts_photos_that_keep_their_label():
    red, blue = (torch.tensor(c).view(1, 3, 1, 1).expand(1, 3, 16, 16) for c in ([0.9, 0.1, 0.1], [0.1, 0.1, 0.9]))
    pred, target = torch.cat([red, red, blue]), torch.cat([red, blue, blue])
    assert top1_agreement(pred, target, classifier=reddest).tolist() == [1, 0, 1]


def test_features_alone_do_not_classify(no_weights, pair):
    with pytest.raises(WeightsMissing, match="vgg16"):
        top1_agreement(*pair)
