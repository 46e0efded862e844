"""The pull request check, in a real git repository."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from colorbench.leaderboard.pull_request import changes, review
from colorbench.record import read_record, write_record

SMALL = {"generators": ["unet"], "losses": {"l1": 0.0, "mse": 0.3}, "seeds": 2, "photos": 8, "pictures": False}
WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"


def git(folder, *words):
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(make_runs):
    """A records repository whose pull request adds unet+mse."""
    folder = make_runs(**SMALL)
    root = folder.parent
    git(root, "init", "-q")
    git(root, "add", ".", ":!synthetic/unet+mse")
    git(root, "commit", "-qm", "board")
    git(root, "add", ".")
    git(root, "commit", "-qm", "entry")
    return root


def ends(root):
    return git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")


def test_a_new_entry_is_set_beside_the_reference_rows(repository, tmp_path):
    base, head = ends(repository)
    command = [
        sys.executable,
        "-m",
        "colorbench.leaderboard.pull_request",
        str(repository),
        "--base",
        base,
        "--head",
        head,
    ]
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], capture_output=True, text=True)
    text = (tmp_path / "out" / "review.md").read_text()
    assert done.returncode == 0, text + done.stderr
    assert "valid, plausible" in text
    assert "− gray" in text
    assert "unet+l1/seed-0" not in text  # only what the pull request adds is checked


def test_a_changed_record_is_refused(repository):
    path = repository / "synthetic" / "unet+l1" / "seed-0" / "record.json"
    write_record(read_record(path).model_copy(update={"message": "better"}), path)
    git(repository, "commit", "-qam", "changed")
    text, fine = review(repository, changes(repository, *ends(repository)))
    assert not fine
    assert "records are never changed" in text


def test_tables_and_the_story_may_change(repository):
    added = ("A", "synthetic/unet+mse/seed-0/record.json")
    text, fine = review(repository, [added, ("M", "synthetic/board/table.md"), ("M", "synthetic/README.md")])
    assert fine, text
    assert not review(repository, [added, ("M", "synthetic/suite.json")])[1]


def test_a_folder_inside_a_repository(repository, tmp_path):
    inner = tmp_path / "outer"
    inner.mkdir()
    repository.rename(inner / "leaderboards")
    (inner / "leaderboards" / ".git").rename(inner / "old.git")
    git(inner, "init", "-q")
    git(inner, "add", "leaderboards", ":!leaderboards/synthetic/unet+mse")
    git(inner, "commit", "-qm", "board")
    git(inner, "add", "leaderboards")
    git(inner, "commit", "-qm", "entry")
    changed = changes(inner / "leaderboards", *ends(inner))
    assert ("A", "synthetic/unet+mse/seed-0/record.json") in changed


def test_a_bad_record_is_refused_with_its_reason(repository):
    path = repository / "synthetic" / "unet+mse" / "seed-0" / "record.json"
    path.write_text(path.read_text().replace('"images": 8000', '"images": 1'))
    git(repository, "commit", "-qa", "--amend", "-m", "entry")
    text, fine = review(repository, changes(repository, *ends(repository)))
    assert not fine
    assert "are not 1 images" in text


def test_hostile_names_and_no_change(repository):
    text, fine = review(repository, [("A", "../x/record.json"), ("A", "<img src=x>/a/b.json")])
    assert not fine
    assert text.count("not a file name") == 2
    assert review(repository, [])[1] is False
    with pytest.raises(ValueError, match="not a commit"):
        changes(repository, "--output=/x", "b")


def test_the_workflow_has_read_only_rights_and_runs_nothing_of_the_pull_request():
    text = (WORKFLOWS / "check-records.yml").read_text()
    assert "pull_request_target" not in text
    assert re.search(r"^permissions:\n  contents: read\njobs|^permissions:\n  contents: read\nconcurrency", text, re.M)
    assert text.count("persist-credentials: false") == 2
    assert "pip install ./trusted" in text
    runs = re.findall(r"run: (.*)", text)
    assert not any("${{" in line for line in runs)  # nothing a stranger wrote reaches a shell
    comment = (WORKFLOWS / "comment-records.yml").read_text()
    assert "actions/checkout" not in comment
