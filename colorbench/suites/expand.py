"""A suite's cells: every recipe with every seed, its names checked and its losses in one spelling."""

from colorbench.cell import Cell, Recipe, Suite
from colorbench.errors import did_you_mean, unknown_name
from colorbench.suites.step_table import head_of


def expand_suite(suite: Suite, data_hash: str) -> list[Cell]:
    """All cells: baselines first, then seed by seed, so that a run that is still going shows every recipe.

    Raises:
        KeyError: an unknown generator, loss, option, baseline or metric; lists the known ones.
        ValueError: a loss under a head it cannot use; a baseline that needs a distribution which photos do not have.
    """
    _check_names(suite)
    recipes = [_checked(recipe) for recipe in suite.recipes]
    baselines = [Recipe(generator=baseline) for baseline in suite.baselines]
    pairs = [(recipe, 0) for recipe in baselines] + [
        (recipe, seed) for seed in range(suite.seeds) for recipe in recipes
    ]
    return [
        Cell(suite=suite.name, protocol=suite.protocol, recipe=recipe, seed=seed, data_hash=data_hash)
        for recipe, seed in pairs
    ]


def _check_names(suite: Suite) -> None:
    from colorbench.data import DATASETS
    from colorbench.generators import BASELINES
    from colorbench.metrics import METRICS

    for kind, names, table in (("metric", suite.metrics, METRICS), ("baseline", suite.baselines, BASELINES)):
        for name in names:
            if name not in table:
                raise unknown_name(kind, name, table)
    dataset = suite.protocol.dataset
    if dataset in DATASETS and not DATASETS[dataset].generated:
        for name in suite.baselines:
            if BASELINES[name].needs_truth:
                raise ValueError(
                    f"baseline {name!r} needs pictures whose colors' distribution is known (dataset 'mixtures'); "
                    f"it is unknown for the photos of {dataset!r}: leave it out"
                )


def _checked(recipe: Recipe) -> Recipe:
    """The recipe with its loss in canonical spelling, after asking generator, options, loss and head for their names."""
    from colorbench.generators import GENERATORS
    from colorbench.generators.build import planned_options
    from colorbench.losses import LOSSES, build_loss
    from colorbench.losses.expression import canonical, parse

    if recipe.generator not in GENERATORS:
        raise unknown_name("generator", recipe.generator, GENERATORS)
    known = GENERATORS[recipe.generator].options
    if unknown := sorted(set(recipe.options) - set(known)):
        listed, hint = ", ".join(known) or "none", did_you_mean(unknown[0], known)
        raise KeyError(
            f"generator {recipe.generator!r} has no option {', '.join(unknown)}; its options: {listed}{hint}"
        )
    spelled = recipe.model_copy(
        update={
            "loss": canonical(parse(recipe.loss, LOSSES)),
            "options": planned_options(recipe.generator, recipe.options),
        }
    )
    if all(LOSSES[term.key].needs != "weights" for term in parse(recipe.loss, LOSSES)):
        build_loss(spelled.loss)
    head_of(spelled)
    return spelled
