"""`colorbench list`: whole names, groups of suites, JSON; and `schema`."""

import json
from functools import cache

import pytest

from colorbench.generators import flops
from colorbench.listing import list_tables, print_schema, suites
from colorbench.options import TABLES
from colorbench.suites import SUITES


@pytest.mark.parametrize("kind", TABLES)
def test_a_pipe_gets_whole_names(kind, capsys, monkeypatch):
    monkeypatch.setattr(flops, "describe", cache(flops.describe))  # every network is measured once
    list_tables(kind, [])
    names = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    list_tables(kind, [], as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [next(iter(row.values())) for row in rows] == names
    assert len(set(names)) == len(names) > 3


def test_every_suite_is_listed_once():
    assert sorted(row["suite"] for row in suites()) == sorted(SUITES)


def test_an_unknown_table_gets_a_hint():
    with pytest.raises(KeyError, match=r"unknown table 'loses'; known tables: .*; did you mean 'losses'"):
        list_tables("loses", [])


@pytest.mark.parametrize(("kind", "field"), [("record", "cost"), ("suite", "recipes"), ("table", "rows")])
def test_schemas_are_json(kind, field, capsys):
    print_schema(kind)
    schema = json.loads(capsys.readouterr().out)
    assert field in schema["properties"]
    assert schema["additionalProperties"] is False
