import pytorch_msssim
import torch

from colorbench.losses import ms_ssim_loss, ssim_loss

PRED = torch.rand(2, 3, 168, 170, generator=torch.Generator().manual_seed(0))
TARGET = (PRED + 0.2 * torch.randn(2, 3, 168, 170, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


def test_against_pytorch_msssim():
    expected = 1 - pytorch_msssim.ssim(PRED, TARGET, data_range=1, size_average=False)
    torch.testing.assert_close(ssim_loss(PRED, TARGET), expected, atol=1e-5, rtol=0)
    expected = 1 - pytorch_msssim.ms_ssim(PRED, TARGET, data_range=1, size_average=False)
    torch.testing.assert_close(ms_ssim_loss(PRED, TARGET), expected, atol=1e-5, rtol=0)


def test_half_precision_is_promoted():
    assert ssim_loss(PRED.bfloat16(), TARGET.bfloat16()).dtype == torch.float32
