"""Batch norm over the global batch, when several processes share it.

On GPUs this is torch's SyncBatchNorm. That one refuses the CPU, so there it is the class below: the same sums, without
its fused kernels. Only torch's own BatchNorm1d, 2d and 3d are changed, in place, and they keep their names in checkpoints;
a subclass with a forward of its own (timm's BatchNormAct2d) goes on counting its process's photos alone.
"""

import torch
from torch import Tensor, nn

KINDS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def share_batch_norm(module: nn.Module) -> None:
    """Make the batch norms inside count all processes' photos."""
    for each in module.modules():
        if type(each) in KINDS:
            on_gpu = each.running_mean is not None and each.running_mean.device.type == "cuda"
            each.__class__, each.process_group = (nn.SyncBatchNorm if on_gpu else GlobalBatchNorm), None


class GlobalBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Mean and variance of all processes' photos; every process has as many."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        values, shape = input.float(), (1, -1) + (1,) * (input.ndim - 2)
        axes = [axis for axis in range(input.ndim) if axis != 1]
        count = values.numel() // values.shape[1] * torch.distributed.get_world_size()
        mean = _Sum.apply(values.sum(axes)) / count
        centred = values - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * (count / (count - 1)))
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats:
            return
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _Sum(torch.autograd.Function):
    """The sum over processes; what flows back is the sum of what flows back in all of them."""

    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        return _summed(value)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(value: Tensor) -> Tensor:
    value = value.clone()
    torch.distributed.all_reduce(value)
    return value
