"""The grid: a suite's cells, what of them is done, and who runs the rest."""

from colorbench.grid.calibrate import Calibration, calibrate
from colorbench.grid.cells import expand_suite
from colorbench.grid.run import Plan, RunReport, plan_run, run
from colorbench.grid.state import CellState, state_of

__all__ = ["Calibration", "CellState", "Plan", "RunReport", "calibrate", "expand_suite", "plan_run", "run", "state_of"]
