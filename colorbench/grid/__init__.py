"""The grid: a suite's cells, which of them are done, and the executors that run the rest."""

from colorbench.grid.calibrate import calibrate
from colorbench.grid.plan import plan_run
from colorbench.grid.run import run
from colorbench.grid.state import state_of
from colorbench.suites.expand import expand_suite

__all__ = ["calibrate", "expand_suite", "plan_run", "run", "state_of"]
