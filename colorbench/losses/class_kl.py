"""Class distribution: the prediction should look to a frozen classifier like the photo does (ChromaGAN, Vitoria 2020).

KL(target || pred) between softmax distributions over ImageNet's classes; ChromaGAN weighs it .003. The paper compares a
class branch of its generator with what the classifier says of the gray photo; generators here have no such branch, so what
the classifier says of the colored picture is compared with what it says of the true one. Range: >= 0, nats.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.features.networks import CLASSIFIERS, classifier_input
from colorbench.losses.inputs import full_precision
from colorbench.tensors import PerImage, Rgb, same_shape


@full_precision
def class_kl(logits: Float[Tensor, "b n"], target_logits: Float[Tensor, "b n"]) -> PerImage:
    """KL(softmax(target_logits) || softmax(logits)).

    >>> class_kl(torch.zeros(1, 2), torch.tensor([[0.0, 100.0]]))
    tensor([0.6931])
    """
    for name, each in (("logits", logits), ("target_logits", target_logits)):
        if not isinstance(each, Tensor) or not each.is_floating_point() or each.ndim != 2:
            raise ValueError(f"{name} must be a float tensor of shape (b, classes)")
    same_shape(logits, target_logits, "logits", "target_logits")
    return F.kl_div(logits.log_softmax(1), target_logits.log_softmax(1), reduction="none", log_target=True).sum(dim=1)


class ClassKlTerm(nn.Module):
    """class-kl in an objective. The classifier is frozen, loaded at the first call, and in no state_dict.

    Args:
        classifier: `vgg16` (ChromaGAN), `alexnet` or `squeezenet1_1`.

    Raises:
        WeightsMissing: at the first call, if the classifier's weights are unavailable.
    """

    def __init__(self, *, classifier: str = "vgg16"):
        super().__init__()
        if classifier not in CLASSIFIERS:
            raise ValueError(f"unknown classifier {classifier!r} of class-kl; known: {', '.join(CLASSIFIERS)}")
        self.classifier = classifier

    @full_precision
    def forward(self, output: Output, batch: Batch) -> PerImage:
        with torch.no_grad():
            target = self.classify(batch.rgb)
        return class_kl(self.classify(output.rgb), target)

    def classify(self, rgb: Rgb) -> Float[Tensor, "b n"]:
        """The classifier's logits."""
        from colorbench.features import load_classifier

        return load_classifier(self.classifier, rgb.device)(classifier_input(rgb))
