"""A real browser, and measurements of a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PHONE, DESKTOP = 360, 1100

# The contrast of each text to its background: WCAG 2.2, "contrast ratio".
_CONTRASTS = """
() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.slice(0, 3).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = channels(getComputedStyle(e).backgroundColor);
      if (found[3] !== 0) return found;
    }
    return [255, 255, 255];
  };
  const found = {};
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("script, svg")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(channels(style.color)), light(behind(element))].sort((x, y) => y - x);
    found[`${style.color} ${element.localName}.${element.className}`] = (a + 0.05) / (b + 0.05);
  }
  return found;
}
"""


@dataclass
class Shown:
    """A page in a browser, with all of its requests and console messages."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, script: str) -> Any:
        """Call a function in the page, and return its result."""
        return self.page.evaluate(script)

    def contrasts(self) -> dict[str, float]:
        """Contrasts by colour and element."""
        found: dict[str, float] = self.ask(_CONTRASTS)
        return found

    def overflow(self) -> int:
        """The pixels by which the page is wider than the window, with everything unfolded."""
        self.ask("() => document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        return int(self.ask("() => document.documentElement.scrollWidth - innerWidth"))


@contextmanager
def running_browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing; ./test installs all that the tests use.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(_OPTIONS))
        yield browser
        browser.close()


@contextmanager
def shown(
    browser: Browser, file: Path, *, width: int = DESKTOP, dark: bool = False, script: bool = True
) -> Iterator[Shown]:
    """The page of a file; `script`: whether scripts may run."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
    )
    context.set_default_timeout(10_000)
    found = Shown(context.new_page())
    found.page.on("request", lambda request: found.requests.append(request.url))
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.goto(file.as_uri())
    yield found
    context.close()
