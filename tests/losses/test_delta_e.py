import numpy as np
import torch
from skimage.color import deltaE_ciede2000

from colorbench.losses import delta_e_2000_loss


def test_against_scikit_image():
    generator = np.random.default_rng(0)
    pred, target = generator.uniform([0, -80, -80], [100, 80, 80], (2, 2, 6, 7, 3))
    expected = deltaE_ciede2000(target, pred).mean((1, 2))
    tensors = (torch.from_numpy(lab).movedim(-1, 1) for lab in (pred, target))
    np.testing.assert_allclose(delta_e_2000_loss(*tensors), expected, atol=5e-5)


def test_gradient_at_gray_is_finite_and_points_to_the_colour():
    pred = torch.tensor([50.0, 0, 0]).reshape(1, 3, 1, 1).requires_grad_()
    for target in ([50.0, 0, 0], [50.0, 20, 10], [0.0, 0, 0]):
        pred.grad = None
        delta_e_2000_loss(pred, torch.tensor(target).reshape(1, 3, 1, 1)).sum().backward()
        assert pred.grad.isfinite().all()
