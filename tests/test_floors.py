"""Imports only go down. Every import statement in the package is read, also those inside functions."""

import ast
from pathlib import Path

import colorbench

ROOT = Path(colorbench.__file__).parent
FLOORS = [
    ["files", "errors", "machine", "tensors", "cell", "record", "photo", "profiles", "matrix_profiles", "icc"],
    ["color"],
    ["batch"],
    ["features", "blocks"],
    ["metrics"],
    ["losses"],
    ["generators"],
    ["data"],
    ["plugins"],
    ["suites"],
    ["training", "leaderboard"],
    ["grid"],
    ["console", "options"],
    ["summary", "run_bars"],
    ["checking", "listing", "scoring", "comparing", "running", "status", "calibrating", "doctor", "publishing"],
    ["board_commands", "picture_commands"],
    ["cli"],
    ["__main__"],
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
NEVER = {("leaderboard", "training"), ("metrics", "losses"), ("losses", "generators"), ("generators", "losses"),
         ("data", "generators")}  # fmt: skip


def imports():
    for path in sorted(ROOT.rglob("*.py")):
        part = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if part == "__init__":  # the front door, which loads everything when it is asked for
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                if name.startswith("colorbench."):
                    yield part, name.split(".")[1], f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_part_has_a_floor():
    parts = {path.stem if path.is_file() else path.name for path in ROOT.iterdir() if path.suffix in ("", ".py")}
    assert parts - {"__init__", "__pycache__"} == set(LEVEL)


def test_imports_go_down():
    found = list(imports())
    assert len(found) > 50
    wrong = [
        f"{where}: {low} imports {high}"
        for low, high, where in found
        if LEVEL[high] > LEVEL[low]
        or (LEVEL[high] == LEVEL[low] and high != low and LEVEL[low] not in (0, LEVEL["listing"]))
    ]
    assert not wrong, "\n".join(wrong)


def test_forbidden_pairs():
    wrong = [f"{where}: {low} imports {high}" for low, high, where in imports() if (low, high) in NEVER]
    assert not wrong, "\n".join(wrong)


def test_ground_floor_knows_no_torch():
    for name in ("cell", "record"):
        assert "torch" not in (ROOT / f"{name}.py").read_text().replace("imports no torch", "").replace(
            "Imports no torch", ""
        ).replace("torch: str", "")
