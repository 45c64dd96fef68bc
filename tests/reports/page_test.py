"""The HTML report in a browser: 200 images, failures, and texts that contain markup."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ocikit.html_report.document import page
from ocikit.publish.changes import Changes, LayerChange
from ocikit.publish.report import Outcome, Row
from ocikit.publish.transfers import TransferredLayer
from support.browser import DESKTOP, PHONE, shown

HOSTILE = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>\"'&\x00\x1b\udc80</title>"
READABLE = 4.5


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"


def layer(name: str, size: int, transfer: str, *platforms: str) -> TransferredLayer:
    return TransferredLayer(digest(name), size, name, platforms, transfer)


def row(name: str, outcome: Outcome, layers: Sequence[TransferredLayer] = (), tag: str = "latest") -> Row:
    return Row(
        f"{name}:push",
        "registry.example",
        f"shop/{name}",
        tag,
        f"registry.example/shop/{name}:{tag}",
        digest(name),
        outcome,
        requests=3,
        seconds=0.25,
        layers=tuple(layers),
        size=sum(one.size for one in layers) or 34_500_000,
    )


def change(one: TransferredLayer) -> LayerChange:
    return LayerChange(one.digest, one.size, one.origin, one.platforms)


BASE, LIBS = layer("//:base", 28_000_000, "mounted"), layer("web:libs", 12_000_000, "present")
CODE, TEXTS = layer("web:code", 6_000_000, "sent"), layer("web:texts", 2_000_000, "sent")
OLD = LayerChange(digest("old"), 4_000_000)
CHANGES = Changes(digest("before"), 44_000_000, True, (change(CODE), change(TEXTS)), (OLD,))
ROWS = (
    replace(
        row("web", "pushed", [BASE, LIBS, CODE, TEXTS]),
        changes=CHANGES,
        bytes_sent=8_000_000,
        bytes_mounted=28_000_000,
        bytes_present=12_000_000,
    ),
    row("web", "unchanged", tag="1.4"),
    row("new", "pushed", [BASE, CODE]),
    row("again", "tagged", [LIBS], tag="2026.11"),
    replace(
        row("several", "pushed", [layer("//:arm", 9_000_000, "sent", "linux/arm64", "linux/amd64"), TEXTS]),
        changes=Changes(digest("before"), None),
    ),
    replace(row("broken", "failed", [replace(CODE, transfer="unsent")]), changes=CHANGES, error=f"It says {HOSTILE}"),
    replace(row(HOSTILE, "pushed", [replace(BASE, origin=HOSTILE)], tag=HOSTILE), reference=f"{HOSTILE}:{HOSTILE}"),
    *(row(f"services/{'very-' * 9}long-name-{number}", "unchanged") for number in range(180)),
    *(row(f"changed-{number}", "pushed", [BASE, TEXTS]) for number in range(12)),
    row("off", "skipped"),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "publish.html"
    path.write_text(page(ROWS, dry_run=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_is_readable_and_loads_nothing(browser: Browser, report: Path, width: int, dark: bool) -> None:
    with shown(browser, report, width=width, dark=dark) as seen:
        assert seen.overflow() <= 0
        contrasts = seen.contrasts()
        assert len(contrasts) > 20
        assert {what: ratio for what, ratio in contrasts.items() if ratio < READABLE} == {}
        assert seen.requests == [report.as_uri()]
        assert seen.complaints == []


def test_dark_is_not_light(browser: Browser, report: Path) -> None:
    script = """() => ["body", ".image", ".sent"].map((name) => {
          const style = getComputedStyle(document.querySelector(name));
          return style.backgroundColor + style.fill;
        })"""
    with shown(browser, report) as light, shown(browser, report, dark=True) as dark:
        assert not set(light.ask(script)) & set(dark.ask(script))


def test_texts_stay_texts(browser: Browser, report: Path) -> None:
    with shown(browser, report) as seen:
        assert seen.ask("() => window.hurt") is None
        assert seen.ask("() => [document.scripts.length, document.images.length]") == [1, 0]
        body = seen.page.locator("body").inner_text()
        assert "It says <script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>\"'&" in body


def test_bars_are_as_wide_as_layers_are_large(browser: Browser, report: Path) -> None:
    script = """() => [...document.querySelectorAll("#changed .image")].slice(0, 1).flatMap((image) =>
        [...image.querySelectorAll(".bar")].map((bar) => {
          const whole = bar.getBoundingClientRect().width;
          return [...bar.querySelectorAll(".part")].map((part) => part.getBoundingClientRect().width / whole);
        }))"""
    for width in (PHONE, DESKTOP):
        with shown(browser, report, width=width) as seen:
            seen.overflow()
            now, before = seen.ask(script)
            # The full width is 48 MB.
            assert now == pytest.approx([28 / 48, 12 / 48, 6 / 48, 2 / 48], abs=0.002)
            assert before == pytest.approx([40 / 48, 4 / 48], abs=0.002)


def test_kinds_of_parts_differ_not_only_by_colour(browser: Browser, report: Path) -> None:
    with shown(browser, report) as seen:
        fills = {
            kind: seen.ask(f"() => getComputedStyle(document.querySelector('.legend .{kind}')).fill")
            for kind in ("sent", "mounted", "present", "unsent", "removed")
        }
        assert len(set(fills.values())) == len(fills)
        assert "hatched" in fills["mounted"] and "crossed" in fills["removed"]
        # Also as text: in the table for each layer, and in a label of each bar for screen readers.
        image = seen.page.locator("#changed .image").first
        image.locator("summary").click()
        assert image.locator("td.how").all_text_contents() == ["mounted", "already present", "sent", "sent", "removed"]
        spoken = image.get_by_role("img", name=re.compile("Now, 48.0 MB"))
        assert "web:code: 6.0 MB, sent, new" in (spoken.get_attribute("aria-label") or "")
        assert image.locator(".mark").count() == 2 * 2


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_everything_is_shown(browser: Browser, report: Path, script: bool) -> None:
    with shown(browser, report, script=script) as seen:
        assert seen.page.title() == "Publish report: 1 failed, 17 of 200 references changed"
        assert seen.page.locator("html").get_attribute("lang") == "en"
        html = seen.page.content()
        for one in ROWS:
            if HOSTILE not in one.target:
                assert one.target in html and one.digest in html
        image = seen.page.locator("#changed .image").first
        image.locator("summary").click()
        for text in (
            "2 layers are new (8.0 MB), 1 layer is removed (4.0 MB), the configuration differs.",
            "+4.0 MB (9.1 % more)",
            "8.0 MB sent, 28.0 MB mounted, 6 requests",
            "1.4 unchanged",
            CODE.digest,
            CHANGES.previous or "",
        ):
            assert image.get_by_text(text).is_visible()
        assert seen.page.locator("#failed .error").is_visible()
        headings = [heading.strip() for heading in seen.page.locator("h2").all_inner_texts()]
        assert [heading.split("\n")[0].rstrip("0123456789") for heading in headings] == [
            "Failed",
            "Changed",
            "Unchanged",
            "Skipped",
        ]


def test_unchanged_rows_are_folded_and_open_with_a_key(browser: Browser, report: Path) -> None:
    with shown(browser, report) as seen:
        line = seen.page.get_by_text("long-name-179:push")
        assert not line.is_visible()
        seen.page.locator("#unchanged summary").focus()
        seen.page.keyboard.press("Enter")
        assert line.is_visible()
        assert seen.page.locator("#unchanged tbody tr").count() == 180


def test_a_digest_is_copied(browser: Browser, report: Path) -> None:
    with shown(browser, report) as seen:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        button = seen.page.locator("#failed button").first
        button.click()
        seen.page.get_by_text("Copied").wait_for()
        assert seen.ask("() => navigator.clipboard.readText()") == digest("broken")


def test_printing_shows_folded_rows(browser: Browser, report: Path) -> None:
    with shown(browser, report) as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.get_by_text("long-name-179:push").is_visible()
        assert not seen.page.locator("button").first.is_visible()


def test_a_run_in_which_nothing_changed(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "publish.html"
    path.write_text(page(ROWS[1:2], dry_run=True), encoding="utf-8")
    with shown(browser, path) as seen:
        assert seen.page.locator("h1").inner_text() == "0 of 1 reference would change"
        assert seen.page.get_by_text("Nothing was sent").is_visible()


def test_equal_rows_give_equal_pages() -> None:
    assert page(ROWS, dry_run=False) == page(list(ROWS), dry_run=False)
    assert page((), dry_run=False).count("<section") == 0
