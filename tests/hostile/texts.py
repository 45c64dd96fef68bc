"""Texts for several tables: encodings of a secret, control characters of terminals, and traps for JSON readers."""

from __future__ import annotations

import base64
import json
from typing import Callable
from urllib.parse import quote

from hostile.rows import FORGED
from support.hostile_server import on_the_wire

# ESCAPES clears the screen, sets the title and the clipboard, rings, deletes; as C0 and as C1. TURNED changes the
# direction of text, and LINES forges lines.
ESCAPES = "\x1b[2J\x1b]0;title\x07\x1b]52;c;Zm9v\x1b\\\x9b31m\x9dtitle\x9c\x90\x08\x08\x7f\x0e\x00"
TURNED = "\u202e\u2066\u200f\u061c\u2069"
LINES = f"\n{FORGED}\r{FORGED}\r\nocikit: {FORGED}\x0b{FORGED}\x0c{FORGED}\x85{FORGED}\u2028{FORGED}\u2029{FORGED}"
ALL = f"before {ESCAPES}{TURNED}{LINES} after"
# The form for a header, which has no lines, and Unicode as its UTF-8.
IN_A_HEADER = on_the_wire(f"before {ESCAPES}{TURNED}\x0b{FORGED}\x85{FORGED}\u2028{FORGED} after").replace("\0", "")
# The form for a file's name, which cannot have a NUL.
IN_A_PATH = ALL.replace("\0", "")

# Half a surrogate pair of UTF-16, which JSON can write and UTF-8 cannot.
HALF = "\ud800"
# More digits than Python converts to a number by default.
DIGITS = "9" * 5_000


def nested(depth: int, inner: str = "1", key: str = "a") -> str:
    return f'{{"{key}":' * depth + inner + "}" * depth


def _escaped(text: str, form: str) -> str:
    return "".join(form.format(ord(c)) for c in text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "lower-case": str.lower,
    "upper-case": str.upper,
    "swapped-case": str.swapcase,
    "percent": lambda text: quote(text, safe=""),
    "percent-in-lower-case": lambda text: quote(text, safe="").lower(),
    "percent-for-all": lambda text: _escaped(text, "%{:02x}"),
    "percent-twice": lambda text: quote(quote(text, safe=""), safe=""),
    "base64": _base64,
    "base64-without-padding": lambda text: _base64(text).rstrip("="),
    "base64-for-addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64-behind-1-byte": lambda text: _base64(f":{text}"),
    "base64-behind-2-bytes": lambda text: _base64(f"a:{text}"),
    "base64-in-lower-case": lambda text: _base64(text).lower(),
    "base64-in-percent": lambda text: quote(_base64(text), safe=""),
    "base64-twice": lambda text: _base64(_base64(text)),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal-in-upper-case": lambda text: text.encode().hex().upper(),
    "json": lambda text: json.dumps(text)[1:-1],
    "json-for-all": lambda text: _escaped(text, "\\u{:04x}"),
    "html": lambda text: _escaped(text, "&#x{:x};"),
    "with-a-nul": lambda text: f"{text[:5]}\0{text}",
    "in-quotes": lambda text: f'"{text}"',
    "among-letters": lambda text: f"xx{text}xx",
    "after-three-hundred": lambda text: "x" * 290 + text,
}
