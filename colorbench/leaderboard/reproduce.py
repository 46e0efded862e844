"""What a reader needs to repeat a run: the command that gives the same cell, and the papers behind it."""

import re
import shlex
from dataclasses import dataclass

from colorbench.cell import Cell, Suite
from colorbench.files import STEP_TABLE
from colorbench.generators import BASELINES, GENERATORS
from colorbench.losses import LOSSES
from colorbench.losses.expression import parse
from colorbench.record import Record
from colorbench.suites import SUITES, load_suite, override_suite
from colorbench.suites.expand import expand_suite
from colorbench.suites.override import OWN

PHOTOS = "PHOTOS"
"""Placeholder in a command for a folder that a record does not name."""
_ARXIV = re.compile(r"arXiv[: ](\d{4}\.\d{4,5})")
_PAPER = re.compile(
    r"(?P<authors>[^.]+?)\. (?P<title>.+?)\. (?:(?P<venue>[^.]*?) )?(?P<year>\d{4})(?:\. arXiv (?P<arxiv>[\d.]+))?"
)


def command(record: Record) -> tuple[str, str]:
    """`(command, remark)`: the shell line that trains this cell again, or "" and why there is none.

    The line is checked: it is given only when its arguments lead to a cell of the same key.
    """
    cell = record.cell
    if record.origin == "submission":
        return "", "These pictures came from outside; nothing was trained here."
    if cell.retest_of is not None:
        return "", "Trained on another board and tested again on these photos, by colorbench retest."
    if cell.suite not in SUITES:
        return "", "Its suite is not shipped with colorbench: suite.json beside the records says what was run."
    suite, protocol = load_suite(cell.suite), cell.protocol
    changed: dict = {}
    if protocol.dataset != suite.protocol.dataset:
        changed["dataset"] = protocol.dataset
    if str(protocol.budget) != str(suite.protocol.budget):
        changed["budget"] = str(protocol.budget)
    for name in ("size_px", "batch"):
        if getattr(protocol, name) != getattr(suite.protocol, name):
            changed[name] = getattr(protocol, name)
    recipe = cell.recipe
    if cell.is_baseline:  # every run of the suite makes them: the command trains as little as it can
        recipe = suite.recipes[0]
    changed |= {"generators": (recipe.generator,), "losses": (recipe.loss,)}
    if recipe.head != "auto":
        changed["head"] = recipe.head
    changed["seeds"] = cell.seed + 1
    if not _leads_to(cell, suite, changed):
        return "", "The command line cannot express its settings, or this version trains them differently."
    return _line(cell, suite, changed), _remark(cell, record)


def _leads_to(cell: Cell, suite: Suite, changed: dict) -> bool:
    try:
        made = override_suite(suite, **changed)
        named = made.protocol.model_copy(update={"table_sha256": cell.protocol.table_sha256})
        found = expand_suite(made.model_copy(update={"protocol": named}), cell.data_hash)
    except (ValueError, KeyError):
        return False
    return any(other.key == cell.key for other in found)


_OPTIONS = {"size_px": "size", "generators": "generator", "losses": "loss"}


def _line(cell: Cell, suite: Suite, changed: dict) -> str:
    words = ["colorbench", "run", suite.name]
    if cell.protocol.dataset not in OWN:
        words += ["--data", PHOTOS]
    if cell.protocol.table_sha256 is not None:
        words += ["--table", STEP_TABLE]
    for name, value in changed.items():
        words += [f"--{_OPTIONS.get(name, name)}", str(value[0] if isinstance(value, tuple) else value)]
    return shlex.join(words)


def _remark(cell: Cell, record: Record) -> str:
    parts = []
    if cell.seed:
        parts.append(f"It trains seeds 0 to {cell.seed}.")
    if cell.is_baseline:
        parts.append("Every run of the suite makes its baselines.")
    if cell.protocol.dataset not in OWN:
        photos = record.data.n_train + record.data.n_test
        parts.append(f"{PHOTOS}: a folder of the same {photos} photos (hash {record.data.hash[:16]}).")
    if cell.protocol.table_sha256 is not None:
        parts.append(f"{STEP_TABLE} lies beside the records.")
    return " ".join(parts)


@dataclass(frozen=True)
class Paper:
    """What is cited for a part of a run: its words, a link where one is known, and BibTeX where the words are complete."""

    part: str
    text: str
    link: str
    bibtex: str


def papers(record: Record) -> list[Paper]:
    """The papers of the generator, as its record names them, and of each loss of the expression."""
    recipe = record.cell.recipe
    named = [(recipe.generator, record.generator.citation or record.generator.source)]
    if not record.cell.is_baseline:
        try:
            keys = [term.key for term in parse(recipe.loss, LOSSES)]
        except (KeyError, ValueError):  # of a plug-in, or from outside
            keys = []
        named += [(key, LOSSES[key].citation) for key in dict.fromkeys(keys)]
    found = [Paper(part, *_cited(text)) for part, cited in named for text in cited.split("; ") if text]
    return list({(paper.part, paper.text): paper for paper in found}.values())


def _cited(text: str) -> tuple[str, str, str]:
    """
    >>> _cited("Huang et al. UNet 3+. ICASSP 2020. arXiv 2004.08790")[1]
    'https://arxiv.org/abs/2004.08790'
    """
    arxiv = _ARXIV.search(text)
    address = re.search(r"https?://[^\s,;)]+", text)
    link = f"https://arxiv.org/abs/{arxiv[1]}" if arxiv else address[0] if address else ""
    return text, link, bibtex(text)


def bibtex(text: str) -> str:
    """A BibTeX entry from "Authors. Title. VENUE YEAR. arXiv ID"; "" where the text is not of that form."""
    found = _PAPER.fullmatch(text)
    if not found:
        return ""
    authors = [name.strip() for name in found["authors"].replace(" et al", ", others").split(",")]
    title, year = found["title"], found["year"]
    word = re.sub(r"[^a-z0-9]", "", title.lower().split()[0]) or "paper"
    key = re.sub(r"[^a-z]", "", authors[0].lower().split()[-1]) + year + word
    facts = {"author": " and ".join(authors), "title": f"{{{title}}}", "year": year}
    if found["venue"]:
        facts["booktitle"] = found["venue"]
    if found["arxiv"]:
        facts |= {"eprint": found["arxiv"], "archiveprefix": "arXiv"}
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in facts.items())
    return f"@{'inproceedings' if found['venue'] else 'misc'}{{{key},\n{lines}}}"


def code_of(record: Record) -> str:
    """Where the generator's code is, as `module:name`; "" when it is not in these tables."""
    key = record.cell.recipe.generator
    row = GENERATORS.get(key)
    if row is None:
        return "colorbench.generators.baselines" if key in BASELINES else ""
    build = row.build
    return build if isinstance(build, str) else f"{build.__module__}:{build.__qualname__}"
