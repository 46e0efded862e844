"""What is printed on a terminal of 80 columns and on a pipe."""

import io
import json
import re

import pytest
from rich.console import Console
from rich.text import Text

from colorbench import console

NAME = "unet-resnet18+100xl1+patchgan-mode-hinge-width-16"
ROWS = [(NAME, "[red]not markup[/]", 1.5), ("b", Text("fine", "green"), 2.0)]


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns; gives what was printed."""
    file = io.StringIO()
    monkeypatch.setattr(
        console, "results", type(console.results)(file=file, width=80, force_terminal=True, **console._PLAIN)
    )
    return file.getvalue


def test_a_pipe_gets_one_line_of_tabs_per_row(capsys):
    console.show_table(["name", "text", "value"], ROWS, caption="two rows")
    said = capsys.readouterr()
    assert said.out == f"{NAME}\t[red]not markup[/]\t1.5\nb\tfine\t2.0\n"
    assert said.err == "two rows\n"


def test_a_terminal_shows_whole_names_and_brackets(terminal):
    console.show_table(["name", "text", "value"], ROWS, title="[title]", caption="two rows")
    said = terminal()
    assert NAME in "".join(line.split("│")[1].strip() for line in said.splitlines() if line.startswith("│"))
    assert "[title]" in said
    assert "[red]" in said
    assert "…" not in said
    assert max(len(line) for line in said.splitlines() if "\x1b" not in line) <= 80


def test_rows_that_fit_no_table_are_entries(terminal):
    console.show_table(["name", "settings", "source"], [(NAME, "width=64, " * 6, "Isola et al. 2017, " * 3)])
    said = terminal()
    assert NAME in said
    assert "    settings: width=64" in said
    assert "source: Isola" in said


def test_a_name_wider_than_the_screen_goes_on_in_the_next_line(terminal):
    console.show_table(["name", "text"], [("z" * 100, "y" * 100)])
    assert terminal().count("z") == 100


def test_sentences_end_lines_between_words_on_a_terminal_alone(terminal, capsys, monkeypatch):
    sentence = "[x] " + "a sentence of many words " * 8
    console.show_sentences(sentence)
    lines = terminal().splitlines()
    assert len(lines) > 2
    assert {word for line in lines for word in line.split()} == set(sentence.split())
    monkeypatch.undo()
    console.show_sentences(sentence)
    assert capsys.readouterr().out.splitlines() == [sentence]


def test_brackets_in_remarks_are_printed(capsys):
    for say in (console.note, console.warn, console.fail, console.show):
        say("[x].png [/] [bold]")
    said = capsys.readouterr()
    assert (said.out + said.err).count("[x].png [/] [bold]") == 4


def test_json_has_null_for_what_is_not_finite(capsys):
    console.show_json({"a": float("nan"), "b": [float("inf"), 1.5], 3: None})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "3": None}


def test_quiet_leaves_results_and_errors(capsys, monkeypatch):
    monkeypatch.setattr(console.notes, "quiet", True)
    console.note("a remark")
    console.show("a result")
    console.fail("an error")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("a result\n", "an error\n")


def test_bars_say_how_long_they_take_and_print_brackets(monkeypatch):
    file = io.StringIO()
    screen = Console(file=file, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(console, "notes", screen)
    monkeypatch.setattr(screen, "quiet", False)
    seconds = iter(range(0, 1000, 10))
    with console.progress() as bars:
        bars.get_time = lambda: next(seconds)
        task = bars.add_task("scoring [x] [/b]", total=10)
        for _ in range(3):
            bars.advance(task)
        screen.print(bars.get_renderable())
    assert "scoring [x] [/b]" in file.getvalue()
    assert re.search(r"30% about \d+ (s|min) left", file.getvalue())


def test_what_takes_seconds_is_said_on_a_terminal_alone(monkeypatch):
    said = {}
    for terminal in (True, False):
        file = io.StringIO()
        monkeypatch.setattr(console, "notes", Console(file=file, width=80, force_terminal=terminal))
        with console.loading("the tables"):
            pass
        with console.building() as tell:
            tell("plots")
        said[terminal] = file.getvalue()
    assert said[False] == ""
    assert "loading the tables" in said[True]
    assert "building the board: plots" in said[True]
