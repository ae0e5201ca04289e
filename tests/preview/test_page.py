"""The preview's page in headless Chromium, on a desktop and on a phone.

    python -m pytest tests/preview            POSEWIRE=PROGRAM; without it target/release/posewire
    POSEWIRE_PICTURES=docs python -m pytest tests/preview    keeps the pictures, as docs/preview-*.jpg

Needs the packages `pytest` and `playwright`, and `chromium`. The built-in clip is the camera.
"""

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
POSEWIRE = os.environ.get("POSEWIRE", str(ROOT / "target" / "release" / "posewire"))
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
DESKTOP = {"viewport": {"width": 1100, "height": 760}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
PATIENCE_S = 30


class Run:
    """A program with a preview, and its JSON lines."""

    def __init__(self, tmp, *options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.lines = tmp / "lines.json"
        command = [POSEWIRE, "run", "--source", "demo", "--preview", f"127.0.0.1:{self.port}"]
        with self.lines.open("w") as out:
            self.process = subprocess.Popen([*command, "--json", "-", *options], stdout=out, stderr=subprocess.DEVNULL)
        self.address = f"http://127.0.0.1:{self.port}/"

    def answers(self):
        for _ in range(10 * PATIENCE_S):
            if self.process.poll() is not None:
                raise AssertionError(f"posewire ended with {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except ConnectionRefusedError:
                time.sleep(0.1)
        raise AssertionError("the preview does not answer")

    def last_line(self):
        # The newest line may not be whole yet.
        return json.loads(self.lines.read_text().rsplit("\n", 2)[-2])

    def end(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0


@pytest.fixture
def run(tmp_path):
    started = Run(tmp_path, "--hands", "2").answers()
    yield started
    started.end()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        # The page is the only one that this browser opens, and a root user has no sandbox of Chromium.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(chromium, run, form):
    """The page, following; what the browser complains of fails the test."""
    page = chromium.new_context(**form).new_page()
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    # Browsers ask for an icon of their own accord.
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.goto(run.address)
    until(page, "document.getElementById('state').textContent === 'following'")
    return page


def until(page, condition):
    """Asks the page again and again: its policy forbids Chromium's own way to wait, which evaluates text there."""
    end = time.monotonic() + PATIENCE_S
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never came: {condition}"
        time.sleep(0.05)


def text(page, name):
    return page.evaluate(f"document.getElementById('{name}').textContent")


def frames(page):
    return page.evaluate("view.frames")


def picture(page):
    """The canvas as it is now: the picture with its skeletons."""
    return page.evaluate("document.getElementById('picture').toDataURL()")


def joints(page):
    """The first skeleton's joints."""
    return page.evaluate("JSON.stringify(view.instances.length ? view.instances[0].joints : null)")


def keep(page, name):
    folder = os.environ.get("POSEWIRE_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"preview-{name}.jpg", type="jpeg", quality=80)


@pytest.mark.parametrize("name, form", [("desktop", DESKTOP), ("phone", PHONE)])
def test_picture_and_skeletons_move(chromium, run, name, form):
    page = opened(chromium, run, form)
    before = frames(page), picture(page), joints(page)
    time.sleep(2)
    after = frames(page), picture(page), joints(page)
    assert after[0] > before[0]
    assert after[1] != before[1], "the picture stands still"
    assert after[2] not in (before[2], "null"), "the skeleton stands still"
    # Nothing is wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    until(page, "/frames\\/s, frame \\d+/.test(document.getElementById('rate').textContent)")
    keep(page, name)
    assert page.complaints == []


def test_pause_stops_the_page_and_not_the_stream(chromium, run):
    page = opened(chromium, run, DESKTOP)
    page.get_by_role("button", name="Pause").click()
    time.sleep(0.5)
    before, stream = frames(page), run.last_line()["frame_index"]
    time.sleep(1)
    assert frames(page) == before
    assert run.last_line()["frame_index"] > stream
    page.get_by_role("button", name="Go on").click()
    until(page, f"view.frames > {before}")
    assert page.complaints == []


def test_a_region_drawn_by_mouse_arrives(chromium, run):
    page = opened(chromium, run, DESKTOP)
    page.get_by_role("button", name="Draw region").click()
    canvas = page.locator("#picture").bounding_box()
    width, height = page.evaluate("[view.width, view.height]")
    corners = [(0.1, 0.2), (0.6, 0.9)]
    (left, top), (right, bottom) = [(canvas["x"] + x * canvas["width"], canvas["y"] + y * canvas["height"]) for x, y in corners]
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move((left + right) / 2, (top + bottom) / 2)
    page.mouse.move(right, bottom)
    page.mouse.up()
    # The text comes from the program's next answer, not from the mouse.
    until(page, "document.getElementById('roi').textContent.startsWith('--roi')")
    drawn = [int(number) for number in re.findall(r"\d+", text(page, "roi"))]
    wanted = [0.1 * width, 0.2 * height, 0.5 * width, 0.7 * height]
    assert all(abs(a - b) <= 2 for a, b in zip(drawn, wanted)), (drawn, wanted)
    page.get_by_role("button", name="Whole frame").click()
    until(page, "document.getElementById('roi').textContent === 'whole frame'")
    assert page.complaints == []


def test_a_region_drawn_by_finger_arrives(chromium, run):
    page = opened(chromium, run, PHONE)
    page.get_by_role("button", name="Draw region").tap()
    canvas = page.locator("#picture").bounding_box()
    touch = page.context.new_cdp_session(page)

    def finger(kind, x, y):
        at = [] if kind == "touchEnd" else [{"x": canvas["x"] + x * canvas["width"], "y": canvas["y"] + y * canvas["height"]}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    finger("touchStart", 0.2, 0.2)
    finger("touchMove", 0.5, 0.5)
    finger("touchMove", 0.8, 0.8)
    finger("touchEnd", 0.8, 0.8)
    until(page, "document.getElementById('roi').textContent.startsWith('--roi')")
    assert page.complaints == []


def test_the_end_of_the_program_is_said(chromium, tmp_path):
    run = Run(tmp_path, "--hands", "2").answers()
    page = opened(chromium, run, PHONE)
    run.end()
    until(page, "['ended', 'not connected'].includes(document.getElementById('state').textContent)")
