"""Write the record of a failed training in a process of its own, on the CPU.

After a CUDA error every later call on the device fails too, and after out-of-memory it may have no room for the gray
baseline either; so the process that scores a failure uses no GPU.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from colorbench.cell import Cell
from colorbench.files import RECORD
from colorbench.plugins import load_plugins, loaded_files
from colorbench.record import Environment, Record, Status, read_record
from colorbench.training.run_log import Costs


def fail_on_cpu(
    cell: Cell,
    folder: Path,
    status: Status,
    message: str,
    *,
    source: str | Path | None,
    metrics: Sequence[str],
    costs: Costs,
    environment: Environment,
) -> Record:
    """Do what `train.fail` does, in a new process that sees no GPU.

    Raises:
        OSError: that process could not write the record; the message is the last one it printed.
    """
    facts = {
        "cell": cell.model_dump(mode="json") | {"steps": cell.steps, "provisional": cell.provisional},
        "folder": str(folder),
        "status": status,
        "message": message,
        "source": None if source is None else str(source),
        "metrics": list(metrics),
        "costs": vars(costs),
        "environment": environment.model_dump(mode="json"),
        "plugins": loaded_files(),
    }
    done = subprocess.run(
        [sys.executable, "-m", "colorbench.training.failure"],
        input=json.dumps(facts),
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["its process printed no error"])[-1]
        raise OSError(f"the record of a failure ({status}: {message}) could not be written: {last}")
    return read_record(folder / RECORD)


def main(text: str) -> None:
    """Write the record of the failure that this JSON describes."""
    from colorbench.training.train import fail

    facts = json.loads(text)
    load_plugins(facts["plugins"])
    fail(
        Cell.model_validate(facts["cell"]),
        facts["folder"],
        facts["status"],
        facts["message"],
        source=facts["source"],
        metrics=facts["metrics"],
        costs=Costs(**facts["costs"]),
        environment=Environment(**facts["environment"]),
    )


if __name__ == "__main__":
    main(sys.stdin.read())
