"""What is run first on a lent GPU must run: the table of its agreement with the CPU, whose values mean nothing here."""

import pytest

from tests.null_device.harness import missing, run_on_null_device

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")


def test_the_table_of_agreement_runs():
    done = run_on_null_device(["-m", "tests.gpu.table", "resnet18-light"], env={"COLORBENCH_COMPILE": "0"})
    device, _, head, _, *rows, _, metrics = done.stdout.splitlines()
    assert device.startswith("Null H100, torch ")
    assert [line.count("|") for line in (head, *rows)] == [5] * (1 + len(rows))
    assert rows[0].startswith("| resnet18-light+")
    assert metrics.startswith("metrics: ")
    assert done.counts.kernels > 1000
