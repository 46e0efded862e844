"""Semantic interpretability: does a frozen classifier see the same thing in the prediction as in the truth?

Zhang, Isola, Efros 2016, section 3.1, there with VGG. Per image 1 or 0; the mean is the share of photos that keep their
label. Labels are compared with each other, not with an annotation, so any photos will do. Optional: it needs a whole
classifier (VGG16 is a download of 528 MB), not only the features that other metrics use.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from colorbench.features import load_classifier
from colorbench.features.networks import classifier_input
from colorbench.tensors import PerImage, Rgb, Rgb8, checked_pair


def top1_agreement(
    pred: Rgb | Rgb8, target: Rgb | Rgb8, classifier: Callable[[Tensor], Tensor] | None = None
) -> PerImage:
    """1 where both pictures get the same label, else 0.

    Args:
        pred: RGB in [0, 1].
        target: RGB in [0, 1].
        classifier: ImageNet-normalized RGB at 224 px -> logits; default torchvision's VGG16.

    Raises:
        WeightsMissing: without the classifier's weights.
    """
    pred, target = checked_pair(pred, target)
    return agreement(top1(pred, classifier), top1(target, classifier)).to(pred)


def agreement(labels: Tensor, others: Tensor) -> PerImage:
    """1 where two labels are equal, else 0; NaN where one is unknown."""
    return (labels == others).float().masked_fill((labels < 0) | (others < 0), torch.nan)


@torch.no_grad()
def top1(rgb: Tensor, classifier: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """The label of each picture, `(b,)`; -1 where the classifier gives NaN."""
    classifier = classifier or load_classifier("vgg16", str(rgb.device))
    with torch.autocast(rgb.device.type, enabled=False):
        scores, labels = classifier(classifier_input(rgb.float())).max(dim=1)
    return labels.masked_fill(scores.isnan(), -1)
