"""A generator that breaks its GPU for good, as a kernel that writes where it must not: a plug-in file."""

import ctypes

from torch import nn


class BreaksTheDevice(nn.Module):
    def __init__(self, out_channels: int = 2):
        super().__init__()
        self.only = nn.Conv2d(1, out_channels, 3, padding=1)

    def forward(self, gray):
        if gray.is_cuda:
            ctypes.CDLL(None).null_device_fail_after(ctypes.c_long(1))
        return self.only(gray)


GENERATORS = {"breaks-the-device": BreaksTheDevice}
