"""The pages in a real browser: Debian's Chromium with its driver; skipped where they are not installed."""

import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from colorbench.cell import Recipe
from colorbench.leaderboard import build
from colorbench.leaderboard.entries import read_board

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
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
    """Wait until it holds: the page redraws after a click has returned, and an element that was found may be gone."""
    from selenium.common.exceptions import StaleElementReferenceException

    def holds():
        try:
            return true()
        except StaleElementReferenceException:
            return False

    end = time.monotonic() + seconds
    while not holds():
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
