"""Publishing to a folder, and to a stand-in of the hub on loopback that keeps its lock on the parent commit."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from colorbench.leaderboard import build, check, export, model_index, publish, publish_all, write_model_card
from colorbench.leaderboard.checks import report
from colorbench.leaderboard.publication import Moved
from colorbench.record import read_record, write_record
from tests.leaderboard.conftest import pages_with_pictures

SMALL = {
    "generators": ["unet"],
    "losses": {"l1": 0.0},
    "seeds": 2,
    "photos": 4,
    "size": 16,
    "baselines": {"gray": -3.0},
}


class Hub(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), HubRequests)
        self.head, self.files, self.seen = "a" * 40, {}, []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class HubRequests(BaseHTTPRequestHandler):
    def answer(self, status, facts, **headers):
        body = json.dumps(facts).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.server.seen.append(("GET", self.path))
        self.answer(200, {"id": "lab/board", "sha": self.server.head, "siblings": [], "private": False, "tags": []})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(("POST", self.path))
        if self.path.endswith("/repos/create"):
            return self.answer(
                409, {"error": "You already created this repo", "url": f"{self.server.url}/datasets/lab/board"}
            )
        if "/preupload/" in self.path:
            files = json.loads(body)["files"]
            return self.answer(
                200, {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        if "/commit/" in self.path:
            return self.commit([json.loads(line) for line in body.splitlines()])
        return self.answer(404, {"error": "unknown"})

    def commit(self, lines):
        parent = next(line["value"] for line in lines if line["key"] == "header").get("parentCommit")
        if parent != self.server.head:
            return self.answer(412, {"error": "A commit has happened since. Please refresh and try again."})
        self.server.files |= {
            line["value"]["path"]: line["value"]["content"] for line in lines if line["key"] == "file"
        }
        self.server.head = "b" * 40
        url = f"{self.server.url}/datasets/lab/board/commit/{self.server.head}"
        return self.answer(200, {"success": True, "commitOid": self.server.head, "commitUrl": url})

    def log_message(self, *args):
        """Quiet."""


@pytest.fixture
def hub(monkeypatch):
    server = Hub()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def runs(factory_class, tmp_path_factory):
    return factory_class(tmp_path_factory.mktemp("published"))(**SMALL)


def page(board) -> str:
    return (board / "index.html").read_text()


def test_a_folder_for_pages(runs, tmp_path):
    place = publish(runs, tmp_path / "site", plots=False)
    assert place.endswith("index.html")
    names = {p.relative_to(tmp_path / "site").as_posix() for p in (tmp_path / "site").rglob("*") if p.is_file()}
    assert {"index.html", "table.csv", "runs/unet+l1-seed-0.html", ".nojekyll", "records/suite.json"} <= names
    assert not (runs / "board").exists()


def test_pictures_are_published_when_asked_for(runs, tmp_path):
    publish(runs, tmp_path / "without", plots=False)
    publish(runs, tmp_path / "with", plots=False, pictures=True)
    assert pages_with_pictures(tmp_path / "without") == []
    assert "unet+l1-seed-0.html" in pages_with_pictures(tmp_path / "with")


def test_pictures_that_may_not_be_shown_are_refused_and_left_out_of_many_boards(make_runs, tmp_path):
    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, seeds=1, photos=6, size=16)
    suite = json.loads((folder / "suite.json").read_text())
    (folder / "suite.json").write_text(json.dumps(suite | {"pictures": False}))
    with pytest.raises(ValueError, match="its pictures may not be shown: publish it without them"):
        publish(folder, tmp_path / "site", pictures=True, plots=False)
    publish_all(folder.parent, tmp_path / "all", pictures=True, plots=False)
    assert pages_with_pictures(tmp_path / "all" / "synthetic") == []


def test_what_an_earlier_board_left_goes_and_the_rest_stays(runs, tmp_path):
    site = tmp_path / "site"
    (site / "runs").mkdir(parents=True)
    (site / "runs" / "old-seed-0.html").write_text("old")
    (site / "CNAME").write_text("board.example")
    publish(runs, site, plots=False)
    assert not (site / "runs" / "old-seed-0.html").exists()
    assert (site / "CNAME").exists()


def test_to_the_hub_with_records(hub, runs):
    where = publish(runs, "hf://datasets/lab/board", plots=False)
    assert where.endswith("b" * 40)
    assert {"index.html", "table.parquet", "records/suite.json", "records/unet+l1/seed-0/record.json"} <= set(hub.files)
    assert not any("predictions" in name or "checkpoint" in name for name in hub.files)


def test_a_board_built_on_an_older_commit_is_not_published(hub, runs):
    with pytest.raises(Moved, match="somebody published since"):
        publish(runs, "hf://datasets/lab/board", plots=False, parent_commit="c" * 40)
    assert hub.files == {}
    assert hub.head == "a" * 40


def test_refused_targets_and_boards(runs, tmp_path):
    for target in ("s3://bucket/x", "hf://models/lab/x", "hf://datasets/lab"):
        with pytest.raises(ValueError, match="neither a folder nor"):
            publish(runs, target)
    with pytest.raises(FileNotFoundError, match="no readable record"):
        publish(tmp_path, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        publish(runs, tmp_path / "file")


def test_published_links_hold_or_go(pair, tmp_path):
    folder, other = pair
    publish(folder, tmp_path / "site" / folder.name, plots=False)
    assert "Also tested on" not in page(tmp_path / "site" / folder.name)
    publish(other, tmp_path / "site" / other.name, plots=False)
    publish(folder, tmp_path / "site" / folder.name, plots=False)
    assert 'href="../synthetic-kodak/index.html"' in page(tmp_path / "site" / folder.name)


def test_all_boards_of_a_folder_and_a_page_that_lists_them(pair, tmp_path):
    folder, other = pair
    (folder.parent / "no-board").mkdir()
    listed = publish_all(folder.parent, tmp_path / "site", plots=False)
    assert 'href="synthetic/index.html"' in listed.read_text()
    assert "unet+l1 is the only entry" in listed.read_text()
    assert 'href="../synthetic-kodak/index.html"' in page(tmp_path / "site" / folder.name)
    assert 'href="../synthetic/index.html"' in page(tmp_path / "site" / other.name)
    with pytest.raises(FileNotFoundError, match="no suite with records"):
        publish_all(folder, tmp_path / "site")


def test_a_slim_copy_is_clean_and_builds(pair, tmp_path):
    folder, other = pair
    for path in folder.glob("*/seed-*/record.json"):
        record = read_record(path)
        large = ["predictions"] if record.cell.is_baseline else ["predictions", "checkpoint.safetensors"]
        write_record(record.model_copy(update={"files": dict.fromkeys(large, "0" * 64)}), path)
    target = export(folder, tmp_path / "leaderboards" / folder.name, plots=False)
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert {"suite.json", "unet+l1/seed-0/record.json", "unet+l1/seed-0/scores.parquet"} <= names
    assert {"unet+l1/seed-1/curve.jsonl", "board/table.md"} <= names
    assert not any("predictions" in name or "references" in name or name.endswith(".html") for name in names)
    findings = check(target, rescore=False)
    assert all(finding.ok for finding in findings), findings
    assert {finding.absent for finding in findings} == {("predictions", "checkpoint.safetensors"), ("predictions",)}
    assert "missing here: predictions" in report(findings)
    before = (target / "board" / "table.md").read_text()
    assert (build(target, plots=False) / "table.md").read_text() == before
    export(other, tmp_path / "leaderboards" / other.name, plots=False)
    assert "Also tested on: kodak" in (export(folder, target, plots=False) / "board" / "table.md").read_text()
    with pytest.raises(ValueError, match="not on this board"):
        export(other, target)
    with pytest.raises(ValueError, match="the folder itself"):
        export(folder, folder)


def test_model_index_is_what_the_hub_reads(runs):
    from huggingface_hub.repocard_data import model_index_to_eval_results

    name, results = model_index_to_eval_results(model_index(runs, "unet+l1")["model-index"])
    assert name == "unet+l1"
    psnr = next(result for result in results if result.metric_type == "psnr")
    assert 20 < psnr.metric_value < 28
    assert "2 seeds" in psnr.metric_name
    with pytest.raises(KeyError, match="unknown entry 'nobody'; known entries: gray, unet"):
        model_index(runs, "nobody")


def test_a_card_keeps_what_it_says(runs, tmp_path):
    from huggingface_hub import metadata_load

    card = tmp_path / "README.md"
    card.write_text("---\nlicense: mit\n---\n# My colorizer\nWords.\n")
    write_model_card(runs, "unet+l1", card)
    write_model_card(runs, "unet+l1", card)
    assert metadata_load(card)["license"] == "mit"
    assert len(metadata_load(card)["model-index"]) == 1
    assert "Words." in card.read_text()
    fresh = write_model_card(runs, "unet+l1", tmp_path / "new" / "README.md")
    assert "model-index" in metadata_load(fresh)
