"""The board as a table: one row per entry, numbers as numbers; views of it in CSV, parquet, Markdown and LaTeX."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colorbench.files import escape_controls, write_atomically
from colorbench.leaderboard.entries import Board, Entry
from colorbench.leaderboard.pareto import COSTS, cost, summary
from colorbench.leaderboard.published import ABOUT, NUMBERS, TITLE, Published, published, traps
from colorbench.leaderboard.tiers import Ranking, Results, tier_text
from colorbench.leaderboard.verdict import verdict


@dataclass(frozen=True)
class Link:
    """A link to a board of the same generators on other photos: words before its name, and its folder relative to this one."""

    text: str
    name: str
    folder: str


def table(results: Results):
    """A DataFrame, best entry first. Columns: place, what it is, `<metric>` with `_low _high _seed_sd _ties`, costs.

    `rank` is a tie tier ("1-4"); entries with one letter of `ties` in common could not be told apart (Holm, 5 %). In `.attrs`:
    `primary`, the metric ranked by; `verdict`, what the board says, a list of sentences; `summary_metrics`.

    Boards of published protocols end with what papers print: kind "published", without rank, with numbers only in columns
    called `published_*`.
    """
    import pandas as pd

    board = results.board
    used, iqm = summary(board)
    rows = []
    for k in results.order():
        entry = board.entries[k]
        row = {"rank": tier_text(results.primary.tier[k]), "ties": results.primary.letter[k] or ""}
        row |= _what(entry) | _metrics(results, k)
        row |= {"gray_normalized_iqm": iqm[k, 0], "gray_normalized_iqm_seed_sd": iqm[k, 1]} if used else {}
        rows.append(row | _costs(entry))
    frame = pd.DataFrame(rows + [_published(row, rows[0]) for row in published(board)])
    frame.attrs = {"primary": board.primary, "verdict": verdict(results), "summary_metrics": list(used)}
    return frame


def _what(entry: Entry) -> dict:
    recipe, record = entry.recipe, entry.runs[0].record
    return {
        "label": entry.label,
        "kind": entry.kind,
        "generator": recipe.generator,
        "loss": recipe.loss,
        "head": recipe.head,
        "seeds": len(entry.runs),
        "failed": len(entry.failures),
        "status": ", ".join(sorted(set(entry.failures))) or "done",
        "licence": record.generator.licence,
        "pretrained": record.generator.pretrained or "",
        "provisional_budget": any(run.record.spent.provisional for run in entry.runs),
    }


def _published(row: Published, like: dict) -> dict:
    """A row of the table: what an entry has and this has not is empty, in the type of the column."""
    empty = {name: type(value)() if isinstance(value, str | int) else float("nan") for name, value in like.items()}
    numbers = {f"published_{key}": float(text) if text else float("nan") for key, text in row.numbers.items()}
    about = {"label": row.method, "kind": "published", "status": row.venue, "published_source": row.source}
    return empty | about | numbers


def _metrics(results: Results, k: int) -> dict:
    row = {}
    for metric, full in results.full.items():
        part = results.color_only[metric]
        row |= {
            metric: full.mean[k],
            f"{metric}_low": full.mean[k] - full.half[k],
            f"{metric}_high": full.mean[k] + full.half[k],
            f"{metric}_seed_sd": full.spread[k],
            f"{metric}_interval": full.basis[k],
            f"{metric}_ties": full.letter[k] or "",
            f"{metric}_color_only": part.mean[k],
        }
    return row


def _costs(entry: Entry) -> dict:
    def mean(values):
        known = [float(value) for value in values if value is not None]
        return sum(known) / len(known) if known else float("nan")

    records = [run.record for run in entry.runs]
    return {
        "train_seconds": mean(r.cost.train_seconds for r in records),
        "parameters": records[0].generator.parameters,
        "peak_bytes": mean(r.cost.peak_bytes for r in records),
        "joules": mean(r.cost.joules for r in records),
        "steps": mean(r.spent.steps for r in records),
        "images": mean(r.spent.images for r in records),
        "model_flops": mean(r.spent.model_flops for r in records),
    }


def p_text(p: float) -> str:
    """
    >>> p_text(0.0002), p_text(0.0314), p_text(float("nan"))
    ('< 0.001', '0.031', 'unknown')
    """
    return "unknown" if not np.isfinite(p) else "< 0.001" if p < 0.001 else f"{p:.2g}"


def significant(value: float, half: float) -> str:
    """A number with the digits its interval supports: two significant digits of the half width.

    >>> significant(24.1234, 0.31), significant(0.1376, 0.0021), significant(21.7, float("nan"))
    ('24.12', '0.1376', '21.70')
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞"
    if math.isfinite(half) and half > 0:
        return f"{value:.{min(max(1 - math.floor(math.log10(half)), 0), 6)}f}"
    return f"{value:.{2 if abs(value) >= 10 else 3 if abs(value) >= 1 else 4}f}"


def arrow(higher_is_better: bool | None) -> str:
    return {True: "↑", False: "↓", None: ""}[higher_is_better]


def heading(board: Board, metric: str) -> str:
    """A metric as a column head: its name, direction and unit."""
    unit = board.unit(metric)
    name = f"{metric} {arrow(board.higher_is_better(metric))}".strip()
    return f"{name} ({unit})" if unit and unit not in ("1", "-", "score") else name


def readable(results: Results):
    """`(heads, groups)` of text for Markdown and LaTeX: place, label, each metric as mean ± half width, costs that exist.

    A group is `(title, what it is, rows)`, as in `Results.groups`.
    """
    board = results.board
    costs = [key for key in COSTS if any(np.isfinite(cost(entry, key)) for entry in board.entries)]
    heads = ["rank", "entry", "seeds"] + [heading(board, m) for m in board.metrics]
    heads += [f"{board.primary} color-only"] + [f"{COSTS[key][0]} ({COSTS[key][1]})" for key in costs]

    def row(k: int) -> list[str]:
        entry = board.entries[k]
        cells = [place(entry, results.primary, k), marked(entry), str(len(entry.runs))]
        cells += [cell(results.full[m], k) for m in board.metrics] + [cell(results.color_only[board.primary], k)]
        return cells + [_plain(cost(entry, key)) for key in costs]

    return heads, [(title, about, [row(k) for k in rows]) for title, about, rows in results.groups()]


def place(entry: Entry, primary: Ranking, k: int) -> str:
    """Rank tier and tie letters of a ranked entry; the kind of any other."""
    if entry.kind != "trained":
        return {"baseline": "baseline", "submission": "outside the budget"}[entry.kind]
    return " ".join(part for part in (tier_text(primary.tier[k]), primary.letter[k]) if part)


def marked(entry: Entry) -> str:
    """The label, with what failed and whether its steps are an estimate."""
    label = entry.label
    if any(run.record.spent.provisional for run in entry.runs):
        label += " (provisional-budget)"
    if not entry.failures:
        return label
    kinds = ", ".join(sorted(set(entry.failures)))
    return f"{label} ({len(entry.failures)} of {len(entry.runs)} {kinds}, scored as gray)"


def cell(result: Ranking, k: int) -> str:
    mean, half = float(result.mean[k]), float(result.half[k])
    text = significant(mean, half)
    return f"{text} ± {significant(half, half)}" if math.isfinite(half) and half > 0 else text


def _plain(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else ""


def footnotes(results: Results) -> list[str]:
    """The lines under every table: what the numbers mean, what is missing, what was skipped or refused."""
    board = results.board
    lines = [f"Sorted by {heading(board, board.primary)}, the board's one primary metric."]
    if board.rankable:
        lines.append(
            "Ranks are tie tiers: entries with a letter in common could not be told apart at 5 % "
            "(Welch-Satterthwaite over seeds and paired photos, Holm)."
        )
    lines.append(f"± is the half width of a 95 % interval over {_over(results)}.")
    lines += [f"{metric}: empty, {reason}" for metric, reason in board.missing().items()]
    lines += [f"Not run: {run.name}: {run.record.message or 'skipped'}" for run in board.skipped]
    lines += [f"Refused: {reason}" for reason in board.refused]
    if any(entry.kind == "submission" for entry in board.entries):
        lines.append("Outside the budget: submitted pictures, not trained under this board's budget; not ranked.")
    return lines


def _over(results: Results) -> str:
    kinds = {b for b, e in zip(results.primary.basis, results.board.entries) if e.kind == "trained"}
    over = (
        "seeds and photos"
        if any("photos" in kind for kind in kinds)
        else "seeds alone: no scores of single photos, or too few photos"
    )
    if any(kind.startswith("none") for kind in kinds):
        return f"{over}; entries of one seed have none, and are not told apart"
    if any(kind.startswith("moderated") for kind in kinds):
        return f"{over}; the spread over one or two seeds is moderated by that of all entries"
    return over


def write_tables(results: Results, out: Path, beside: Sequence[Link] = ()) -> list[Path]:
    """table.csv, .parquet, .md and .tex below `out`. `beside`: boards of the same generators on other photos."""
    frame, parquet = table(results), io.BytesIO()
    frame.to_parquet(parquet, index=False)
    views = {
        "csv": csv(frame).encode(), "parquet": parquet.getvalue(),
        "md": markdown(results, beside).encode(), "tex": latex(results).encode(),
    }  # fmt: skip
    for kind, content in views.items():
        write_atomically(out / f"table.{kind}", content, durable=False)
    return [out / f"table.{kind}" for kind in views]


_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet may take for the start of a formula; the last four are full-width forms of the others."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def csv(frame, index: bool = False) -> str:
    """A table as CSV. Text that a spreadsheet would take for a formula gets an apostrophe before it, also in heads.

    `index`: whether its index is the first column.
    """
    frame = frame.reset_index() if index else frame
    text = [name for name in frame.columns if frame[name].dtype.kind not in "fiub"]
    made = frame.assign(**{name: frame[name].map(_no_formula) for name in text})
    return made.rename(columns=_no_formula).to_csv(index=False)


def _no_formula(text):
    if not isinstance(text, str):
        return text
    line = _CONTROL.sub(" ", text)  # pandas leaves a carriage return unquoted: what follows would be a row
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line


def markdown(results: Results, beside: Sequence[Link] = ()) -> str:
    """The readable tables of each group, the note and the verdict above them, the footnotes below."""
    heads, groups = readable(results)
    rule = "|" + "|".join(["---", "---"] + ["---:"] * (len(heads) - 2)) + "|"
    note = [f"> {plain_markdown(results.board.note)}", ""] if results.board.note else []
    head = [f"# {plain_markdown(results.board.title)}", "", *note]
    head += [line for sentence in verdict(results) for line in (plain_markdown(sentence), "")]
    for title, about, rows in groups:
        lines = ["| " + " | ".join(map(plain_markdown, row)) + " |" for row in [heads, *rows]]
        head += [f"## {title}", "", about, "", lines[0], rule, *lines[1:], ""]
    head += _published_markdown(results.board)
    lines = [f"- {link.text}: {plain_markdown(link.name)} ([board]({link.folder}/table.md))" for link in beside]
    return "\n".join(head + lines + [f"- {plain_markdown(line)}" for line in footnotes(results)]) + "\n"


def _published_markdown(board: Board) -> list[str]:
    rows = published(board)
    if not rows:
        return []
    heads = ["method", "venue", *NUMBERS.values(), "source"]
    texts = [heads, *([row.method, row.venue, *row.numbers.values(), row.source] for row in rows)]
    lines = ["| " + " | ".join(map(plain_markdown, text)) + " |" for text in texts]
    rule = "|---|---|" + "---:|" * len(NUMBERS) + "---|"
    cautions = [f"- {plain_markdown(line)}" for line in traps(board.name)]
    return [f"## {TITLE}", "", ABOUT, "", lines[0], rule, *lines[1:], "", *cautions, ""]


def plain_markdown(text: str) -> str:
    """Text for one Markdown table cell: no markup of its own, one line, nothing that steers a terminal."""
    text = escape_controls(text)
    for sign in "\\`*_{}[]<>|#":
        text = text.replace(sign, {"<": "&lt;", ">": "&gt;"}.get(sign, "\\" + sign))
    return " ".join(text.split())


def latex(results: Results) -> str:
    """A booktabs tabular with a caption; needs \\usepackage{booktabs}."""
    heads, groups = readable(results)
    body = [" & ".join(map(_tex, row)) + r" \\" if row else r"\midrule" for row in _with_rules(groups)]
    caption = " ".join([results.board.title + ".", results.board.note, *footnotes(results)[:3]])
    return "\n".join(
        [
            "% \\usepackage{booktabs}",
            r"\begin{table}",
            rf"\caption{{{_tex(caption)}}}",
            rf"\begin{{tabular}}{{ll{'r' * (len(heads) - 2)}}}",
            r"\toprule",
            " & ".join(map(_tex, heads)) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _with_rules(groups: list) -> list[list[str]]:
    """The rows of all groups, an empty one between groups."""
    return [row for k, (_, _, rows) in enumerate(groups) for row in ([[]] if k else []) + rows]


_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "∞": r"$\infty$", "–": "--", "<": r"$<$", ">": r"$>$",
}  # fmt: skip


def _tex(text: str) -> str:
    return " ".join("".join(_TEX.get(sign, sign) for sign in text).split())
