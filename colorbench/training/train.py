"""train(cell) -> Record: the whole life of one cell, and every way it can end."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from colorbench.cell import Cell
from colorbench.data import Photos, load_protocol_photos
from colorbench.errors import one_line
from colorbench.features import WeightsMissing
from colorbench.files import CHECKPOINT, RECORD, TRAINING_STATE, remove
from colorbench.plugins import load_plugins, loaded_files
from colorbench.record import Environment, GeneratorFacts, Record, Score, Spent, Status, read_record, write_record
from colorbench.suites.budget import count_flops, count_step, with_steps
from colorbench.suites.step_table import head_of
from colorbench.tensors import float32_on_gpu, is_out_of_memory
from colorbench.training.checkpoint import load_state, save_weights
from colorbench.training.device import describe_environment, free_memory, with_smaller_batches
from colorbench.training.evaluate import (
    EvaluationFailed,
    Predict,
    baseline_predict,
    evaluate,
    forward_predict,
    naming_failures,
    save_evaluation,
)
from colorbench.training.heads import Forward
from colorbench.training.loop import TimedOut, train_loop
from colorbench.training.run_log import Costs, RunLog
from colorbench.training.setup import data_facts, generator_facts, split_statistics, unbuilt_generator
from colorbench.training.trainer import Diverged, Trainer

DEFAULT_METRICS = ("psnr", "ssim", "delta-e-2000", "colorfulness-error")


def train(
    cell: Cell,
    folder: Path | str,
    *,
    source: str | Path | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    device: torch.device | str | None = None,
    timeout_seconds: float | None = None,
    checkpoint_seconds: float = 20.0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Record:
    """Train one cell (or evaluate one baseline) and write everything about it into `folder`, `record.json` last.

    Resume from the training state in `folder`. Out of memory, a loss that is not finite, a timeout and a crash of the
    network's code are results: the record carries their status and the scores of the gray baseline. Missing weights give
    status `skipped`. What is not the recipe's fault (no photos, no disk) is raised, and the cell stays resumable.

    Args:
        cell: what to train, for `cell.steps`; without them the budget is resolved here (see `suites.budget`).
        folder: where this cell's files go.
        source: where the photos are, when the dataset needs one.
        metrics: keys of METRICS.
        device: default the first GPU, else the CPU.
        timeout_seconds: wall time for training; beyond it the status is `timeout`.
        checkpoint_seconds: least time between two checkpoints.
        should_stop: asked at block ends; when true the state is saved and KeyboardInterrupt raised.

    Raises:
        ValueError: other photos than the cell's, or a budget that cannot be turned into steps.
    """
    run = _Run(with_steps(cell), Path(folder), metrics, device or _default_device())
    run.load_photos(source)
    if cell.is_baseline:
        return run.baseline()
    deadline = run.began + timeout_seconds if timeout_seconds else None
    return run.trained(deadline=deadline, checkpoint_seconds=checkpoint_seconds, should_stop=should_stop)


def fail(
    cell: Cell,
    folder: Path | str,
    status: Status,
    message: str,
    *,
    source: str | Path | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    device: torch.device | str | None = None,
    costs: Costs | None = None,
    environment: Environment | None = None,
) -> Record:
    """Write the record of a cell whose process could not write its own; scored as gray, on the CPU.

    Args:
        cell, folder, source, metrics: as for `train`.
        status: of the record.
        message: of the record.
        device: where it trained, which the record names; default as for `train`.
        costs: what the cell has used; default what its training state says.
        environment: where it trained, if a process that knows it says so; default this machine with `device`.
    """
    run = _Run(with_steps(cell), Path(folder), metrics, "cpu")
    run.environment = environment or _environment_of(cell, device) or run.environment
    run.load_photos(source)
    if costs is None:
        try:
            saved = load_state(run.folder, cell)
        except ValueError:
            saved = None
        costs = saved.costs if saved else Costs()
    return run.failed(status, message, costs)


def _default_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _environment_of(cell: Cell, device: torch.device | str | None) -> Environment | None:
    """None where the device does not answer, as when it is the reason for a failure."""
    try:
        return describe_environment(torch.device(device or _default_device()), cell.protocol.float32)
    except (RuntimeError, AssertionError):
        return None


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
    """Do what `fail` does, in a new process that sees no GPU.

    After a CUDA error every later call on the device fails too, and after out-of-memory it may have no room for the gray
    baseline either.

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
        [sys.executable, "-c", f"from {__name__} import fail_as_told; fail_as_told()"],
        input=json.dumps(facts),
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["its process printed no error"])[-1]
        raise OSError(f"the record of a failure ({status}: {message}) could not be written: {last}")
    return read_record(folder / RECORD)


def fail_as_told() -> None:
    """Do what `fail_on_cpu` wrote on standard input."""
    facts = json.load(sys.stdin)
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


def check_photos(cell: Cell, photos: Photos) -> None:
    """Refuse to mix two data sets under one key."""
    if photos.hash != cell.data_hash:
        raise ValueError(
            f"the photos have hash {photos.hash[:12]}, the cell was made for {cell.data_hash[:12]}: "
            "the folder has changed; run the suite again into another --out"
        )


class _Run:
    """One attempt at a cell: trains it or evaluates a baseline, and writes the record."""

    photos: Photos
    source: str | Path | None = None
    model: torch.nn.Module | None = None

    def __init__(self, cell: Cell, folder: Path, metrics: Sequence[str], device: torch.device | str):
        self.began = time.monotonic()
        self.cell, self.folder, self.metrics, self.device = cell, folder, tuple(metrics), torch.device(device)
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = describe_environment(self.device, cell.protocol.float32)
        self.log = RunLog(folder)

    def load_photos(self, source: str | Path | None) -> None:
        self.log.tell("photos")
        self.source, self.photos = source, load_protocol_photos(self.cell.protocol, source)
        check_photos(self.cell, self.photos)

    def baseline(self) -> Record:
        """Evaluate a baseline: no training, no budget."""
        try:
            return self._scored(lambda device: self._baseline_predict(self.cell.recipe.generator), Costs(), steps=0)
        except EvaluationFailed as error:
            raise error.reason from None

    def trained(self, **options) -> Record:
        """Train, evaluate, write. See `train` for what is caught and what is not."""
        costs = Costs()
        self.log.tell("set-up")
        attempt = partial(
            train_loop, self.cell, self.photos, self.folder, self.device, costs=costs, log=self.log, **options
        )
        try:
            with float32_on_gpu(self.cell.protocol.float32):
                trainer = with_smaller_batches(attempt, costs, self.cell.protocol.batch, device=self.device)
        except (OSError, KeyboardInterrupt):
            raise
        except Exception as error:
            status, message = _ending(error)
        else:
            try:
                return self._done(trainer, costs)
            except EvaluationFailed as error:
                status, message = _ending(error.reason)
            self.model = None
            del trainer
        free_memory()  # outside the handler, so that the traceback's tensors are gone
        if status == "skipped":
            return self._write(status, message, None, costs, steps=0)
        if self.device.type == "cuda" and status in ("crash", "out-of-memory"):  # it may be full, or broken for good
            facts = {"source": self.source, "metrics": self.metrics, "costs": costs, "environment": self.environment}
            try:
                return fail_on_cpu(self.cell, self.folder, status, message, **facts)
            except OSError:  # such as a generator that only this process knows
                return fail(self.cell, self.folder, status, message, **facts)
        return self.failed(status, message, costs)

    def failed(self, status: Status, message: str, costs: Costs) -> Record:
        """Record a failure: the scores of the gray baseline under this cell's name."""
        return self._write(status, message, self._baseline_predict("gray"), costs, steps=costs.end_step)

    def _done(self, trainer: Trainer, costs: Costs) -> Record:
        self.model, forward, steps = trainer.model, trainer.forward, trainer.step_count
        model, trained_on = self.model, self.device
        model.load_state_dict(trainer.final_state())
        trainer.captured.release()
        free_memory()

        def predict(device: torch.device) -> Predict:
            here = device == trained_on
            return forward_predict(forward if here else Forward(model.to(device), forward.head, self.cell), self.cell)

        return self._scored(predict, costs, steps=steps)

    def _scored(self, predict: Callable[[torch.device], Predict], costs: Costs, *, steps: int) -> Record:
        """The record of what is finished; scored on the CPU where the GPU has no room left.

        Raises:
            EvaluationFailed: the generator's code failed, or the GPU did.
        """
        try:
            return self._write("done", "", naming_failures(predict(self.device)), costs, steps=steps)
        except Exception as error:
            reason = error.reason if isinstance(error, EvaluationFailed) else error
            if self.device.type == "cpu" or not isinstance(reason, RuntimeError | MemoryError):
                raise
            if not is_out_of_memory(reason):
                raise EvaluationFailed(reason) from error
        free_memory()  # outside the handler, so that the traceback's tensors are gone
        self.device = torch.device("cpu")  # training is over, and scores are the same there
        return self._write("done", "", naming_failures(predict(self.device)), costs, steps=steps)

    def _baseline_predict(self, key: str) -> Predict:
        mean_ab = split_statistics(self.photos.train, torch.device("cpu")).mean_ab
        return baseline_predict(key, self.photos.test, self.cell.seed, mean_ab, self.device)

    def _write(self, status: Status, message: str, predict: Predict | None, costs: Costs, *, steps: int) -> Record:
        setup_seconds = max(0.0, time.monotonic() - self.began - costs.train_seconds - costs.checkpoint_seconds)
        began, scores, files = time.monotonic(), {}, {}
        if predict is not None:
            self.log.tell("evaluation", 1.0)
            scores, files = self._evaluate(predict)
        if self.model is not None:
            head = head_of(self.cell.recipe)
            files[CHECKPOINT] = save_weights(self.folder, self.model.state_dict(), self.cell, head)
        evaluation_seconds = time.monotonic() - began
        record = Record(
            key=self.cell.key,
            cell=self.cell,
            status=status,
            message=message[:4000],
            generator=self._generator_facts(),
            data=data_facts(self.cell, self.photos),
            spent=self._spent(steps, costs),
            cost=costs.as_cost(evaluation_seconds=evaluation_seconds, setup_seconds=setup_seconds),
            environment=self.environment,
            attempts=costs.as_attempts(),
            scores=scores,
            files=files,
        )
        write_record(record, self.folder / RECORD)
        remove(self.folder / TRAINING_STATE)
        self.log.tell(status, 1.0)
        return record

    def _evaluate(self, predict: Predict) -> tuple[dict[str, Score], dict[str, str]]:
        batch, test = self.cell.protocol.eval_batch, self.photos.test
        found = evaluate(predict, test, self.metrics, batch=batch, device=self.device)
        return found.scores, save_evaluation(self.folder, found, test)

    def _generator_facts(self) -> GeneratorFacts:
        recipe = self.cell.recipe
        if self.cell.is_baseline:
            return generator_facts(recipe, None)
        model = unbuilt_generator(recipe) if self.model is None else self.model
        return generator_facts(recipe, model, count_step(recipe, self.cell.protocol).macs)

    def _spent(self, steps: int, costs: Costs) -> Spent:
        protocol = self.cell.protocol
        return Spent(
            kind=protocol.budget.kind,
            table_sha256=protocol.table_sha256,
            provisional=self.cell.provisional,
            steps=steps,
            planned_steps=self.cell.steps,
            images=steps * protocol.batch,
            micro_batch=costs.micro_batch,
            model_flops=count_flops(self.cell, steps),
        )


def _ending(error: Exception) -> tuple[Status, str]:
    """The status and message of a record for what ended a training."""
    if isinstance(error, WeightsMissing):
        return "skipped", str(error)
    if isinstance(error, Diverged):
        return "nan", str(error)
    if isinstance(error, TimedOut):
        return "timeout", str(error)
    if is_out_of_memory(error):
        return "out-of-memory", one_line(error)
    return "crash", f"{type(error).__name__}: {one_line(error)}"
