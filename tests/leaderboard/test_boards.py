"""The boards of this repository: their records pass the checks that need no pictures, their tables are those of the records."""

from pathlib import Path

import pytest

from colorbench.files import SUITE
from colorbench.leaderboard.checks import check

BOARDS = sorted(path.parent for path in (Path(__file__).parents[2] / "leaderboards").glob(f"*/{SUITE}"))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
@pytest.mark.usefixtures("unchecked")  # hundreds of records; the shape checks are the other tests' task
def test_a_board_holds_what_it_says(board):
    findings = check(board, rescore=False)
    assert findings
    assert [f"{finding.place}: {finding.problems}" for finding in findings if not finding.ok] == []
