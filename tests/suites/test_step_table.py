"""Step tables: their name, their rows, and everything that can be wrong with one."""

import json

import pytest
from pydantic import ValidationError

from colorbench.cell import Budget, Optimizer, Protocol, Recipe
from colorbench.suites import step_table
from colorbench.suites.step_table import (
    Conditions,
    Reference,
    StepKind,
    StepRow,
    StepTable,
    find_table,
    head_of,
    kind_of,
    read_table,
    steps_in,
    write_table,
)


def protocol(**changes) -> Protocol:
    budget = Budget(kind="reference-seconds", amount=8)
    return Protocol(**{"dataset": "embedded", "size_px": 16, "batch": 4, "budget": budget, **changes})


def row(generator="unet", seconds=0.02, loss="l1", activations=1000, macs=5000, **changes) -> StepRow:
    facts = {"generator": generator, "loss": loss, "head": "ab", "size_px": 16, "seconds": seconds}
    return StepRow(**{**facts, "blocks": (seconds,), "activations": activations, "macs": macs, **changes})


def table(*rows: StepRow, **changes) -> StepTable:
    reference = Reference(device="a card", torch="2.15", colorbench="0.1.0", warmup_steps=20, block_steps=30)
    return StepTable(reference=reference, conditions=Conditions.of(protocol()), rows=rows or (row(),), **changes)


def test_options_that_came_later_change_nothing_at_their_defaults():
    now = kind_of(Recipe(generator="eccv16", loss="l1"), protocol())
    options = {name: value for name, value in now.options.items() if name != "pretrained"}
    before = row("eccv16", options=options, head=now.head)
    assert table(before).find(now) == before
    assert table(before).find(now.model_copy(update={"options": now.options | {"pretrained": "official"}})) is None
    assert table(before).find(now.model_copy(update={"loss": "mse"})) is None


def test_the_name_is_golden_and_blind_to_layout_and_order(tmp_path):
    one, other = row(), row("linknet", seconds=0.5)
    assert table(one, other).sha256 == table(other, one).sha256
    assert table().sha256 == "5b299297f6e909974ae52f5817132aa1de0c72f062be175f8aa661597bf15228"
    assert table(row(seconds=0.021)).sha256 != table().sha256
    write_table(table(one, other), tmp_path / "a.json")
    (tmp_path / "b.json").write_text(json.dumps(json.loads((tmp_path / "a.json").read_text())))
    assert read_table(tmp_path / "a.json") == read_table(tmp_path / "b.json") == table(one, other)


def test_a_kind_of_step_is_named_by_all_options_and_the_heads_that_train():
    plain = kind_of(Recipe(generator="unet", loss="patchgan+100 * l1"), protocol())
    said = kind_of(Recipe(generator="unet", loss="100*l1 + patchgan", options={"width": 64}, head="ab"), protocol())
    assert plain.id == said.id
    assert plain.options["width"] == 64
    others = [
        Recipe(generator="unet", loss="l1"),
        Recipe(generator="unet", loss="100*l1 + patchgan", options={"width": 8}),
        Recipe(generator="unet", loss="100*l1 + patchgan", size_px=32),
        Recipe(generator="unet", loss="100*l1 + patchgan", head="rgb"),
        Recipe(generator="unet", loss="100*l1 + patchgan", optimizer=Optimizer(ema=0.99)),
    ]
    assert len({kind_of(recipe, protocol()).id for recipe in others} | {plain.id}) == 6
    assert head_of(Recipe(generator="unet", loss="classification")) == "bins"
    assert head_of(Recipe(generator="unet-vgg-style", loss="l1")) == "rgb"


def test_a_row_is_found_by_its_kind():
    kind = StepKind(generator="unet", loss="l1", head="ab", size_px=16)
    assert table().find(kind) == row()
    assert table().find(kind.model_copy(update={"head": "rgb"})) is None
    with pytest.raises(ValidationError, match="two rows for unet"):
        table(row(), row(seconds=1.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size_px": 32}, "measured at 16 px, batch 4, fp32.*needs 32 px"),
        ({"batch": 8}, "batch 8"),
        ({"precision": "bf16"}, "bf16"),
        ({"compile": True}, "compiled"),
        ({"table_sha256": "f" * 64}, "wrong step table: the suite names ffffffffffff"),
    ],
)
def test_a_table_of_other_conditions_is_refused(changes, message):
    table().check(protocol(table_sha256=table().sha256))
    with pytest.raises(ValueError, match=message):
        table().check(protocol(**changes))


def test_whole_steps():
    assert steps_in(Budget.parse("8rs"), 0.03) == 266
    with pytest.raises(ValueError, match="does not hold one"):
        steps_in(Budget.parse("1rs"), 1.5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no step table"),
        ("[", "Invalid JSON"),
        ('{"version": 2}', "not a step table"),
        ('{"sise": 2}', "unknown field 'sise'"),
    ],
)
def test_files_that_are_none(tmp_path, monkeypatch, content, message):
    path = tmp_path / "t.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_table(path)
    if content is not None:
        monkeypatch.setattr(step_table, "_MAX_BYTES", 0)
        with pytest.raises(ValueError, match="bytes"):
            read_table(path)


def test_tables_are_found_by_name_among_other_files(tmp_path):
    (tmp_path / "suite.json").write_text("{}")
    write_table(table(), tmp_path / "t.json")
    assert find_table(table().sha256, tmp_path / "none", tmp_path) == table()
    assert find_table("0" * 64, tmp_path) is None
