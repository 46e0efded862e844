"""Every recipe of the smoke suite steps on a GPU, as one graph, without waiting for it."""

import pytest

from tests.null_device.harness import missing
from tests.null_device.table import STEPS, show

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")

ON_THE_HOST = "its image pool decides on the host"
MOST_LAUNCHES = 20  # per step: the graph, its random numbers, and the loader's crops and flips


def test_every_step_is_one_graph_and_waits_for_nothing(found):
    rows = found["rows"]
    table = "\n".join(show(rows))
    failed = {row.label: row.failure for row in rows if row.failure and "WeightsMissing" not in row.failure}
    stepped = [row for row in rows if not row.failure]
    assert not failed, table
    assert len(stepped) > 30, table
    for row in stepped:
        used = row.usual
        assert (used.syncs, used.from_device, row.waits) == (0, 0, {}), table
        assert row.refused == (ON_THE_HOST if "cycle" in row.label else ""), table
        if not row.refused:
            assert (used.to_device, used.pageable, used.allocations) == (0, 0, 0), table
            assert used.graph_launches == STEPS, table
            assert used.kernels < MOST_LAUNCHES * STEPS, table
            assert used.kernels + used.graph_kernels >= row.eager.kernels, table
