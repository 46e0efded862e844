"""Blocks that several networks share, generators and critics: convolutions with norm and activation, CycleGAN's ResNet, and
two initializations.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORMS = ("batch", "instance", "group", "none")


def make_norm(norm: str, channels: int) -> nn.Module:
    """`batch`, `instance` (no affine, as in CycleGAN), `group` (groups of up to 32) or `none`."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "instance":
        return InstanceNorm2d(channels)
    if norm == "group":
        return nn.GroupNorm(max(g for g in (32, 16, 8, 4, 2, 1) if channels % g == 0), channels)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"unknown norm {norm!r}; known norms: {', '.join(NORMS)}")


class InstanceNorm2d(nn.InstanceNorm2d):
    """torch's instance norm. On a CPU it keeps channels_last: it is computed as a group norm of one channel each.

    torch's own returns the other layout, which the next convolution converts again: without that, a training step of CycleGAN's
    ResNet at 128 px takes .83 of the time. On a GPU the group norm is slower (12.4 ms against 11.4 on an H100).
    """

    def forward(self, input: Tensor) -> Tensor:
        plain = input.ndim == 4 and not self.affine and not self.track_running_stats
        if input.device.type != "cpu" or not plain or input.shape[2:].numel() < 2:  # torch's own refuses one pixel
            return super().forward(input)
        # in channels_last the group norm takes E x^2 - (E x)^2, which is exact near a mean of 0 alone
        guess = input.detach()[:, :, ::8, ::8].mean(dim=(2, 3), keepdim=True)
        return F.group_norm(input - guess, input.shape[1], eps=self.eps)


class FloatWeightConv2d(nn.Conv2d):
    """A convolution whose weight is computed in float32 inside any autocast: for `spectral_norm`.

    In bf16 the norm is off by up to 1/256, and each of its three products first converts the whole weight.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.is_meta:  # where sizes are counted; it has no autocast
            weight = self.weight
        else:
            with torch.autocast(input.device.type, enabled=False):
                weight = self.weight
        return F.conv2d(input, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def conv3x3(inputs: int, outputs: int, norm: str = "batch", stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """3x3 convolution, norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation),
        make_norm(norm, outputs),
        nn.ReLU(inplace=True),
    )


def double_conv(inputs: int, outputs: int, norm: str = "batch") -> nn.Sequential:
    """The U-Net level: twice 3x3, norm, ReLU."""
    return nn.Sequential(conv3x3(inputs, outputs, norm), conv3x3(outputs, outputs, norm))


def up_conv(inputs: int, outputs: int, norm: str = "batch") -> nn.Sequential:
    """Nearest x2, then 3x3, norm, ReLU."""
    return nn.Sequential(nn.Upsample(scale_factor=2), conv3x3(inputs, outputs, norm))


def run_unet(
    x: Tensor,
    downs: nn.ModuleList,
    ups: nn.ModuleList,
    merges: nn.ModuleList | None = None,
    pool: nn.Module | None = None,
) -> Tensor:
    """Down through the levels, pooled between them; up again, each level enlarged, concatenated with its skip, merged."""
    skips = []
    for down in downs:
        x = down(pool(x) if pool and skips else x)
        skips.append(x)
    for level, (up, skip) in enumerate(zip(ups, skips[-2::-1])):
        x = torch.cat([skip, up(x)], dim=1)
        x = merges[level](x) if merges else x
    return x


class Residual(nn.Module):
    """x + norm(3x3(ReLU(norm(3x3(x))))), reflection-padded."""

    def __init__(self, channels: int, norm: str):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=norm != "batch"),
            make_norm(norm, channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=norm != "batch"),
            make_norm(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def resnet(inputs: int, outputs: int, width: int, blocks: int, norm: str) -> nn.Sequential:
    """CycleGAN's generator (Zhu 2017) without its tanh, for sides that are multiples of 4; initialized by `start_normal`.

    Reflection pad and 7x7 to `width`, two stride-2 3x3 to four times that, residual blocks, two transposed 3x3 back,
    reflection pad and 7x7 out.
    """
    w, bias = width, norm != "batch"

    def active(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
        return nn.Sequential(convolution, make_norm(norm, convolution.out_channels), nn.ReLU(inplace=True))

    return nn.Sequential(
        nn.ReflectionPad2d(3),
        active(nn.Conv2d(inputs, w, 7, bias=bias)),
        active(nn.Conv2d(w, 2 * w, 3, 2, 1, bias=bias)),
        active(nn.Conv2d(2 * w, 4 * w, 3, 2, 1, bias=bias)),
        *(Residual(4 * w, norm) for _ in range(blocks)),
        active(nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, output_padding=1, bias=bias)),
        active(nn.ConvTranspose2d(2 * w, w, 3, 2, 1, output_padding=1, bias=bias)),
        nn.ReflectionPad2d(3),
        nn.Conv2d(w, outputs, 7),
    ).apply(start_normal)


@torch.no_grad()
def start_normal(module: nn.Module) -> None:
    """pix2pix's initialization: convolutions from N(0, 0.02), batch norm's gain from N(1, 0.02), no bias.

    For `network.apply`.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        normed = getattr(module, "parametrizations", None)  # spectral norm keeps the weight itself in there
        nn.init.normal_(normed.weight.original if normed else module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def start_kaiming(module: nn.Module) -> None:
    """VGG's initialization, as in torchvision, for deep stacks of convolution and ReLU without norms. For `network.apply`."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
