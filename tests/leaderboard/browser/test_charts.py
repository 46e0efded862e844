"""The charts of a board: where marks stand, that names do not collide, and themes."""

import json
import re

import numpy as np
import pytest

from tests.leaderboard.browser.conftest import again_at, board_of, file_of, seen_as, soon

# Each looks at once: a page may draw a chart anew between two calls.
TEXTS = "return [...document.querySelectorAll(arguments[0])].map((part) => part.textContent)"
OUTSIDE = """const frame = document.querySelector(arguments[1]).getBoundingClientRect();
    const boxes = [...document.querySelectorAll(arguments[0])].map((part) => part.getBoundingClientRect());
    return boxes.filter((b) => b.left < frame.left - 1 || b.right > frame.right + 1).length"""
OVERLAPS = """const texts = [...document.querySelectorAll(arguments[0])];
    const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
    return boxes.flatMap(([one, a], k) => boxes.slice(k + 1).filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1).map(([other]) => [one, other]))"""


def test_the_chart_speaks_and_follows_its_selectors(at_home):
    from selenium.webdriver.support.select import Select

    assert len(at_home.find_elements("css selector", "#chart a")) == 9  # five entries and four landmarks
    assert len(at_home.find_elements("css selector", "#chart .truth")) == 1
    Select(at_home.find_element("id", "cost")).select_by_visible_text("parameters (M)")
    assert len(at_home.find_elements("css selector", "#chart a")) == 5
    at_home.execute_script("document.querySelector('#chart a').focus()")
    soon(lambda: "parameters (M)" in at_home.find_element("id", "told").text)


@pytest.mark.parametrize("width", [390, 1280])
def test_names_and_ticks_of_the_chart_do_not_collide(at_home, width):
    from selenium.webdriver.support.select import Select

    with seen_as(at_home, width=width):
        for cost in range(len(Select(at_home.find_element("id", "cost")).options)):
            Select(at_home.find_element("id", "cost")).select_by_index(cost)
            assert len(at_home.execute_script(TEXTS, "#chart text")) > 6
            assert at_home.execute_script(OVERLAPS, "#chart text") == []
            assert at_home.execute_script(OUTSIDE, "#chart text", "#chart") == 0


def test_who_is_gray_and_who_is_vivid(at_home, page):
    """Marks stand at colorfulness and quality, baselines hollow, and no line joins them."""
    from colorbench.leaderboard.tiers import rank_board

    full = rank_board(board_of(page)).full
    measured = np.array(sorted(zip(full["colorfulness"].mean, full["psnr"].mean)))
    places = (
        "return [...document.querySelectorAll('#chart circle')].map((c) => ['cx', 'cy'].map((k) => +c.getAttribute(k)))"
    )
    drawn = np.array(sorted(at_home.execute_script(places)))
    assert drawn.shape == measured.shape
    for axis in (0, 1):
        assert abs(np.corrcoef(measured[:, axis], drawn[:, axis])[0, 1]) > 0.9999
    assert len(at_home.find_elements("css selector", "#chart .landmark")) == 4
    assert at_home.find_elements("css selector", "#chart .front") == []
    assert "photos" in [text.text for text in at_home.find_elements("css selector", "#chart text")]


def test_the_line_of_best_means_says_that_neighbors_may_be_tied(at_home):
    from selenium.webdriver.support.select import Select

    costs = Select(at_home.find_element("id", "cost"))
    assert "energy (kJ)" not in [option.text for option in costs.options]  # nobody measured it
    costs.select_by_visible_text("training time (s)")
    assert len(at_home.find_elements("css selector", "#chart .front")) == 1
    assert at_home.find_elements("css selector", "#chart .landmark") == []  # a baseline costs nothing
    assert "neighbors on it may not differ significantly" in at_home.find_element("css selector", "#front + p").text


def test_what_is_far_off_stands_at_the_edge_and_a_clipped_interval_has_an_arrow(at_home, page, tmp_path):
    """On the board itself, where baselines are far off; and with an interval of gray that is wider than the plot."""
    text = file_of(page).read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    gray, unet = ([point["label"] for point in data["points"]].index(label) for label in ("gray", "unet+l1"))
    data["pairs"]["psnr"][gray][unet] = [-0.5, 9.0, 0.9]
    wide = tmp_path / "wide.html"
    wide.write_text(
        re.sub(r'(id="data">).*?(</script>)', lambda found: found[1] + json.dumps(data) + found[2], text, flags=re.S)
    )
    arrows = {}
    for address in (page, wide.as_uri()):
        at_home.get(address)
        again_at(at_home, "#with=unet%2Bl1")
        for width in (1280, 390):
            with seen_as(at_home, width=width):
                assert (
                    at_home.execute_script(OUTSIDE, "#against-chart text, #against-chart .whisker", "#against-chart")
                    == 0
                )
                assert at_home.execute_script(OVERLAPS, "#against-chart text") == []
                texts = at_home.execute_script(TEXTS, "#against-chart text")
                assert any(text.startswith("← ") for text in texts)
                arrows[address] = len(at_home.execute_script(TEXTS, "#against-chart .clipped"))
    assert arrows[wide.as_uri()] >= arrows[page] + 1
    assert arrows[wide.as_uri()] >= 2  # both ends


def test_drawn_plots_follow_the_dark_theme_and_photos_do_not(at_home, page, tmp_path):
    """A page with one drawn plot and one of photos."""
    from PIL import Image

    from colorbench.leaderboard.site.index import write_index
    from colorbench.leaderboard.tiers import rank_board

    plots = tmp_path / "plots"
    plots.mkdir()
    for name in ("fronts", "strips"):
        (plots / f"{name}.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
        Image.new("RGB", (9, 9)).save(plots / f"{name}.png")
    made = write_index(
        rank_board(board_of(page)), tmp_path, {n: plots / f"{n}.svg" for n in ("fronts", "strips")}, {}, {}
    )
    at_home.get(made.as_uri())
    filters = "return [...document.querySelectorAll('.plots img')].map((image) => getComputedStyle(image).filter)"
    mark = "return getComputedStyle(document.querySelector('#chart .point')).fill"
    light = at_home.execute_script(mark)
    assert at_home.execute_script(filters) == ["none", "none"]
    with seen_as(at_home, dark=True):
        drawn, photos = at_home.execute_script(filters)
        assert drawn.startswith("invert(0.92)")
        assert photos == "none"
        assert at_home.execute_script(mark) != light
