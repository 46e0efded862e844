"""`embedded`: eight real color photos that installed packages carry; no network, no download. For smoke tests.

Found as files, without importing the packages: scikit-image and scikit-learn take seconds to import.
"""

from functools import partial
from importlib.util import find_spec
from pathlib import Path

from colorbench.data.sources import Found, Source

# name: (package on PyPI, import name, path inside it)
PHOTOS = {
    "astronaut": ("scikit-image", "skimage", "data/astronaut.png"),
    "chelsea": ("scikit-image", "skimage", "data/chelsea.png"),
    "coffee": ("scikit-image", "skimage", "data/coffee.png"),
    "rocket": ("scikit-image", "skimage", "data/rocket.jpg"),
    "motorcycle": ("scikit-image", "skimage", "data/motorcycle_left.png"),
    "china": ("scikit-learn", "sklearn", "datasets/images/china.jpg"),
    "flower": ("scikit-learn", "sklearn", "datasets/images/flower.jpg"),
    "grace-hopper": ("matplotlib", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
}
HELD_OUT = frozenset({"china", "coffee"})  # stated, not hashed: a re-encoded file in a new release must not move it


def find_embedded(source: str | Path | None) -> Found:
    """The eight photos.

    Raises:
        ValueError: a source was given.
        FileNotFoundError: a package or its file is missing; the message names the package.
    """
    if source is not None:
        raise ValueError(f"the dataset 'embedded' takes no source, got {source}; for your own photos use 'folder'")
    sources = [_source(name, *where) for name, where in PHOTOS.items()]
    return Found(sources, place="embedded", held_out=HELD_OUT)


def _source(name: str, package: str, module: str, inside: str) -> Source:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the embedded photo {name!r} needs the package {package}: pip install {package}")
    path = Path(spec.submodule_search_locations[0]) / inside
    if not path.is_file():
        raise FileNotFoundError(
            f"the embedded photo {name!r} is missing from the installed {package} ({module}/{inside}): "
            f"pip install --force-reinstall {package}"
        )
    status = path.stat()
    return Source(name, partial(path.read_bytes), f"{path}:{status.st_size}:{status.st_mtime_ns}")
