"""`train-val`: a published split as it was published: photos of `train` train, photos of `val` (or `validation`) test.

A folder with the two inside, or a hub dataset with two such splits. Unlike elsewhere the sides are stated, not hashed,
and near-duplicates stay where the publication put them; a photo that lies on both sides tests.
"""

from dataclasses import replace
from pathlib import Path

from colorbench.data.folder import find_folder
from colorbench.data.hub import find_hub
from colorbench.data.sources import Found

VAL = ("val", "validation")


def find_train_val(source: str | Path | None) -> Found:
    """Both sides, test photos first, so that they win over equal training photos.

    Raises:
        FileNotFoundError: no such folder or dataset.
        ValueError: one of the two sides is missing or empty.
    """
    root = Path(source).expanduser()
    sides = _folder_sides(root) if root.is_dir() else _hub_sides(str(source))
    test, train = sides
    return Found(
        test.sources + train.sources,
        place=f"train-val {test.place} {train.place}",
        passed_over=test.passed_over + train.passed_over,
        held_out=frozenset(one.name for one in test.sources),
    )


def _folder_sides(root: Path) -> list[Found]:
    val = next((name for name in VAL if (root / name).is_dir()), None)
    if val is None or not (root / "train").is_dir():
        raise ValueError(
            f"{root} has no train/ and val/ folders: this suite follows a published split; "
            "put (or link) its training photos into train/ and its test photos into val/"
        )
    return [_named(find_folder(root / name), name) for name in (val, "train")]


def _hub_sides(source: str) -> list[Found]:
    try:
        test = find_hub(source, split="validation")
    except ValueError as error:
        if "validation" not in str(error):
            raise
        test = find_hub(source, split="val")
    return [test, find_hub(source, split="train")]


def _named(found: Found, side: str) -> Found:
    sources = [replace(one, name=f"{side}/{one.name}") for one in found.sources]
    return replace(found, sources=sources, passed_over=[(f"{side}/{name}", why) for name, why in found.passed_over])
