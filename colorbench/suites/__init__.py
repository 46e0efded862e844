"""SUITES: what a board holds fixed. One TOML file per suite, beside this module; a user's own file works the same."""

from colorbench.suites.load import SUITES, load_suite, read_suite
from colorbench.suites.override import override_suite

__all__ = ["SUITES", "load_suite", "override_suite", "read_suite"]
