"""`colorbench list` and `check` for people: the tables, printed."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from colorbench.plugins import KINDS, load_plugins

console = Console(highlight=False)
_ALL = (*KINDS, "suites")


def print_tables(kind: str | None, plugins: list[Path]) -> None:
    """Print one table of names, or all of them."""
    if kind is not None and kind not in _ALL:
        raise KeyError(f"unknown table {kind!r}; known tables: {', '.join(_ALL)}")
    load_plugins(plugins)
    printers = {
        "generators": generators_table,
        "losses": losses_table,
        "metrics": metrics_table,
        "datasets": datasets_table,
        "suites": suites_table,
    }
    for each in [kind] if kind else _ALL:
        console.print(printers[each]())


def generators_table() -> Table:
    """Every generator, with its size counted on a meta copy, and the baselines."""
    from colorbench.generators import BASELINES, GENERATORS
    from colorbench.generators.flops import describe

    printed = Table(
        "generator", "parameters", "GMACs at 256 px", "head", "source", "pretrained parts", title="generators"
    )
    for key, row in GENERATORS.items():
        facts = describe(key)
        macs = "-" if facts.gmacs is None else f"{facts.gmacs:.1f}"
        printed.add_row(
            key, f"{facts.parameters / 1e6:.2f} M", macs, row.head, row.source, row.pretrained_licence or "-"
        )
    for key, row in BASELINES.items():
        printed.add_row(key, "baseline", "-", "-", row.source, "-")
    return printed


def losses_table() -> Table:
    from colorbench.losses import LOSSES

    printed = Table("loss", "looks at", "needs", "unit", "settings", "source", title="losses")
    for key, row in LOSSES.items():
        needs = ", ".join(filter(None, (row.needs, row.needs_head and f"head {row.needs_head}"))) or "-"
        settings = ", ".join(f"{name}={value!r}" for name, value in row.settings.items()) or "-"
        printed.add_row(key, row.view, needs, row.unit, settings, row.source)
    return printed


def metrics_table() -> Table:
    from colorbench.metrics import METRICS

    arrows = {True: "higher", False: "lower", None: "-"}
    printed = Table("metric", "better", "unit", "per", "weights", "source", title="metrics")
    for key, row in METRICS.items():
        per = "image" if row.per_image else "set"
        printed.add_row(key, arrows[row.higher_is_better], row.unit or "-", per, row.needs or "-", row.source)
    return printed


def datasets_table() -> Table:
    from colorbench.data import DATASETS

    printed = Table("dataset", "--data", "what", title="datasets")
    for key, row in DATASETS.items():
        printed.add_row(key, row.needs_source or "-", row.description)
    return printed


def suites_table() -> Table:
    from colorbench.suites import SUITES, load_suite

    printed = Table("suite", "dataset", "size", "budget", "recipes", "seeds", "what", title="suites")
    for key in SUITES:
        suite = load_suite(key)
        protocol = suite.protocol
        size, budget = f"{protocol.size_px} px", str(protocol.budget)
        printed.add_row(key, protocol.dataset, size, budget, str(len(suite.recipes)), str(suite.seeds), suite.title)
    return printed


def print_schema(kind: str) -> None:
    """Print a JSON Schema, as JSON alone."""
    from colorbench.cell import Suite
    from colorbench.record import Record
    from colorbench.suites.step_table import StepTable

    models = {"record": Record, "suite": Suite, "table": StepTable}
    if kind not in models:
        raise KeyError(f"unknown schema {kind!r}; known schemas: {', '.join(models)}")
    print(json.dumps(models[kind].model_json_schema(), indent=1))


def check_plugin(path: Path, source: str | None = None) -> int:
    """Ask a plug-in's rows for the promises of their tables; return the exit status."""
    from colorbench.checking import check_file

    load_plugins([])
    findings = check_file(path, source)
    printed = Table("promise", "kept", "what was seen", title=path.name)
    for finding in findings:
        printed.add_row(finding.name, "yes" if finding.passed else "[red]no[/]", finding.message)
    console.print(printed)
    return 0 if all(finding.passed for finding in findings) else 1
