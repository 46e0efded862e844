"""Ten thousand cells without training: a suite of any size, a record of nothing, and a worker that writes it at once."""

from colorbench.cell import Recipe, Suite
from colorbench.files import RECORD, write_atomically
from colorbench.grid.worker import Job
from colorbench.record import Attempt, Cost, DataFacts, Environment, GeneratorFacts, Record, Score, Spent
from tests.training.cells import small_protocol

SEEDS = 10


def many_cells(cells: int) -> Suite:
    """A suite of this many cells on a few embedded photos: recipes that differ in a number, each with ten seeds."""
    protocol = small_protocol()
    recipes = tuple(Recipe(generator="unet", loss=f"{number + 1}*l1") for number in range(cells // SEEDS))
    return Suite(
        name="many",
        title="for counting",
        protocol=protocol,
        seeds=SEEDS,
        metrics=("psnr",),
        primary="psnr",
        baselines=(),
        recipes=recipes,
    )


def write_nothing(job: Job) -> None:
    """The record of a cell that was not trained. Without fsync, which the disk pays for and not the harness."""
    attempt = Attempt(start_step=0, end_step=4, train_seconds=1.0, ended="done")
    record = Record(
        key=job.cell.key,
        cell=job.cell,
        status="done",
        generator=GeneratorFacts(version="0", parameters=1, trainable_parameters=1),
        data=DataFacts(id="embedded", hash=job.cell.data_hash, split="test", n_train=16, n_test=4),
        spent=Spent(kind="steps", steps=4, images=16),
        cost=Cost(train_seconds=1.0),
        environment=Environment(colorbench="0", python="3", torch="2"),
        attempts=(attempt,),
        scores={"psnr": Score(value=20.0, n=4)},
    )
    write_atomically(job.folder / RECORD, record.to_json().encode(), durable=False)


class NoProcess:
    """Stands for the process of a worker: done as soon as it is started."""

    returncode = 0

    def __init__(self, job: Job, environment):
        write_nothing(job)

    def poll(self) -> int:
        return 0
