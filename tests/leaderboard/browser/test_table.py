"""The table of a board: sorting, filters, columns, comparisons, and all of it in the address."""

import pytest

from tests.leaderboard.browser.conftest import again_at, board_of, cells, header, labels, soon


def test_the_first_screen_says_who_is_first_and_baselines_stand_apart(at_home):
    assert labels(at_home)[0] == "evil"
    assert labels(at_home)[-1] == "oracle-quarter"
    groups = at_home.find_elements("css selector", "#board tr.group b")
    assert [group.text for group in groups] == ["Entries", "Baselines", "Oracles"]
    assert "evil is first with psnr" in at_home.find_element("css selector", ".verdict .first").text
    assert "the gray input as it is" in at_home.find_element("id", "board").text


def test_the_table_needs_no_script(at_home, page):
    at_home.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    at_home.get("about:blank")
    at_home.get(page)
    table = at_home.find_element("id", "board").text
    at_home.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "linknet+mse" in table
    assert "gray" in table


def test_sort_by_click_and_by_keyboard(at_home):
    from selenium.webdriver.common.keys import Keys

    head = header(at_home, "delta-e-2000")
    best = labels(at_home)[:5]
    head.click()
    assert head.get_attribute("aria-sort") == "ascending"
    first = labels(at_home)[0]
    head.click()
    assert head.get_attribute("aria-sort") == "descending"
    assert labels(at_home)[4] == first
    assert sorted(labels(at_home)[:5]) == sorted(best)  # rows stay in their group
    assert header(at_home, "rank").text.startswith("rank by delta-e-2000")
    head = header(at_home, "seeds")
    head.find_element("tag name", "button").send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "ascending"


def test_search_and_filter_also_move_the_chart(at_home):
    from selenium.webdriver.support.select import Select

    at_home.find_element("id", "search").send_keys("linknet")
    assert set(labels(at_home)) == {"linknet+l1", "linknet+mse"}
    assert len(at_home.find_elements("css selector", "#chart a")) == 2
    at_home.find_element("id", "search").clear()
    at_home.find_element("id", "search").send_keys(" \b")
    Select(at_home.find_element("css selector", "[data-filter=loss]")).select_by_visible_text("mse")
    assert set(labels(at_home)) == {"unet+mse", "linknet+mse"}
    at_home.find_element("id", "search").send_keys("nobody")
    assert at_home.find_element("id", "nothing").is_displayed()


def test_the_state_is_in_the_address(at_home):
    again_at(at_home, "#sort=ssim&direction=ascending&only-loss=l1&with=unet%2Bmse&columns=licence")
    assert header(at_home, "ssim").get_attribute("aria-sort") == "ascending"
    assert set(labels(at_home)) == {"unet+l1", "linknet+l1"}
    assert header(at_home, "licence").is_displayed()
    assert at_home.find_element("id", "against").is_displayed()
    at_home.find_element("id", "search").send_keys("unet")
    assert "search=unet" in at_home.current_url
    assert "only-loss=l1" in at_home.current_url


def test_an_entry_against_every_other(at_home, page):
    """The difference and its p are those of the statistics."""
    from colorbench.leaderboard.tiers import rank_board

    again_at(at_home, "#with=unet%2Bl1")
    shown = dict(zip(labels(at_home), zip(cells(at_home, "against"), cells(at_home, "against_p"))))
    ranking = rank_board(board_of(page)).primary
    names = [entry.label for entry in ranking.entries]
    a, b = names.index("linknet+mse"), names.index("unet+l1")
    difference, _, half = shown["linknet+mse"][0].partition(" ± ")
    assert float(difference.replace("−", "-")) == pytest.approx(ranking.comparisons.difference[a, b], abs=0.01)
    assert float(half) == pytest.approx(ranking.comparisons.half_width()[a, b], rel=0.05)
    p = ranking.p_holm[a, b]
    assert shown["linknet+mse"][1] == ("< 0.001" if p < 0.001 else f"{float(f'{p:.2g}'):g}")
    assert shown["unet+l1"] == ("", "")
    assert len(at_home.find_elements("css selector", "#against-chart circle")) >= 4


def test_the_column_picker(at_home):
    from selenium.webdriver.common.keys import Keys

    assert not header(at_home, "licence").is_displayed()
    at_home.find_element("css selector", "details.picker summary").click()
    at_home.find_element("css selector", "[data-column=licence]").click()
    assert header(at_home, "licence").is_displayed()
    at_home.switch_to.active_element.send_keys(Keys.ESCAPE)
    soon(lambda: at_home.find_element("css selector", "details.picker").get_attribute("open") is None)
