"""What the tests of one GPU ask, found in one process: most of its time goes to imports."""

import json

import pytest

from tests.null_device.harness import run_on_null_device

SCRIPT = """
import json
from tests.null_device import capturing, stepping, table

facts = {part.__name__.rpartition(".")[2]: part.found() for part in (capturing, stepping)}
print(json.dumps(facts), *table.as_lines(table.measure_here("smoke")), sep="\\n")
"""


@pytest.fixture(scope="session")
def found() -> dict:
    """`capturing` and `stepping`: what these modules found; `rows`: the table of the smoke suite's steps."""
    from tests.null_device.table import ENVIRONMENT, read_rows

    facts, *lines = run_on_null_device(SCRIPT, env=ENVIRONMENT).stdout.splitlines()
    return json.loads(facts) | {"rows": read_rows(lines)}
