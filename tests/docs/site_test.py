"""The site builds without warnings, loads nothing from other hosts, and has no broken links."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from support.build_root import PROJECT
from support.commands import run

# The attributes whose URLs a browser loads, by element; links are only followed.
LOADED = {
    "audio": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "script": "src",
    "source": "src",
    "video": "src",
}
# mkdocs adds a page for missing pages, with absolute links.
EXTRA = ("404.html",)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    # Not `--quiet`: with it, mkdocs does not count warnings either.
    run(
        *(sys.executable, "-m", "mkdocs", "build", "--strict"),
        *("--config-file", str(PROJECT / "tools/site/mkdocs.yml"), "--site-dir", str(folder)),
    )
    return folder


class Page(HTMLParser):
    """The links of a page, the URLs that it loads, its anchors, and the texts of its paragraphs."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.paragraphs: list[str] = []
        self._open: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._open.append(tag)
        self.anchors.add(attributes.get("id") or "")
        if tag == "p":
            self.paragraphs.append("")
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"] or "")
        elif attributes.get(LOADED.get(tag, "")):
            self.loads.append(attributes[LOADED[tag]] or "")

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "p" in self._open and "code" not in self._open:
            self.paragraphs[-1] += data


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name not in EXTRA}


def test_links_lead_to_pages_and_anchors(pages: dict[Path, Page]) -> None:
    broken = [
        f"{page.path.name}: {link}"
        for page in pages.values()
        for link in page.links
        if not _is_elsewhere(link) and not _leads_somewhere(link, page, pages)
    ]
    assert broken == []


def _is_elsewhere(link: str) -> bool:
    return bool(urlsplit(link).scheme)


def _leads_somewhere(link: str, page: Page, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    if target.is_dir():
        target /= "index.html"
    if target in pages:
        return parts.fragment in ("", *pages[target].anchors)
    # Images, and documents for programs.
    return target.is_file() and not parts.fragment


def test_every_page_is_reached(site: Path, pages: dict[Path, Page]) -> None:
    first = site / "index.html"
    reached = {(first.parent / urlsplit(link).path).resolve() for link in pages[first].links if not _is_elsewhere(link)}
    unreached = {path.name for path in pages if path not in reached | {first}}
    assert unreached <= {"search.html"}


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {f"{page.path.name}: {link}" for page in pages.values() for link in page.loads if urlsplit(link).netloc}
    assert loaded == set()
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet.name


def test_lists_and_tables_are_not_paragraphs(pages: dict[Path, Page]) -> None:
    """A list without an empty line before it is a list on GitHub, but a paragraph on the site."""
    texts = [(page.path.name, text) for page in pages.values() for text in page.paragraphs]
    assert [text for text in texts if re.search(r"^(?:\* |\d\. |\| |```)", text[1], re.MULTILINE)] == []


FILES = [*PROJECT.glob("*.md"), PROJECT / "benchmarks/README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("file", [pytest.param(file, id=str(file.relative_to(PROJECT))) for file in FILES])
def test_links_in_the_repository(file: Path, site: Path, pages: dict[Path, Page]) -> None:
    """Links work in the repository: from pages to files, and from files to pages."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", file.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        parts = urlsplit(link)
        target = (file.parent / parts.path).resolve() if parts.path else file
        assert parts.scheme or target.exists(), link
        if PROJECT / "docs" in target.parents and target.suffix == ".md":
            page = site / target.relative_to(PROJECT / "docs").with_suffix(".html")
            assert parts.fragment in ("", *pages[page].anchors), link
