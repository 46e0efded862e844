"""Names and numbers of one cell: Recipe x Protocol x seed, and the key that names it. Imports no torch.

A key is the sha256 of canonical JSON: sorted keys, no paths, no order of cells, no cosmetic fields. Two people who run
the same cell on the same photos get the same key.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_serializer, model_validator

from colorbench.errors import WrongUsage, did_you_mean
from colorbench.files import bytes_sha256, slug

RULES_VERSION = "1"
"""Changes when a change of code changes scores. Records of different rules never share a board."""

Value = bool | int | float | str | None


class Strict(BaseModel):
    """Frozen settings; an unknown field is an error that lists the known ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_fields(cls, values: Any) -> Any:
        if isinstance(values, dict) and (unknown := sorted(set(values) - set(cls.model_fields), key=str)):
            names, known = ", ".join(map(repr, unknown)), ", ".join(cls.model_fields)
            hint = did_you_mean(str(unknown[0]), cls.model_fields)
            raise ValueError(f"unknown field {names}; known fields: {known}{hint}")
        return values


class Extended(Strict):
    """A schema with fields that came later, named in `added`: they are left out while null, so that older files and the
    hashes of their content stay as they are, byte for byte."""

    added: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_what_is_unknown(self, write: Callable) -> dict:
        facts = write(self)
        for name in self.added:
            if facts.get(name, 0) is None:
                del facts[name]
        return facts


class Budget(Strict):
    """How much training every cell gets, in one unit.

    `seconds`: device seconds on this machine's clock. `reference-seconds`: seconds on the reference GPU, turned into steps
    by a frozen step table. `steps`: optimizer steps. `samples`: photos seen. `flops`: model FLOPs, forward and backward.
    """

    kind: Literal["seconds", "reference-seconds", "steps", "samples", "flops"]
    amount: float = Field(gt=0)

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """`60s`, `500steps`, `8rs` (reference seconds), `20000samples`, `1e15flops`.

        >>> Budget.parse("500steps")
        Budget(kind='steps', amount=500.0)
        """
        units = {
            "s": "seconds", "rs": "reference-seconds", "steps": "steps", "samples": "samples", "flops": "flops"
        }  # fmt: skip
        match = re.fullmatch(r"\s*([0-9.]+(?:e\+?[0-9]+)?)\s*([a-z-]+)\s*", text.lower())
        unit = match and (units.get(match[2]) or (match[2] if match[2] in units.values() else None))
        if not match or not unit:
            raise WrongUsage(
                f"budget {text!r} is not a number and a unit; write 60s, 8rs, 500steps, 20000samples or 1e15flops"
            )
        try:
            return cls.model_validate({"kind": unit, "amount": float(match[1])})
        except ValueError:
            raise WrongUsage(f"budget {text!r} must be a number above 0; write for instance 60s or 500steps") from None

    def __str__(self) -> str:
        unit = {"seconds": "s", "reference-seconds": "rs"}.get(self.kind, self.kind)
        return f"{self.amount:g}{unit}"


class Optimizer(Strict):
    """One optimizer for the generator; critics bring their own settings from the loss table."""

    name: Literal["adamw", "adam"] = "adamw"
    lr: float = Field(default=3e-4, gt=0)
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = Field(default=0.01, ge=0)
    schedule: Literal["cosine", "constant", "linear"] = "cosine"
    warmup_share: float = Field(default=0.05, ge=0, lt=1)
    clip_norm: float | None = Field(default=1.0, gt=0)
    ema: float | None = Field(default=None, gt=0, lt=1)


class Phases(Strict):
    """Which networks train when, as shares of the budget.

    `joint` trains generator and critics together throughout. `pretrain-then-adversarial` (DeOldify's NoGAN) trains the
    generator without its critics for `pretrain_share`, then each critic alone for `critic_share`, then both together.
    `sizes_px`, when given, raises the picture size through equal shares of the budget (progressive training).
    """

    plan: Literal["joint", "pretrain-then-adversarial"] = "joint"
    pretrain_share: float = Field(default=0.85, ge=0, lt=1)
    critic_share: float = Field(default=0.1, ge=0, lt=1)
    sizes_px: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _shares_fit(self) -> "Phases":
        if self.pretrain_share + self.critic_share >= 1:
            raise ValueError("pretrain_share + critic_share must stay below 1, so that a joint phase is left")
        return self

    def sizes(self, full_px: int) -> tuple[int, ...]:
        """The sides of training pictures, each for an equal share of the budget; none is larger than `full_px`."""
        return tuple(min(side, full_px) for side in self.sizes_px) or (full_px,)

    def size_at(self, share: float, full_px: int) -> int:
        """The side of training pictures at this share of the budget."""
        sizes = self.sizes(full_px)
        return sizes[min(len(sizes) - 1, int(share * len(sizes)))]


class Recipe(Strict):
    """What is compared: a generator with its options, a head, a loss expression, an optimizer. Names and numbers only.

    `size_px` is the side at which the generator works, when that is not the suite's: it sees the gray photo at this size,
    and its output is scaled back to the suite's size, at which losses and metrics are computed.
    """

    generator: str
    loss: str = "none"
    head: Literal["auto", "ab", "luv", "rgb", "bins"] = "auto"
    keep_lightness: bool = True
    options: dict[str, Value] = {}
    size_px: int | None = Field(default=None, ge=16, le=4096)
    optimizer: Optimizer = Optimizer()
    phases: Phases = Phases()
    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.+-]*$", max_length=80)

    @property
    def label(self) -> str:
        """File-name-safe name: its own, or generator+loss, and the head when it was chosen.

        >>> Recipe(generator="unet", loss="100*l1 + patchgan").label
        'unet+100xl1+patchgan'
        """
        if self.name:
            return self.name
        parts = [self.generator, slug(self.loss)] + ([self.head] if self.head != "auto" else [])
        return "+".join(part for part in parts if part != "none")

    @property
    def untrained(self) -> "Recipe":
        """The same without pretrained weights, for building a network whose weights do not matter."""
        options = {key: value for key, value in self.options.items() if key != "pretrained"}
        return self.model_copy(update={"options": options})


def sized_name(label: str, size_px: int) -> str:
    """What a recipe is called where its generator sees photos at a side that it was not trained at.

    >>> sized_name("unet+l1", 128)
    'unet+l1+128px'
    """
    return f"{label}+{size_px}px"


class Protocol(Strict):
    """What a board holds fixed, as far as it can change a result: part of every cell's key."""

    dataset: str
    size_px: int = Field(ge=16, le=4096)
    fit: Literal["crop", "squash", "tiles"] = "crop"
    test_share: float = Field(default=0.2, gt=0, lt=1)
    limit_train: int | None = Field(default=None, ge=1)
    limit_test: int | None = Field(default=None, ge=1)
    batch: int = Field(default=16, ge=1)
    eval_batch: int = Field(default=16, ge=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = True
    compile: bool = False
    flip: bool = True
    budget: Budget
    table_sha256: str | None = None
    rules: str = RULES_VERSION

    @property
    def float32(self) -> Literal["ieee", "tf32"]:
        """How a GPU computes float32 in training: IEEE in fp32 protocols; bf16 leaves the rest at TF32."""
        return "ieee" if self.precision == "fp32" else "tf32"


class Suite(Strict):
    """A board: a protocol, the recipes of its matrix, its seeds, metrics and baselines.

    `pictures = false`: the photos may not be published, so no page of the board shows one.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    title: str
    note: str = ""
    rankable: bool = True
    protocol: Protocol
    seeds: int = Field(default=3, ge=1)
    metrics: tuple[str, ...]
    primary: str
    baselines: tuple[str, ...] = ("gray", "mean-ab", "shuffled-ab", "oracle-quarter")
    recipes: tuple[Recipe, ...]
    pictures: bool = True
    test_photos: int | None = Field(default=None, ge=1)  # of a published protocol
    download_mb: float | None = None
    cell_timeout_seconds: float | None = Field(default=None, gt=0)

    @field_validator("recipes")
    @classmethod
    def _labels_differ(cls, recipes: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
        labels = Counter(recipe.label for recipe in recipes)
        if twice := sorted(label for label, count in labels.items() if count > 1):
            raise ValueError(f"two recipes are called {', '.join(twice)}; give them a `name` of their own")
        return recipes

    @model_validator(mode="after")
    def _primary_is_measured(self) -> "Suite":
        if self.primary not in self.metrics:
            raise ValueError(
                f"primary metric {self.primary!r} is not among the suite's metrics: {', '.join(self.metrics)}"
            )
        return self


class Cell(Strict):
    """One run: what is trained, under which protocol, on which photos, from which seed.

    `retest_of` is the key of another cell whose finished generator was tested on these photos; nothing was trained.

    `steps` is the protocol's budget as steps of this recipe, set once, when a run is planned (`suites.budget`); None
    for a budget in seconds, which ends by the clock. `provisional`: the step table has no row for the recipe, its steps are an
    estimate. Neither is written nor part of the key: the budget is, and a record says both in `spent`.
    """

    suite: str
    protocol: Protocol
    recipe: Recipe
    seed: int = Field(ge=0)
    data_hash: str
    retest_of: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    steps: int | None = Field(default=None, ge=1, exclude=True)
    provisional: bool = Field(default=False, exclude=True)

    @model_serializer(mode="wrap")
    def _leave_out_what_is_usual(self, write: Callable) -> dict[str, Any]:
        """Leave `retest_of` out of cells that are not retests, so that their keys stay as they were before retests existed."""
        facts = write(self)
        if self.retest_of is None:
            facts.pop("retest_of", None)
        return facts

    @property
    def key(self) -> str:
        """sha256 of all that can change a result: not the suite's name, not the recipe's name."""
        facts = self.model_dump(mode="json", exclude={"suite": True, "recipe": {"name"}})
        return bytes_sha256(canonical_json(facts).encode())

    @property
    def name(self) -> str:
        """What messages call it: `<recipe> seed <n>`."""
        return f"{self.recipe.label} seed {self.seed}"

    @property
    def folder(self) -> str:
        """`<suite>/<recipe>/seed-<n>`, where a run keeps the files of this cell."""
        return f"{self.suite}/{self.recipe.label}/seed-{self.seed}"

    @property
    def is_baseline(self) -> bool:
        """Baselines have no loss and are not trained."""
        return self.recipe.loss == "none"


def canonical_json(facts: Any) -> str:
    """JSON with one spelling: sorted keys, no spaces, whole floats as integers (8.0 and 8 are one number)."""
    return json.dumps(_plain(facts), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value
