"""The table of a board's page."""

from colorbench.leaderboard.site.rows import entry_badges
from tests.leaderboard.site.conftest import page_of


def test_runs_link_to_their_pages_and_badges_count_only_when_all_hold_them(results, tmp_path):
    entry = next(entry for entry in results.board.entries if entry.label == "unet+l1")
    hashes = [run.sha256 for run in entry.runs]
    badges = {key: ["valid", "plausible"] for key in hashes} | {hashes[0]: ["valid", "plausible", "re-scored"]}
    assert entry_badges(entry, badges) == [("good", "plausible")]
    assert entry_badges(entry, {hashes[0]: ["valid"]}) == []
    page = page_of(results, tmp_path, pages={hashes[0]: "runs/unet+l1-seed-0.html"}, badges=badges)
    assert page.count('href="runs/unet&#43;l1-seed-0.html"') + page.count('href="runs/unet+l1-seed-0.html"') == 2
    assert page.count("re-scored") >= 1
