"""`colorbench list` and `schema`: the tables, as text or JSON."""

import json
from pathlib import Path
from typing import Any

from colorbench.console import loading, results, show, show_json, show_table
from colorbench.errors import unknown_name
from colorbench.options import TABLES
from colorbench.plugins import load_plugins

GROUPS = {
    "First steps": ("mini", "ambiguity", "smoke"),
    "Boards on the CPU": ("generators-cpu", "losses-cpu", "color-space-cpu"),
    "Boards on a GPU": (
        "systems",
        "generators",
        "generators-64",
        "generators-64-quarter",
        "generators-64-fourfold",
        "losses",
        "scenery-64",
        "color-space",
    ),
    "Published protocols": ("imagenet-val5k", "coco-stuff", "ade20k", "ctest10k"),
    "Tiers": ("nano", "s", "m", "l"),
}
"""How `list suites` groups the shipped suites."""


def list_tables(kind: str | None, plugins: list[Path], as_json: bool = False) -> None:
    """Print one table of names, or all of them."""
    if kind is not None and kind not in TABLES:
        raise unknown_name("table", kind, TABLES)
    load_plugins(plugins)
    makers = {
        "generators": generators,
        "losses": losses,
        "metrics": metrics,
        "datasets": datasets,
        "suites": suites,
        "protocols": protocols,
    }
    kinds = [kind] if kind else list(TABLES)
    with loading("the tables"):
        found = {each: makers[each]() for each in kinds}
    if as_json:
        show_json(found[kind] if kind else found)
        return
    for each, rows in found.items():
        if each == "suites" and results.is_terminal:
            _show_suites(rows)
        else:
            cells = [[_text(value) for value in row.values()] for row in rows]
            cells = cells if kind or results.is_terminal else [[each, *row] for row in cells]
            show_table([name.replace("_", " ") for name in rows[0]], cells, title=each)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={setting!r}" for name, setting in value.items()) or "-"
    if isinstance(value, float):
        return f"{value:.2f}"
    return "-" if value is None or value == "" else str(value)


def generators() -> list[dict]:
    """Every generator, with its size counted on a meta copy, and the baselines."""
    from colorbench.generators import BASELINES, GENERATORS
    from colorbench.generators.flops import describe

    rows = []
    for key, row in GENERATORS.items():
        facts = describe(key)
        rows.append(
            {
                "generator": key,
                "million_parameters": facts.parameters / 1e6,
                "GMACs_at_256_px": facts.gmacs,
                "head": row.head,
                "source": row.source,
                "pretrained_parts": row.pretrained_licence or None,
            }
        )
    empty = dict.fromkeys(("million_parameters", "GMACs_at_256_px", "head"))
    rows += [
        {"generator": key, **empty, "source": f"baseline: {row.source}", "pretrained_parts": None}
        for key, row in BASELINES.items()
    ]
    return rows


def losses() -> list[dict]:
    """Every loss, with its view and the settings that an expression may give."""
    from colorbench.losses import LOSSES

    return [
        {
            "loss": key,
            "looks_at": row.view,
            "needs": ", ".join(filter(None, (row.needs, row.needs_head and f"head {row.needs_head}"))) or None,
            "unit": row.unit,
            "settings": dict(row.settings),
            "source": row.source,
        }
        for key, row in LOSSES.items()
    ]


def metrics() -> list[dict]:
    """Every metric, with its unit and direction."""
    from colorbench.metrics import METRICS

    better = {True: "higher", False: "lower", None: None}
    return [
        {
            "metric": key,
            "better": better[row.higher_is_better],
            "unit": row.unit or None,
            "per": "picture" if row.per_image else "set",
            "weights": row.needs,
            "source": row.source,
        }
        for key, row in METRICS.items()
    ]


def datasets() -> list[dict]:
    """Every kind of dataset, with what `--data` must give."""
    from colorbench.data import DATASETS

    return [
        {"dataset": key, "data": row.needs_source or None, "what": row.description} for key, row in DATASETS.items()
    ]


def suites() -> list[dict]:
    """Every shipped suite, group by group."""
    from colorbench.suites import SUITES, load_suite

    grouped = {name: group for group, names in GROUPS.items() for name in names}
    rows = []
    for name in sorted(SUITES, key=lambda name: (list(grouped).index(name) if name in grouped else len(grouped), name)):
        suite = load_suite(name)
        rows.append(
            {
                "suite": name,
                "group": grouped.get(name, "Others"),
                "dataset": suite.protocol.dataset,
                "size_px": suite.protocol.size_px,
                "budget": str(suite.protocol.budget),
                "recipes": len(suite.recipes),
                "seeds": suite.seeds,
                "what": suite.title,
            }
        )
    return rows


def protocols() -> list[dict]:
    """Every protocol of `score --protocol`, with the script it follows and what the rules rest on."""
    from colorbench.metrics import PROTOCOLS

    return [
        {
            "protocol": key,
            "measures": ", ".join(row.measures),
            "pictures": row.size.text,
            "source": row.source,
            "traps": row.traps or None,
            "evidence": row.evidence,
            "code": row.code or None,
        }
        for key, row in PROTOCOLS.items()
    ]


def _show_suites(rows: list[dict]) -> None:
    """One line per suite under the head of its group."""
    width = max(len(row["suite"]) for row in rows)
    for group in dict.fromkeys(row["group"] for row in rows):
        show(group, style="bold")
        for row in rows:
            if row["group"] == group:
                show(f"  {row['suite']:{width}}  {row['what'].partition(': ')[2] or row['what']}")


def print_schema(kind: str) -> None:
    """Print a JSON Schema, as JSON alone."""
    from colorbench.cell import Suite
    from colorbench.record import Record
    from colorbench.suites.step_table import StepTable

    models = {"record": Record, "suite": Suite, "table": StepTable}
    if kind not in models:
        raise unknown_name("schema", kind, models)
    print(json.dumps(models[kind].model_json_schema(), indent=1))
