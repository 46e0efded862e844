"""The command on a run's page leads to the same cell, and papers become BibTeX."""

import json
import shlex

import pytest
from typer.testing import CliRunner

from colorbench import running
from colorbench.cell import Recipe
from colorbench.cli import app
from colorbench.grid.plan import plan_run
from colorbench.leaderboard.reproduce import bibtex, code_of, command, papers
from colorbench.suites import load_suite, override_suite


@pytest.mark.parametrize("changed", [{}, {"losses": ["100*l1 + patchgan"], "budget": "2steps", "seeds": 2}], ids=str)
def test_the_command_finds_the_same_key(new_record, changed, tmp_path, monkeypatch):
    monkeypatch.setattr(
        running, "estimate", lambda plan, *_, **__: (plan, {})
    )  # how long it would take is another question
    plan = plan_run(override_suite(load_suite("smoke"), **changed), out=tmp_path)
    cell = plan.states[-1][0]
    line, _ = command(new_record().model_copy(update={"cell": cell, "key": cell.key}))
    program, *arguments = shlex.split(line)
    assert program == "colorbench"
    said = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path), "--executor", "local", "--dry-run", "--json"])
    keys = [row["key"] for row in json.loads(said.stdout)["cells"]]
    assert cell.key in keys


def test_what_the_command_line_cannot_give_has_no_command(new_record):
    recipe = Recipe(generator="unet", loss="l1", options={"width": 5})
    record = new_record(recipe)
    assert command(record)[0] == ""
    assert "not shipped" in command(record)[1]
    cell = record.cell.model_copy(update={"suite": "smoke"})
    assert "cannot express" in command(record.model_copy(update={"cell": cell}))[1]
    retest = record.cell.model_copy(update={"retest_of": "a" * 64})
    assert "retest" in command(record.model_copy(update={"cell": retest}))[1]


def test_bibtex_of_a_citation():
    text = bibtex("Isola, Zhu, Zhou, Efros. Image-to-Image Translation. CVPR 2017. arXiv 1611.07004")
    assert text.startswith("@inproceedings{isola2017imagetoimage,")
    assert "author = {Isola and Zhu and Zhou and Efros}" in text
    assert "eprint = {1611.07004}" in text
    assert "author = {Huang and others}" in bibtex("Huang et al. UNet 3+. ICASSP 2020. arXiv 2004.08790")
    assert bibtex("scenery system (custom three-stream generator)") == ""


def test_papers_of_generator_and_losses(new_record):
    record = new_record(Recipe(generator="unet", loss="100*l1 + patchgan + ssim"))
    parts = {paper.part: paper for paper in papers(record)}
    assert set(parts) == {"unet", "patchgan", "ssim"}
    assert parts["patchgan"].link == "https://arxiv.org/abs/1611.07004"
    assert code_of(record) == "colorbench.generators.unet:UNet"
