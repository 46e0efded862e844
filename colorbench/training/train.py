"""train(cell) -> Record: the whole life of one cell, and every way it can end."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from colorbench.batch import Batch, Output
from colorbench.cell import Cell
from colorbench.data import Photos, load_protocol_photos
from colorbench.features import WeightsMissing
from colorbench.generators.flops import Arithmetic
from colorbench.record import FILE_NAME, Cost, Record, Spent, write_record
from colorbench.suites.budget import count_step, with_steps
from colorbench.training.checkpoint import STATE_NAME, load_state, save_weights
from colorbench.training.clock import Joules
from colorbench.training.environment import describe_environment
from colorbench.training.evaluate import Predict, evaluate, save_pictures, save_samples, save_scores
from colorbench.training.heads import with_true_lightness
from colorbench.training.ledger import Ledger
from colorbench.training.loop import TimedOut, train_loop
from colorbench.training.memory import is_out_of_memory
from colorbench.training.nvml import Watch
from colorbench.training.predict import baseline_predict
from colorbench.training.progress import Progress
from colorbench.training.setup import build_parts, data_facts, generator_facts
from colorbench.training.statistics import split_statistics
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

    Resumes from the training state in `folder`. Out of memory, a loss that is not finite, a time-out and a crash of the
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
    cell, folder, began = with_steps(cell), Path(folder), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress(folder)
    progress.tell("photos")
    photos = load_protocol_photos(cell.protocol, source)
    check_photos(cell, photos)
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    run = _Run(cell, folder, photos, chosen, tuple(metrics), progress, began)
    if cell.is_baseline:
        return run.baseline()
    deadline = began + timeout_seconds if timeout_seconds else None
    options = {"deadline": deadline, "checkpoint_seconds": checkpoint_seconds, "should_stop": should_stop}
    return run.trained(**options)


def fail(
    cell: Cell,
    folder: Path | str,
    status: str,
    message: str,
    *,
    source=None,
    metrics=DEFAULT_METRICS,
) -> Record:
    """Write the record of a cell whose process died too hard to write its own; scored as gray. Arguments: as `train`."""
    cell, folder, began = with_steps(cell), Path(folder), time.monotonic()
    photos = load_protocol_photos(cell.protocol, source)
    run = _Run(cell, folder, photos, torch.device("cpu"), tuple(metrics), Progress(folder), began)
    return run.failed(status, message, run.saved_ledger())


def check_photos(cell: Cell, photos: Photos) -> None:
    """Refuse to mix two data sets under one key."""
    if photos.hash != cell.data_hash:
        raise ValueError(
            f"the photos have hash {photos.hash[:12]}, the cell was made for {cell.data_hash[:12]}: "
            "the folder changed since; run the suite again into another --out"
        )


class _Run:
    """One attempt at a cell: its facts, and the ways to write them down."""

    def __init__(
        self, cell: Cell, folder: Path, photos: Photos, device: torch.device, metrics, progress: Progress, began: float
    ):
        self.cell, self.folder, self.photos, self.device = cell, folder, photos, device
        self.metrics, self.progress, self.began = metrics, progress, began
        self.model: torch.nn.Module | None = None

    def baseline(self) -> Record:
        """Evaluate a baseline: no training, no budget."""
        predict = self._baseline_predict(self.cell.recipe.generator)
        return self._write("done", "", predict, Ledger(), steps=0)

    def trained(self, **options) -> Record:
        """Train, evaluate, write. See `train` for what is caught and what is not."""
        ledger, meter = self.saved_ledger(), Joules(self.device)
        options["should_stop"] = Watch(self.device, ledger).beside(options["should_stop"])
        self.progress.tell("set-up")
        try:
            trainer = train_loop(self.cell, self.photos, self.folder, self.device, ledger=ledger, **options)
        except WeightsMissing as error:
            return self._write("skipped", str(error), None, ledger, steps=0)
        except (OSError, KeyboardInterrupt):
            raise
        except Diverged as error:
            return self.failed("nan", str(error), ledger)
        except TimedOut as error:
            return self.failed("timeout", str(error), ledger)
        except Exception as error:
            if is_out_of_memory(error):
                return self.failed("out-of-memory", _first_line(error), ledger)
            return self.failed("crash", f"{type(error).__name__}: {_first_line(error)}", ledger)
        joules = meter.read()
        ledger.joules = None if joules is None else joules + (ledger.joules or 0.0)
        self.model = trainer.model
        self.model.load_state_dict(trainer.final_state())
        return self._write("done", "", self._model_predict(trainer), ledger, steps=trainer.step_count)

    def failed(self, status: str, message: str, ledger: Ledger) -> Record:
        """A result that is a failure: gray's scores under this cell's name."""
        steps = ledger.attempts[-1]["end_step"] if ledger.attempts else 0
        return self._write(status, message, self._baseline_predict("gray"), ledger, steps=steps)

    def saved_ledger(self) -> Ledger:
        """The ledger of earlier attempts, as the last checkpoint kept it."""
        try:
            saved = load_state(self.folder, torch.device("cpu"))
        except ValueError:
            return Ledger()
        return Ledger(**saved["ledger"]) if saved and saved["key"] == self.cell.key else Ledger()

    def _model_predict(self, trainer: Trainer) -> Predict:
        keep = self.cell.recipe.keep_lightness

        def predict(truth: Batch, rows: list[int]) -> Output:
            trainer.model.eval()
            output = trainer._predict(truth)
            return with_true_lightness(output, truth) if keep and trainer.head == "rgb" else output

        return predict

    def _baseline_predict(self, key: str) -> Predict:
        mean_ab = split_statistics(self.photos.train, torch.device("cpu")).mean_ab
        return baseline_predict(key, self.photos.test, self.cell.seed, mean_ab, self.device)

    def _write(self, status: str, message: str, predict: Predict | None, ledger: Ledger, *, steps: int) -> Record:
        setup_seconds = max(0.0, time.monotonic() - self.began - ledger.train_seconds - ledger.checkpoint_seconds)
        began, scores, files = time.monotonic(), {}, {}
        if predict is not None:
            self.progress.tell("evaluation", 1.0)
            scores, files = self._evaluate(predict)
        if status == "done" and self.model is not None:
            extra = {"head": _head_of(self.cell), "version": "1"}
            files["checkpoint.safetensors"] = save_weights(self.folder, self.model.state_dict(), self.cell, extra)
        record = self._record(status, message, ledger, steps, scores, files)
        cost = {"evaluation_seconds": time.monotonic() - began, "setup_seconds": setup_seconds}
        record = record.model_copy(update={"cost": record.cost.model_copy(update=cost)})
        write_record(record, self.folder / FILE_NAME)
        (self.folder / STATE_NAME).unlink(missing_ok=True)
        self.progress.tell(status, 1.0)
        return record

    def _evaluate(self, predict: Predict):
        protocol, test = self.cell.protocol, self.photos.test
        found = evaluate(predict, test, self.metrics, batch=protocol.eval_batch, device=self.device)
        shutil.rmtree(self.folder / "predictions", ignore_errors=True)
        files = {
            "scores.parquet": save_scores(self.folder, found, test),
            "predictions": save_pictures(self.folder / "predictions", found.predictions, test.ids),
        }
        save_samples(self.folder, found, test)
        return found.scores, files

    def _record(self, status, message, ledger: Ledger, steps: int, scores, files) -> Record:
        protocol = self.cell.protocol
        model = self.model if self.model is not None or self.cell.is_baseline else _unstarted(self.cell)
        counted = Arithmetic() if self.cell.is_baseline else count_step(self.cell.recipe, protocol)
        return Record(
            key=self.cell.key,
            cell=self.cell,
            status=status,
            message=message[:4000],
            generator=generator_facts(self.cell.recipe, model, counted.macs),
            data=data_facts(self.cell, self.photos),
            spent=self._spent(steps, ledger, counted),
            cost=Cost(
                train_seconds=ledger.train_seconds,
                data_wait_seconds=ledger.data_wait_seconds,
                checkpoint_seconds=ledger.checkpoint_seconds,
                joules=ledger.joules,
                peak_bytes=ledger.peak_bytes,
                exclusive=ledger.exclusive,
                throttled=ledger.throttled,
            ),
            environment=describe_environment(self.device),
            attempts=ledger.as_attempts(),
            scores=scores,
            files=files,
        )

    def _spent(self, steps: int, ledger: Ledger, counted: Arithmetic) -> Spent:
        protocol, flops = self.cell.protocol, counted.flops
        return Spent(
            kind=protocol.budget.kind,
            table_sha256=protocol.table_sha256,
            provisional=self.cell.provisional,
            steps=steps,
            planned_steps=self.cell.steps,
            images=steps * protocol.batch,
            micro_batch=ledger.micro_batch,
            model_flops=None if flops is None else float(steps * flops),
        )


def _unstarted(cell: Cell) -> torch.nn.Module | None:
    """A generator that failed or was skipped, on the meta device, so that its size stands in the record."""
    try:
        with torch.device("meta"):
            return build_parts(cell.recipe.model_copy(update={"options": _untrained(cell.recipe.options)}), 0).model
    except Exception:  # the very thing that failed
        return None


def _untrained(options: dict) -> dict:
    return {key: value for key, value in options.items() if key != "pretrained"}


def _head_of(cell: Cell) -> str:
    from colorbench.losses import build_loss
    from colorbench.training.setup import choose_head

    return choose_head(cell.recipe, build_loss(cell.recipe.loss, recorded=True))


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
