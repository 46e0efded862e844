"""`mixtures`: generated scenes whose distribution of color given gray is written down, so the best possible is known.

Nothing is downloaded; the set can have any size. A scene's colors are drawn per object from the mixture of its material. Gray
shows the material by its texture; no generator is told the mixture. Test scenes are numbers 0, 1, 2 ... of seed 1, training
scenes those of seed 0. A TOML file as the source gives other materials:

    [[materials]]
    name = "sky"
    texture = "gradient"
    modes = [[-3, -28], [30, 10]]
    weights = [0.7, 0.3]
    jitter = 2
"""

import json
import tomllib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from colorbench.color.mixture import Mixture
from colorbench.data.scenes import Material, Scene, draw_scene
from colorbench.data.split import SIDES
from colorbench.data.store import Index, sync
from colorbench.files import bytes_sha256, write_atomically

TRAIN_SCENES, TEST_SCENES = 2000, 200
_MOST_SCENES, _MOST_PX = 50_000, 1024
SEEDS = {"train": 0, "test": 1}
TRUTH = "truth.json"
"""What the test scenes of a run are made of, beside its cells."""
VERSION = 1
"""Changes whenever a scene's pixels do; part of the store's key and of the data hash."""

MATERIALS = (
    Material("sky", "gradient", Mixture(((-3.0, -28.0),), (1.0,))),
    Material("grass", "grain", Mixture(((-24.0, 28.0),), (1.0,))),
    Material("shirt", "stripes", Mixture(((27.0, -8.0), (-26.0, 8.0)), (0.5, 0.5))),
    Material("balloon", "dots", Mixture(((-6.0, 34.0), (8.0, -32.0)), (0.5, 0.5))),
    Material("table", "checks", Mixture(((28.0, 22.0), (-2.0, -27.0)), (0.7, 0.3))),
    Material("wall", "bricks", Mixture(((22.0, 26.0), (0.0, 0.0)), (0.6, 0.4))),
    Material("cloth", "waves", Mixture(((32.0, -10.0), (-24.0, 20.0), (4.0, -30.0)), (0.4, 0.35, 0.25))),
    Material(
        "mosaic", "blocks", Mixture(((29.0, 18.0), (-26.0, 6.0), (-2.0, 34.0), (14.0, -28.0)), (0.3, 0.3, 0.2, 0.2))
    ),
)


@dataclass(frozen=True, eq=False)
class Truth:
    """What the scenes of one side were made of. For baselines and analyses; no generator ever sees it.

    Attributes:
        materials: what objects can be made of.
    """

    materials: tuple[Material, ...]
    seed: int
    count: int
    size_px: int

    @cached_property
    def scenes(self) -> list[Scene]:
        """Every scene with its objects, drawn again."""
        return [draw_scene(self.seed, index, self.size_px, self.materials) for index in range(self.count)]

    @cached_property
    def material_maps(self) -> np.ndarray:
        """uint8 `(n, s, s)`: the material at each pixel of each scene."""
        return np.stack([scene.material_map for scene in self.scenes])

    @property
    def ids(self) -> list[str]:
        """As in a PhotoSet: from the content of each picture."""
        return [bytes_sha256(scene.pixels.data)[:16] for scene in self.scenes]

    @property
    def mixtures(self) -> tuple[Mixture, ...]:
        """The distribution of ab, per material."""
        return tuple(material.mixture for material in self.materials)

    def write(self, path: Path) -> None:
        """Write it as JSON, for `read_truth`; a file that holds the same is left alone, so that its time stays."""
        facts = {"version": VERSION, **{key: value for key, value in asdict(self).items() if key in _FACTS}}
        content = json.dumps(facts, indent=1).encode()
        if not path.is_file() or path.read_bytes() != content:
            write_atomically(path, content)


_FACTS = ("materials", "seed", "count", "size_px")


def read_truth(path: Path) -> Truth:
    """Read what `Truth.write` wrote.

    Raises:
        ValueError: not such a file, or of scenes that this version draws differently.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        made = tuple(_material(row["name"], row["texture"], **row["mixture"]) for row in facts["materials"])
        seed, count, size_px = (int(facts[key]) for key in _FACTS[1:])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} does not say what the scenes are made of ({error})") from None
    if facts.get("version") != VERSION:
        raise ValueError(f"{path.name} is of version {facts.get('version')}; this package draws scenes of {VERSION}")
    if not (0 < count <= _MOST_SCENES and 16 <= size_px <= _MOST_PX):
        raise ValueError(f"{path.name} describes {count} scenes of {size_px} px; at most {_MOST_SCENES} of {_MOST_PX}")
    return Truth(made, seed, count, size_px)


@dataclass(frozen=True, eq=False)
class Mixtures:
    """A set of scenes to draw, which `load_dataset_photos` stores once and maps afterwards.

    Attributes:
        counts, sizes_px: scenes, and side of their pictures, per side of the split.
    """

    materials: tuple[Material, ...]
    counts: dict[str, int]
    sizes_px: dict[str, int]

    def canonical(self) -> dict:
        """Names and numbers that decide every pixel, for hashing."""
        materials = [asdict(material) for material in self.materials]
        return {"mixtures": VERSION, "materials": materials, "counts": self.counts, "sizes_px": self.sizes_px}

    @property
    def sha256(self) -> str:
        return bytes_sha256(json.dumps(self.canonical(), sort_keys=True).encode())

    def truth(self, side: str) -> Truth:
        """Of the "train" or "test" scenes."""
        return Truth(self.materials, SEEDS[side], self.counts[side], self.sizes_px[side])

    def build(self, folder: Path, on_progress: Callable[[int, int], None] | None = None) -> Index:
        """Write `train.u8` and `test.u8` into the folder and say what they hold; nothing is flagged: that a scene came out
        gray is part of its distribution."""
        photos: dict[str, dict[str, int]] = {side: {} for side in SIDES}
        checksums: dict[str, list[int]] = {side: [] for side in SIDES}
        done, total = 0, sum(self.counts.values())
        for side in SIDES:
            with open(folder / f"{side}.u8", "wb") as file:
                for index in range(self.counts[side]):
                    pixels = draw_scene(SEEDS[side], index, self.sizes_px[side], self.materials).pixels
                    file.write(pixels.data)
                    photos[side][bytes_sha256(pixels.data)] = 1
                    checksums[side].append(zlib.crc32(pixels.data))
                    done += 1
                    if on_progress is not None:
                        on_progress(done, total)
                sync(file)
        zeros = {side: [0] * self.counts[side] for side in SIDES}
        return Index(photos, zeros, zeros, checksums, self.sizes_px, skipped={})


def find_mixtures(
    source: str | Path | None = None,
    *,
    size_px: int,
    store_px: int | None = None,
    limit_train: int | None = None,
    limit_test: int | None = None,
    materials: Sequence[Material] = MATERIALS,
) -> Mixtures:
    """The scenes that a call for photos asks for; nothing is drawn yet.

    Args:
        source: a TOML file of materials; None for `materials`.
        size_px, store_px: side of the test pictures, and of the training pictures when it is another.
        limit_train, limit_test: how many scenes; default 2000 and 200.

    Raises:
        ValueError: the file is absent or describes no materials.
    """
    chosen = tuple(materials) if source is None else read_materials(Path(source))
    counts = {"train": limit_train or TRAIN_SCENES, "test": limit_test or TEST_SCENES}
    return Mixtures(chosen, counts, {"train": store_px or size_px, "test": size_px})


def read_materials(path: Path) -> tuple[Material, ...]:
    """The materials in a TOML file, as the head of this module shows them.

    Raises:
        ValueError: no such file, not TOML, or fewer than two materials with a texture, modes and weights.
    """
    if path.suffix != ".toml" or not path.is_file():
        raise ValueError(f"the dataset 'mixtures' takes a .toml file of materials as its source, got {path}")
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("materials", [])
        made = tuple(_material(**row) for row in rows)
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise ValueError(f"{path.name}: {error}; a material has name, texture, modes, weights and jitter") from None
    if len(made) < 2:
        raise ValueError(f"{path.name} describes {len(made)} materials; scenes need at least two [[materials]]")
    return made


def _material(name: str, texture: str, modes: list, weights: list, jitter: float | int = 2.0) -> Material:
    pairs = tuple((float(a), float(b)) for a, b in modes)
    return Material(name, texture, Mixture(pairs, tuple(map(float, weights)), float(jitter)))
