"""From page to page: runs, pictures, the list of boards; on a phone, and with script in every field."""

import pytest

from colorbench.leaderboard import publish_all
from tests.leaderboard.browser.conftest import EVIL, again_at, file_of, seen_as, soon
from tests.leaderboard.conftest import write_pair


def test_open_a_run_and_drag_the_slider(at_home):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    next(a for a in at_home.find_elements("css selector", "#board a") if a.text == "unet+l1").click()
    soon(lambda: "unet+l1 · seed 0" in at_home.find_element("css selector", "h1").text)
    over, slide = (at_home.find_element("css selector", css) for css in (".over", ".slide"))
    before = over.size["width"]
    handle = at_home.find_element("css selector", ".compare")
    ActionChains(at_home).move_to_element(handle).click_and_hold().move_by_offset(60, 0).release().perform()
    soon(lambda: over.size["width"] > before)
    slide.send_keys(Keys.HOME)
    soon(lambda: over.size["width"] <= 3)
    assert slide.get_attribute("aria-label")


def test_two_entries_side_by_side_with_their_error_maps(at_home):
    from selenium.webdriver.support.select import Select

    at_home.find_element("link text", "Pictures").click()
    Select(at_home.find_element("id", "a")).select_by_visible_text("true photo")
    soon(lambda: at_home.find_element("id", "map-a-said").text == "true photo: mean error 0.0")
    Select(at_home.find_element("id", "photo")).select_by_visible_text("photo 2")
    tile = "[...document.querySelectorAll('#tiles button')].find(tile => tile.innerText.includes('gray'))"
    soon(lambda: at_home.execute_script(f"return {tile} && !{tile}.click()"))  # found and clicked before a redraw
    soon(lambda: at_home.find_element("id", "map-b-said").text.startswith("gray: mean error"))
    assert "photo=2" in at_home.current_url
    again_at(at_home, "#photo=2&a=unet%2Bl1&b=%2Ftruth")
    soon(lambda: at_home.find_element("id", "map-b-said").text == "true photo: mean error 0.0")
    assert at_home.find_element("id", "name-a").text.startswith("unet+l1")


def test_a_run_says_how_to_run_it_again_and_a_board_what_would_tell_entries_apart(at_home):
    assert at_home.find_elements("css selector", "#separations tbody tr")
    next(a for a in at_home.find_elements("css selector", "#board a") if a.text == "unet+l1").click()
    soon(lambda: "Run it again" in at_home.find_element("tag name", "body").text)
    at_home.find_element("link text", "seed 1").click()
    soon(lambda: "seed 1" in at_home.find_element("tag name", "h1").text)
    assert at_home.find_element("link text", "record.json").get_attribute("href").endswith("unet+l1/seed-1/record.json")


def test_script_in_every_field_stays_text(at_home):
    assert EVIL in at_home.find_element("css selector", "[role=note]").text
    at_home.get(at_home.current_url.replace("index.html", "runs/evil-seed-0.html"))
    text = at_home.find_element("tag name", "body").text
    assert text.count("<script>") >= 8
    assert at_home.find_elements("css selector", "img[src=x]") == []


def test_every_control_has_a_name(at_home):
    nameless = """return [...document.querySelectorAll('input,select,button,a,svg,table,[role=region]')]
        .filter(e => !e.closest('[hidden]') && !(e.labels && e.labels.length)
        && !e.getAttribute('aria-label') && !e.textContent.trim())
        .map(e => e.outerHTML)"""
    assert at_home.execute_script(nameless) == []


@pytest.fixture(scope="module")
def site(factory_class, tmp_path_factory):
    """Two boards, one a retest of the other, and the page over both."""
    folder, _ = write_pair(factory_class(tmp_path_factory.mktemp("boards")))
    return publish_all(folder.parent, tmp_path_factory.mktemp("public"), plots=False)


def test_from_the_list_of_boards_to_a_board_its_retest_its_records_and_back(browser, site):
    browser.get_log("browser")
    browser.get(site.as_uri())
    rows = browser.find_elements("css selector", "tbody tr")
    assert len(rows) == 2
    assert "unet+l1 is the only entry: psnr" in rows[0].text
    with seen_as(browser, width=390):
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    rows[0].find_element("tag name", "a").click()
    browser.find_element("xpath", "//p[contains(., 'Also tested on: kodak')]/a").click()
    browser.find_element("xpath", "//p[contains(., 'Trained and first tested on: synthetic')]/a").click()
    next(a for a in browser.find_elements("css selector", "#board a") if a.text == "unet+l1").click()
    record = browser.find_element("link text", "record.json").get_attribute("href")
    assert file_of(record).is_file()
    browser.find_element("css selector", "nav a").click()
    browser.find_element("link text", "← All boards").click()
    assert browser.current_url == site.as_uri()
    assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_phone_width_needs_no_sideways_scrolling(at_home, dark):
    with seen_as(at_home, width=390, dark=dark):
        at_home.refresh()
        assert at_home.execute_script("return document.documentElement.scrollWidth") <= 390
        color = at_home.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (color == "rgb(21, 23, 26)") == dark
