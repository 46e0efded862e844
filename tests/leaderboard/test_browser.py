"""The pages in a real browser: Debian's Chromium with its driver; skipped where they are not installed."""

import os
import shutil
import time

import pytest

from colorbench.cell import Recipe
from colorbench.leaderboard import build

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


def labels(browser, table="board", column=2):
    cells = browser.find_elements("css selector", f"#{table} tbody td:nth-child({column})")
    return [cell.text.split("\n")[0] for cell in cells]


def header(browser, words, table="board"):
    return next(h for h in browser.find_elements("css selector", f"#{table} thead th") if words in h.text)


def test_it_opens_sorted_by_the_primary_metric(at_home):
    soon(lambda: len(labels(at_home)) == 9)
    assert labels(at_home)[0] == "oracle-quarter"


def test_sort_by_click_and_by_keyboard(at_home):
    from selenium.webdriver.common.keys import Keys

    head = header(at_home, "delta-e-2000")
    head.click()
    soon(lambda: labels(at_home)[0] == "oracle-quarter" and head.get_attribute("aria-sort") == "ascending")
    head.click()
    soon(lambda: labels(at_home)[0] == "shuffled-ab" and head.get_attribute("aria-sort") == "descending")
    head = header(at_home, "seeds")
    head.find_element("css selector", "[tabindex]").send_keys(Keys.ENTER)
    soon(lambda: head.get_attribute("aria-sort") == "ascending")


def test_search_and_filter(at_home):
    at_home.find_element("id", "search").send_keys("linknet")
    soon(lambda: set(labels(at_home)) == {"linknet+l1", "linknet+mse"})
    at_home.find_element("id", "search").clear()
    at_home.find_element("id", "search").send_keys(" \b")
    from selenium.webdriver.support.select import Select

    Select(at_home.find_element("css selector", "[data-filter=loss]")).select_by_visible_text("mse")
    soon(lambda: set(labels(at_home)) == {"unet+mse", "linknet+mse"})


def test_the_column_picker(at_home):
    assert "licence" not in [h.text for h in at_home.find_elements("css selector", "#board thead th")]
    at_home.find_element("css selector", "details.picker summary").click()
    ticks = at_home.find_elements("css selector", "#columns label")
    next(tick for tick in ticks if tick.text == "licence").click()
    soon(lambda: any("licence" in h.text for h in at_home.find_elements("css selector", "#board thead th")))
    from selenium.webdriver.common.keys import Keys

    at_home.switch_to.active_element.send_keys(Keys.ESCAPE)
    soon(lambda: at_home.find_element("css selector", "details.picker").get_attribute("open") is None)


def test_the_front_speaks_and_follows_its_selectors(at_home):
    from selenium.webdriver.support.select import Select

    assert len(at_home.find_elements("css selector", "#chart a")) == 5
    at_home.execute_script("document.querySelector('#chart a').focus()")
    soon(lambda: "training time (s)" in at_home.find_element("id", "told").text)
    Select(at_home.find_element("id", "cost")).select_by_visible_text("parameters (M)")
    soon(lambda: "parameters (M)" in at_home.find_element("css selector", "#chart a").get_attribute("aria-label"))


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


def test_script_in_every_field_stays_text(at_home):
    assert EVIL in at_home.find_element("css selector", "[role=note]").text
    at_home.get(at_home.current_url.replace("index.html", "runs/evil-seed-0.html"))
    text = at_home.find_element("tag name", "body").text
    assert text.count("<script>") >= 8
    assert at_home.find_elements("css selector", "img[src=x]") == []


def test_every_control_has_a_name(at_home):
    nameless = """return [...document.querySelectorAll('input,select,button,a,svg,table,[role=region]')]
        .filter(e => !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim())
        .map(e => e.outerHTML)"""
    assert at_home.execute_script(nameless) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_phone_width_needs_no_sideways_scrolling(at_home, dark):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    at_home.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
    at_home.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    at_home.refresh()
    assert at_home.execute_script("return document.documentElement.scrollWidth") <= 390
    color = at_home.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (color == "rgb(21, 23, 26)") == dark
    at_home.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
