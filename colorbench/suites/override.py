"""A suite with parts replaced from the command line: other photos, generators, losses, seeds, budget."""

from collections.abc import Sequence
from pathlib import Path

from colorbench.cell import Budget, Protocol, Recipe, Suite
from colorbench.errors import WrongUsage
from colorbench.files import existing_folder, names_folder

OWN = ("embedded", "mixtures")
"""Datasets that need no source: with one, a suite's recipes train on the user's photos instead."""
FOLDERS = ("folder", "paired", "train-val")


def override_suite(
    suite: Suite,
    *,
    source: str | Path | None = None,
    dataset: str | None = None,
    generators: Sequence[str] = (),
    losses: Sequence[str] = (),
    head: str | None = None,
    seeds: int | None = None,
    budget: str | None = None,
    size_px: int | None = None,
    batch: int | None = None,
) -> Suite:
    """The suite with these parts replaced.

    Generators and losses span a new matrix: what is not given is taken from the suite's recipes. A pair that the suite has is
    the suite's own recipe, the same cell; a generator that it has with another loss keeps its options there. A generator that
    it lacks gets the optimizer and the phases of its first recipe. A source for a suite of embedded photos or generated
    scenes makes the dataset `folder`, or `hub` when there is no such folder; baselines that photos cannot have are left out.
    At another size, recipes that train on crops of chosen sizes train on whole pictures.

    Raises:
        FileNotFoundError, NotADirectoryError: the source names a folder, and there is none.
    """
    if head is not None and not (generators or losses):
        raise WrongUsage(f"--head {head} goes with --generator or --loss: add one of them")
    protocol = _protocol(suite.protocol, source, dataset, budget, size_px, batch)
    recipes = suite.recipes
    if generators or losses:
        recipes = tuple(_matrix(suite.recipes, generators, losses, head))
    if size_px not in (None, suite.protocol.size_px):
        recipes = tuple(_on_whole_pictures(recipe) for recipe in recipes)
    own = suite.protocol.dataset in OWN and protocol.dataset not in OWN
    words = {"title": f"Own photos under the protocol of {suite.name}", "note": "", "rankable": True} if own else {}
    if protocol.dataset != suite.protocol.dataset:
        from colorbench.generators import BASELINES  # brings torch, which the start of a worker does without

        words["baselines"] = tuple(key for key in suite.baselines if not BASELINES[key].needs_truth)
    return Suite(
        **{
            **dict(suite),
            **words,
            "protocol": protocol,
            "recipes": recipes,
            "seeds": suite.seeds if seeds is None else seeds,
        }
    )


def dataset_of(source: str | Path) -> str:
    """`folder` or `hub`, whichever a source of photos names.

    Raises:
        FileNotFoundError, NotADirectoryError: it names a folder, and there is none.
    """
    if not names_folder(source):
        return "hub"
    existing_folder(source)
    return "folder"


def _protocol(protocol: Protocol, source, dataset, budget, size_px, batch) -> Protocol:
    changed: dict = {}
    if source is not None and (dataset or protocol.dataset) in FOLDERS and names_folder(source):
        existing_folder(source)  # said at once: what looks at the photos takes seconds to load
    if dataset:
        changed["dataset"] = dataset
    elif source is not None and protocol.dataset in OWN and not str(source).endswith(".toml"):
        changed["dataset"] = dataset_of(source)
    if changed.get("dataset", protocol.dataset) != "embedded" and protocol.fit == "tiles":
        changed["fit"] = "crop"
    if "dataset" in changed and protocol.dataset == "mixtures":
        changed |= {"limit_train": None, "limit_test": None}
    if budget is not None:
        changed["budget"] = Budget.parse(budget)
        if changed["budget"].kind != "reference-seconds":
            changed["table_sha256"] = None
    if size_px is not None:
        changed["size_px"] = size_px
    if batch is not None:
        changed["batch"] = batch
    return Protocol(**{**dict(protocol), **changed})


def _matrix(recipes: Sequence[Recipe], generators, losses, head) -> list[Recipe]:
    known = {recipe.generator: recipe for recipe in recipes}
    chosen = list(generators) or list(known)
    wanted = list(losses) or list(dict.fromkeys(recipe.loss for recipe in recipes if recipe.generator in chosen))
    wanted = wanted or ["l1"]
    shared = {"optimizer": recipes[0].optimizer, "phases": recipes[0].phases} if recipes else {}
    made = []
    for generator in chosen:
        start = known.get(generator) or Recipe(generator=generator, **shared)
        for loss in wanted:
            own = [r for r in recipes if r.generator == generator and _same(r.loss, loss) and head in (None, r.head)]
            made += own or [start.model_copy(update={"loss": loss, "name": None, "head": head or "auto"})]
    return made


def _on_whole_pictures(recipe: Recipe) -> Recipe:
    """The sizes of its crops were chosen for another size of pictures."""
    return recipe.model_copy(update={"phases": recipe.phases.model_copy(update={"sizes_px": ()})})


def _same(loss: str, other: str) -> bool:
    return "".join(loss.split()) == "".join(other.split())
