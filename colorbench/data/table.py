"""DATASETS: where photos can come from. Adding one takes a file with a `find_...` function and a line here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorbench.data.embedded import find_embedded
from colorbench.data.folder import find_folder, find_paired, find_train_val
from colorbench.data.hub import find_hub
from colorbench.data.mixtures import find_mixtures
from colorbench.data.sources import Found
from colorbench.errors import unknown_name


@dataclass(frozen=True)
class DatasetRow:
    """One kind of dataset.

    Attributes:
        find: `(source, **options) -> Found`; lists the pictures, decodes nothing. Of a generated dataset
            `(source, size_px, store_px, limit_train, limit_test) -> Mixtures`.
        needs_source: what `--data` must give; "" when nothing.
        options: keyword arguments of `find`.
        source: where the pictures come from, with their license.
        generated: the pictures are drawn, not found.
    """

    key: str
    find: Callable[..., Any]
    needs_source: str
    options: tuple[str, ...]
    description: str
    source: str
    generated: bool = False


DATASETS: dict[str, DatasetRow] = {
    row.key: row
    for row in (
        DatasetRow(
            "embedded",
            find_embedded,
            "",
            (),
            "eight photos inside scikit-image, scikit-learn and matplotlib: smoke tests, no ranking",
            "scikit-image data/README.txt, scikit-learn datasets/images/README.txt, matplotlib sample_data/README.txt",
        ),
        DatasetRow(
            "mixtures",
            find_mixtures,
            "",
            (),
            "generated scenes whose distribution of color is known, so the best possible is; --data MATERIALS.toml",
            "drawn by colorbench/data/scenes.py",
            generated=True,
        ),
        DatasetRow("folder", find_folder, "a folder", (), "any tree of pictures", "the user's"),
        DatasetRow(
            "paired",
            find_paired,
            "a folder",
            ("half",),
            "side-by-side pictures, gray left and color right; the color half is used",
            "the user's; the layout of pix2pix (Isola et al. 2017) and of the scenery system's 256 x 512 pictures",
        ),
        DatasetRow(
            "train-val",
            find_train_val,
            "a folder with train/ and val/ inside, or a Hugging Face dataset id with these splits",
            (),
            "a published split: train/ for training, val/ for testing",
            "the user's; the layout of ImageNet, COCO-Stuff, ADE20K",
        ),
        DatasetRow(
            "hub",
            find_hub,
            "a Hugging Face dataset id",
            ("split", "column", "config", "revision", "rows"),
            "an image column of a Hugging Face dataset, or of a local dataset folder",
            "huggingface.co, the license of the dataset card",
        ),
    )
}


def dataset_row(dataset: str, options: Iterable[str] = ()) -> DatasetRow:
    """The row of a dataset that takes these options.

    Raises:
        KeyError: unknown dataset, or an option that it does not take.
    """
    if dataset not in DATASETS:
        raise unknown_name("dataset", dataset, DATASETS)
    row = DATASETS[dataset]
    if unknown := sorted(set(options) - set(row.options)):
        known = ", ".join(row.options) or "none"
        raise KeyError(f"dataset {dataset!r} takes no option {', '.join(unknown)}; its options: {known}")
    return row


def find_photos(dataset: str, source: str | Path | None, options: dict) -> Found:
    """What the dataset has.

    Raises:
        KeyError: unknown dataset, or an option that it does not take.
        ValueError: the source is missing or has no pictures.
    """
    row = dataset_row(dataset, options)
    if row.needs_source and source is None:
        raise ValueError(f"dataset {dataset!r} needs {row.needs_source}: give it with --data (in Python: source)")
    return row.find(source, **options)
