"""Which devices train a cell."""

import torch


def devices_of(device: torch.device | str | None, processes: int = 1) -> tuple[torch.device, ...]:
    """The devices of one cell, one a process.

    Args:
        device: one, or several as in `cuda:0,cuda:1`; default the first GPU, else the CPU.
        processes: with a single device: this many, from that GPU on, or on the CPU.

    >>> devices_of("cuda:2", 2)
    (device(type='cuda', index=2), device(type='cuda', index=3))
    """
    names = str(device or ("cuda" if torch.cuda.is_available() else "cpu")).split(",")
    found = [torch.device(name.strip()) for name in names]
    if (len(found) > 1 and processes not in (1, len(found))) or processes < 1:
        raise ValueError(
            f"{processes} processes on the devices {device}: give one device a process, or one and a number"
        )
    if len(found) == 1 and processes > 1:
        first = found[0]
        found = [
            first if first.type == "cpu" else torch.device("cuda", (first.index or 0) + number)
            for number in range(processes)
        ]
    return tuple(found)
