"""The pages in a real browser: Debian's Chromium with its driver; skipped where they are not installed."""

import json
import os
import re
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest

from colorbench.cell import Recipe
from colorbench.leaderboard import build, publish_all
from colorbench.leaderboard.entries import read_board
from tests.leaderboard.conftest import write_pair

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium with chromedriver here: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}", "--window-size=1280,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    os.environ["SE_OFFLINE"] = "true"
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def page(factory_class, tmp_path_factory):
    """A board with script in every free text of a record."""
    factory = factory_class(tmp_path_factory.mktemp("site"))
    factory(generators=["unet", "linknet"], losses={"l1": 0.0, "mse": -1.0}, seeds=2, photos=8, size=48, note=EVIL)
    recipe = Recipe(generator=EVIL, loss=EVIL, options={"style": EVIL}, name="evil")
    folder = factory.run(recipe, 0, 0.5)
    from colorbench.record import read_record, write_record

    record = read_record(folder / "record.json")
    facts = {"licence": EVIL, "citation": EVIL, "source": EVIL, "version": EVIL, "pretrained": EVIL}
    generator = record.generator.model_copy(update=facts)
    environment = record.environment.model_copy(update={"gpu": EVIL, "cpu": EVIL, "platform": EVIL})
    changes = {"message": EVIL, "generator": generator, "environment": environment}
    write_record(record.model_copy(update=changes), folder / "record.json")
    return (build(factory.folder, plots=False) / "index.html").as_uri()


@pytest.fixture
def at_home(browser, page):
    browser.get_log("browser")
    browser.get(page)
    yield browser
    assert browser.title != "owned"
    assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []


def soon(true, seconds=10.0):
    """Wait until it holds: the table redraws after the click has returned."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def labels(browser):
    """Labels of the rows that are shown, in order."""
    script = """return [...document.querySelectorAll('#board tbody tr:not(.group)')].filter(row => row.offsetParent)
        .map(row => row.cells[1].innerText.split('\\n')[0].trim())"""
    return browser.execute_script(script)


def cells(browser, name):
    """Texts of a column by its data-name, of the rows that are shown."""
    script = """const at = [...document.querySelectorAll('#board thead th')].findIndex(th => th.dataset.name === arguments[0]);
        return [...document.querySelectorAll('#board tbody tr:not(.group)')].filter(row => row.offsetParent)
        .map(row => row.cells[at].innerText.trim())"""
    return browser.execute_script(script, name)


def header(browser, name):
    return browser.find_element("css selector", f"#board thead th[data-name='{name}']")


def again_at(browser, fragment):
    address = browser.current_url.split("#")[0]
    browser.get("about:blank")
    browser.get(address + fragment)


@contextmanager
def seen_as(browser, width=1280, dark=False):
    """On a screen of this width and theme; a page hears of it as of a window that changes."""
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    browser.execute_script("dispatchEvent(new Event('resize'))")
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def file_of(address):
    return Path(unquote(urlparse(address).path))


def board_of(page):
    """The board that a page of its run folder shows."""
    return read_board(file_of(page).parents[1])


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


def test_the_chart_speaks_and_follows_its_selectors(at_home):
    from selenium.webdriver.support.select import Select

    assert len(at_home.find_elements("css selector", "#chart a")) == 9  # five entries and four landmarks
    assert len(at_home.find_elements("css selector", "#chart .truth")) == 1
    Select(at_home.find_element("id", "cost")).select_by_visible_text("parameters (M)")
    assert len(at_home.find_elements("css selector", "#chart a")) == 5
    at_home.execute_script("document.querySelector('#chart a').focus()")
    soon(lambda: "parameters (M)" in at_home.find_element("id", "told").text)


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
    next(tile for tile in at_home.find_elements("css selector", "#tiles button") if "gray" in tile.text).click()
    soon(lambda: at_home.find_element("id", "map-b-said").text.startswith("gray: mean error"))
    assert "photo=2" in at_home.current_url
    again_at(at_home, "#photo=2&a=unet%2Bl1&b=%2Ftruth")
    soon(lambda: at_home.find_element("id", "map-b-said").text == "true photo: mean error 0.0")
    assert at_home.find_element("id", "name-a").text.startswith("unet+l1")


def test_a_run_says_how_to_run_it_again_and_a_board_what_would_tell_entries_apart(at_home):
    assert at_home.find_elements("css selector", "#separations tbody tr") or "told apart" in at_home.page_source
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


# Each looks at once: a page may draw a chart anew between two calls.
TEXTS = "return [...document.querySelectorAll(arguments[0])].map((part) => part.textContent)"
OUTSIDE = """const frame = document.querySelector(arguments[1]).getBoundingClientRect();
    const boxes = [...document.querySelectorAll(arguments[0])].map((part) => part.getBoundingClientRect());
    return boxes.filter((b) => b.left < frame.left - 1 || b.right > frame.right + 1).length"""
OVERLAPS = """const texts = [...document.querySelectorAll(arguments[0])];
    const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
    return boxes.flatMap(([one, a], k) => boxes.slice(k + 1).filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1).map(([other]) => [one, other]))"""


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
    assert "neighbors on it need not be told apart" in at_home.find_element("css selector", "#front + p").text


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
