"""Blocks that several papers share: a convolution with its norm and activation, and the choice of that norm."""

from torch import nn

NORMS = ("batch", "instance", "group", "none")


def make_norm(norm: str, channels: int) -> nn.Module:
    """`batch`, `instance` (no affine, as in CycleGAN), `group` (groups of up to 32) or `none`."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "instance":
        return nn.InstanceNorm2d(channels)
    if norm == "group":
        return nn.GroupNorm(max(g for g in (32, 16, 8, 4, 2, 1) if channels % g == 0), channels)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"unknown norm {norm!r}; known norms: {', '.join(NORMS)}")


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


def start_normal(module: nn.Module) -> None:
    """pix2pix's start: convolutions from N(0, 0.02), batch norm's gain from N(1, 0.02). For `network.apply`."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def start_kaiming(module: nn.Module) -> None:
    """VGG's start, as torchvision has it, for deep stacks of convolution and ReLU without norms. For `network.apply`."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(module.bias)
