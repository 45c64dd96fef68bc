"""`python -m reference`: write every page."""

from __future__ import annotations

from reference.pages import FOLDER, pages

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
        print(f"Wrote {(FOLDER / name).relative_to(FOLDER.parents[1])}.")
