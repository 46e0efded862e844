"""Log-probabilities of a few bins out of many, without the dense tensors that soft targets usually cost.

Cross-entropy with a sparse target needs only log softmax at the k bins of each pixel: logit - logsumexp. Autograd would
keep several `(b, 313, h, w)` tensors; here forward keeps the logits and `(b, 1, h, w)`, and backward writes
softmax - target once, into the gradient itself: no more memory of `(b, 313, h, w)` than that. Both passes over the logits
are compiled where it pays; on a CPU large gradients are written in pieces that stay in the cache.

On a GPU such a tensor is 328 MB (16 pictures of 128 px) and every pass over it .2 ms, so passes count instead of memory:
torch's log softmax is one kernel that reads the logits once, and backward starts from what it wrote.
"""

import torch
from torch import Tensor

from colorbench.color.fused import fused
from colorbench.tensors import BinIndices, BinWeights, Logits

PIECE = 1 << 18  # logits at a time: 1 MB of float32


def sparse_log_softmax(logits: Logits, indices: BinIndices) -> BinWeights:
    """log softmax(logits) at `indices`: `(b, n, h, w)` and `(b, k, h, w)` -> `(b, k, h, w)`."""
    form = _SparseLogSoftmax if logits.device.type == "cpu" else _SparseLogSoftmaxOnDevice
    return form.apply(logits, indices)


def cross_entropy(logits: Logits, indices: BinIndices, weights: BinWeights) -> Tensor:
    """Cross-entropy of every pixel with its sparse target, `(b, h, w)`, in nats."""
    return -(weights * sparse_log_softmax(logits, indices)).sum(dim=1)


class _SparseLogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor, indices: Tensor) -> Tensor:
        normalizer = _log_sum_exp(logits)
        ctx.save_for_backward(logits, indices, normalizer)
        return logits.gather(1, indices) - normalizer

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        logits, indices, normalizer = ctx.saved_tensors
        softmax = _softmax_times(logits, normalizer, -gradient.sum(dim=1, keepdim=True))
        return softmax.scatter_add_(1, indices, gradient), None


class _SparseLogSoftmaxOnDevice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor, indices: Tensor) -> Tensor:
        rows = logits.movedim(1, -1)
        if rows.is_contiguous():  # channels last: the kernel for a last axis, and no copy into another layout
            log_share = rows.log_softmax(-1).movedim(-1, 1)
        else:
            log_share = logits.log_softmax(1)
        ctx.save_for_backward(log_share, indices)
        return log_share.gather(1, indices)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        log_share, indices = ctx.saved_tensors
        softmax = _exp_times(log_share, -gradient.sum(dim=1, keepdim=True))
        return softmax.scatter_add_(1, indices, gradient), None


def _softmax_times(logits: Tensor, normalizer: Tensor, scale: Tensor) -> Tensor:
    if logits.numel() <= 4 * PIECE or torch.compiler.is_compiling():
        return _scaled_softmax(logits, normalizer, scale)
    # contiguous whatever the layout of the logits: recorded cells were trained with this layout, and it moves last bits
    result = torch.empty(logits.shape, dtype=torch.promote_types(logits.dtype, torch.float32))
    step = max(1, PIECE // max(1, logits[0, 0].numel()))
    for target, source, shift, factor in zip(result, logits, normalizer, scale):
        for start in range(0, logits.shape[1], step):
            piece = slice(start, start + step)
            torch.sub(source[piece], shift, out=target[piece]).exp_().mul_(factor)
    return result


@fused
def _log_sum_exp(logits: Tensor) -> Tensor:
    return logits.logsumexp(dim=1, keepdim=True)


@fused
def _scaled_softmax(logits: Tensor, normalizer: Tensor, scale: Tensor) -> Tensor:
    return (logits - normalizer).exp_().mul_(scale)


@fused
def _exp_times(log_share: Tensor, scale: Tensor) -> Tensor:
    return log_share.exp().mul_(scale)
