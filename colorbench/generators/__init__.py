"""Generators: gray in, color out. One paper per file, one table, one way to build; and baselines that learn nothing."""

from colorbench.generators.baselines import BASELINES, BaselineRow
from colorbench.generators.build import build_generator
from colorbench.generators.check import CheckResult, check_generator
from colorbench.generators.flops import Description, describe
from colorbench.generators.row import GeneratorRow
from colorbench.generators.table import GENERATORS

__all__ = [
    "BASELINES",
    "GENERATORS",
    "BaselineRow",
    "CheckResult",
    "Description",
    "GeneratorRow",
    "build_generator",
    "check_generator",
    "describe",
]
