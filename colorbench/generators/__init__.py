"""Generators: gray in, color out. One paper a file, one table, one way to build; and baselines that learn nothing."""

from colorbench.generators.baselines import BASELINES, BaselineRow
from colorbench.generators.build import build_generator
from colorbench.generators.check import CheckResult, check_generator
from colorbench.generators.describe import Description, describe
from colorbench.generators.plugin import load_installed, load_plugin
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
    "load_installed",
    "load_plugin",
]
