"""The ray executor on a real cluster of this machine: a worker killed, the head killed, and the same records in the end."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.kill_twenty import differences
from colorbench.files import JOB, TRAINING_STATE
from colorbench.grid.executors import LocalExecutor, make_executor
from colorbench.grid.on_ray import LEAST_WINDOW, RayExecutor
from colorbench.grid.run import run
from colorbench.grid.worker import Job
from colorbench.training.checkpoint import save_state
from colorbench.training.run_log import Costs
from tests.grid.meanwhile import kill, meanwhile, parent, training_workers
from tests.training.cells import small_cell

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs ray: pip install 'colorbench[ray]'"
)


@pytest.fixture(autouse=True)
def no_other_cluster(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv(
        "RAY_AUTH_MODE", "disabled"
    )  # new versions ask for a token that clusters share; here is only loopback


class Cluster:
    """A head with one CPU, ended by its own processes' ids."""

    def __init__(self, folder: Path):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("", 0))
            self.address = f"{_own_address()}:{free.getsockname()[1]}"
        self.port = self.address.partition(":")[2]

    def start(self) -> None:
        ip = self.address.partition(":")[0]
        command = ["start", "--head", f"--node-ip-address={ip}", f"--port={self.port}", "--num-cpus=1"]
        quiet = ["--include-dashboard=false", "--disable-usage-stats", "--object-store-memory=80000000"]
        call = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
        place = [f"--temp-dir={self.folder}"]
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-c", call, *command, *quiet, *place], capture_output=True, text=True
            )
            if done.returncode == 0:
                return
            self.kill()
        said = done.stdout[-2000:] + done.stderr[-2000:]
        if "timed out during startup" in said:
            pytest.skip("ray gives its own daemon 30 s to start, which this machine is too busy for")
        raise RuntimeError(said)

    def processes(self, name: str = "") -> list[int]:
        """Processes of this cluster: its folder stands in their command lines."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(self.folder) in words and name in words:
                found.append(int(path.parent.name))
        return found

    def kill(self) -> None:
        """kill -9 of the head and of everything beside it."""
        for pid in [*self.processes("gcs_server"), *self.processes()]:
            if pid != os.getpid():
                kill(pid)


@pytest.fixture
def cluster(tmp_path_factory, no_other_cluster):
    cluster = Cluster(Path(tmp_path_factory.mktemp("r", numbered=True)))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


def _own_address() -> str:
    """What ray takes for this machine, also when it is told 127.0.0.1: the address of the way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return "127.0.0.1"
        return way.getsockname()[0]


@pytest.mark.timeout(900)
def last_checkpoint(folder: Path) -> int:
    """When the last checkpoint below this folder was written, in nanoseconds; 0 before the first."""
    written = 0
    for state in folder.rglob(TRAINING_STATE):
        with suppress(FileNotFoundError):  # the cell has just finished
            written = max(written, state.stat().st_mtime_ns)
    return written


@needs_ray
def test_a_worker_and_then_the_head_are_killed(kills_suite, undisturbed, tmp_path, cluster, spawn, monkeypatch):
    """The ray worker of the cell is killed: ray sends it again, it resumes. Then the head is; another executor finishes."""
    monkeypatch.setattr("colorbench.grid.on_ray.PATIENCE_SECONDS", 2.0)
    killed: list[int] = []
    found: dict[
        int, int
    ] = {}  # worker -> the checkpoint it began from; only one that has gone further leaves an attempt

    def disturb():
        for _, pid in training_workers(tmp_path):
            checkpoint = last_checkpoint(tmp_path)
            if checkpoint <= found.setdefault(pid, checkpoint):
                continue
            if not killed:
                killed.append(pid)
                kill(parent(pid))
            elif pid != killed[0]:  # it trains again, in another ray worker
                kill(pid)  # else it might end before the cluster does
                cluster.kill()
                killed.append(pid)
        return len(killed) == 2

    options = {"checkpoint_seconds": 0.05, "build": False, "out": tmp_path}
    executor = RayExecutor(address=cluster.address, device="cpu")
    with meanwhile(disturb):
        report = run(kills_suite, executor=executor, **options)
    assert len(killed) == 2, report.problems
    assert len(report.problems) == 1
    assert "the ray cluster is gone" in report.problems[0]
    assert "the same command resumes" in report.problems[0]
    report = run(kills_suite, executor=LocalExecutor(["cpu"], spawn=spawn), **options)
    assert report.problems == ()
    assert differences(undisturbed, tmp_path) == []
    assert len(report.records[0].attempts) == 3


def test_nobody_answers(tmp_path):
    pytest.importorskip("ray", reason="needs ray: pip install 'colorbench[ray]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    problems = RayExecutor(address=address, device="cpu").execute([Job(tmp_path / "cell", small_cell(), ("psnr",))])
    assert len(problems) == 1
    assert "the ray cluster is gone: no answer from its head at 127.0.0.1" in problems[0]
    assert "ray start --head" in problems[0]


DRIVER = """
import json, sys
settings = json.loads(sys.stdin.readline())
print(json.dumps({"cluster": {"cpus": 4, "gpus": 0}}), flush=True)
orders = 0
for line in sys.stdin:
    order, orders = json.loads(line), orders + 1
    word = {"folder": order["folder"], "kind": "recorded", "text": ""}
    print(json.dumps(word | WORD), flush=True)
"""


@pytest.fixture
def pretend(monkeypatch):
    """A driver that answers every job with one word."""
    import colorbench.grid.on_ray as on_ray

    def use(code):
        monkeypatch.setattr(on_ray, "_DRIVER", [sys.executable, "-c", code])
        monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda name: name)

    return use


def jobs(folder, count):
    return [Job(folder / str(number), small_cell(seed=number), ("psnr",)) for number in range(count)]


def test_many_jobs_do_not_flood(tmp_path, pretend):
    pretend(DRIVER.replace("WORD", "{}"))
    most, under_way = [0], set()

    def count(event):
        under_way.discard(event.job.folder) if event.kind == "end" else under_way.add(event.job.folder)
        most[0] = max(most[0], len(under_way))

    assert RayExecutor(device="cpu").execute(jobs(tmp_path, LEAST_WINDOW + 30), count) == []
    assert most[0] <= LEAST_WINDOW


def test_a_node_that_does_not_see_the_folder_stops_the_sending(tmp_path, pretend):
    pretend(DRIVER.replace("WORD", '{"kind": "unseen", "text": "node 7 does not see it: all nodes share"}'))
    problems = RayExecutor(device="cpu").execute(jobs(tmp_path, LEAST_WINDOW + 30))
    assert problems == ["node 7 does not see it: all nodes share"]


def test_a_cell_whose_ray_worker_dies_again_and_again_is_a_problem(tmp_path, pretend):
    pretend(DRIVER.replace("WORD", '{"kind": "died", "text": "NodeDiedError: gone"}'))
    problems = RayExecutor(device="cpu").execute(jobs(tmp_path, 2))
    assert len(problems) == 2
    assert "died repeatedly (NodeDiedError: gone); the same command resumes it" in problems[0]


def test_memory_that_runs_out_becomes_a_result(tmp_path, pretend):
    pretend(DRIVER.replace("WORD", '({"kind": "memory", "text": "too much"} if orders < 2 else {})'))
    assert RayExecutor(device="cpu").execute(jobs(tmp_path, 1)) == []
    assert json.loads((tmp_path / "0" / JOB).read_text())["fail"][0] == "out-of-memory"


def test_memory_that_runs_out_after_progress_does_not_count(tmp_path, pretend):
    [job] = jobs(tmp_path, 1)
    save_state(job.folder, job.cell, {"step": 5}, Costs())
    pretend(DRIVER.replace("WORD", '({"kind": "memory", "text": "too much"} if orders < 2 else {})'))
    assert RayExecutor(device="cpu").execute([job]) == []
    assert json.loads((tmp_path / "0" / JOB).read_text())["fail"] is None


def test_a_driver_that_dies_says_its_last_line(tmp_path, pretend):
    pretend("import sys; sys.exit('no memory for a driver')")
    problems = RayExecutor(device="cpu").execute(jobs(tmp_path, 2))
    assert problems == [
        "the ray cluster is gone: no memory for a driver. 2 cells are left; the same command resumes them"
    ]


def test_a_cluster_without_a_place_for_a_cell(tmp_path, pretend):
    pretend(DRIVER.replace("WORD", "{}"))
    problems = RayExecutor(device="cuda").execute(jobs(tmp_path, 3))
    assert len(problems) == 1
    assert "cannot run a cell: it has 4 CPUs and 0 GPUs, and a cell needs a GPU" in problems[0]


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install 'colorbench\[ray\]'"):
        RayExecutor()
    with pytest.raises(RuntimeError, match=r"pip install 'colorbench\[slurm\]'"):
        make_executor("slurm")
