"""A hook of mkdocs: pages of docs/ link to files of the repository, but the site has only pages.

Some files outside docs/ become pages; a link to any other file becomes plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = Path(__file__).parents[2]
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks/index.md",
    "benchmarks/results/README.md": "benchmarks/results.md",
    "benchmarks/results/cold-start.md": "benchmarks/cold-start.md",
    "benchmarks/results/remote-cache-20.md": "benchmarks/remote-cache-20.md",
    "benchmarks/results/start-up.md": "benchmarks/start-up.md",
}
_LINK = re.compile(r"\[([^\]]+)\]\(([^):#\s]+)(#[^)\s]+)?\)")
_DOCS = "docs/"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path, page in PAGES.items():
        files.append(File.generated(config, page, content=(PROJECT / path).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    return for_the_site(markdown, page.file.src_uri)


def for_the_site(markdown: str, page: str) -> str:
    """Rewrite the links of a page to pages of the site. `page`: its path on the site."""
    file = next((path for path, name in PAGES.items() if name == page), _DOCS + page)

    def led(link: re.Match[str]) -> str:
        text, path, anchor = link.groups(default="")
        found = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        target = found[len(_DOCS) :] if found.startswith(_DOCS) else PAGES.get(found)
        if target is None:
            return text
        return f"[{text}]({posixpath.relpath(target, posixpath.dirname(page) or '.')}{anchor})"

    return _LINK.sub(led, markdown)
