"""Jobs that run elsewhere, seen through the files they leave in the shared folder; their events, and their ends."""

import time

from colorbench.grid.job import Job
from colorbench.grid.local import Event, OnEvent
from colorbench.grid.state import is_held
from colorbench.training.run_log import read_progress

_LOOK_SECONDS = 1.0


class Watched:
    """Keeps who is under way, tells start, progress, end and problem, and collects the problems."""

    def __init__(self, on_event: OnEvent):
        self.tell, self.problems = on_event, []
        self.jobs: dict[str, Job] = {}
        self._seen: dict[str, dict | None] = {}
        self._started: set[str] = set()
        self._looked = 0.0

    def add(self, job: Job) -> None:
        """A job was handed to the engine."""
        key = str(job.folder)
        self.jobs[key], self._seen[key] = job, read_progress(job.folder)

    def look(self) -> None:
        """Read the progress of all jobs under way, at most once a second."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        for key, job in self.jobs.items():
            told = read_progress(job.folder)
            if told and told != self._seen[key]:
                self._seen[key] = told
                self._start(key)
                self.tell(Event("progress", job, told["share"], told["phase"]))

    def end(self, key: str, problem: str | None = None) -> None:
        """The engine is through with a job: recorded, or a problem."""
        self._start(key)
        job = self.jobs.pop(key)
        self._started.discard(key)
        del self._seen[key]
        if problem is None:
            self.tell(Event("end", job, 1.0))
        else:
            self.problems.append(problem)
            self.tell(Event("problem", job, 0.0, problem))

    def wait_until_saved(self, seconds: float | int = 30.0) -> None:
        """After the engine is gone, workers notice and save: wait for those that this machine can see."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(is_held(job.folder) for job in self.jobs.values()):
            time.sleep(0.2)

    def _start(self, key: str) -> None:
        if key not in self._started:
            self._started.add(key)
            self.tell(Event("start", self.jobs[key]))
