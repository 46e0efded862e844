"""The grid: a suite's cells, what of them is done, and who runs the rest."""

from colorbench.grid.calibrate import calibrate
from colorbench.grid.plan import expand_suite, plan_run
from colorbench.grid.run import run
from colorbench.grid.state import state_of

__all__ = ["calibrate", "expand_suite", "plan_run", "run", "state_of"]
