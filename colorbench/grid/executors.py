"""The table of executors: who runs the cells of a grid, by name."""

from collections.abc import Sequence
from pathlib import Path

from colorbench.names import unknown_name

EXECUTORS = ("local", "ray", "slurm")
_RAY_SETTINGS = ("address", "cpus", "window")


def make_executor(
    name: str,
    *,
    device: str | None = None,
    jobs: int = 1,
    environment: dict[str, str] | None = None,
    out: Path | str = "runs",
    settings: Sequence[str] = (),
):
    """The executor of this name.

    Args:
        name: local, ray or slurm.
        device: auto, cpu, cuda or cuda:N.
        jobs: cells side by side on the CPU of this machine (local).
        environment: variables for the workers.
        out: the output folder.
        settings: KEY=VALUE each; ray: address, cpus, window; slurm: partition, time, gpus, cpus, mem, parallel ...

    Raises:
        KeyError: an unknown executor or setting.
        ValueError: a setting that is no KEY=VALUE, or that the executor cannot use.
        RuntimeError: its package is not installed; says how to.
    """
    if name not in EXECUTORS:
        raise unknown_name("executor", name, EXECUTORS)
    pairs = _pairs(settings)
    if name == "ray":
        return _on_ray(device, environment, pairs)
    if name == "slurm":
        from colorbench.grid.on_slurm import LOGS_NAME, SlurmExecutor

        return SlurmExecutor(Path(out) / LOGS_NAME, environment, device=device, settings=pairs)
    if pairs:
        raise KeyError(f"the local executor has no settings, and {', '.join(pairs)} was set; see --jobs and --device")
    from colorbench.grid.local import LocalExecutor, find_devices

    return LocalExecutor(find_devices(device, jobs), environment)


def _on_ray(device: str | None, environment, pairs: dict[str, str]):
    from colorbench.grid.on_ray import RayExecutor

    if unknown := sorted(set(pairs) - set(_RAY_SETTINGS)):
        raise KeyError(
            f"the ray executor has no setting {', '.join(unknown)}; its settings: {', '.join(_RAY_SETTINGS)}"
        )
    numbers = {key: _whole(key, pairs[key]) for key in ("cpus", "window") if key in pairs}
    return RayExecutor(environment, device=device, address=pairs.get("address"), **numbers)


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    """
    >>> _pairs(["partition=gpu", "time=4:00:00"])
    {'partition': 'gpu', 'time': '4:00:00'}
    """
    pairs = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals and value):
            raise ValueError(f"--set {setting!r} is not KEY=VALUE; write for instance --set partition=gpu")
        pairs[key.strip()] = value.strip()
    return pairs


def _whole(key: str, text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"{key}={text} must be a whole number above 0")
    return int(text)
