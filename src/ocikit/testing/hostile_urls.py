"""Hostile URLs, which different parsers may read differently."""

from __future__ import annotations

from hypothesis import strategies as st

# Two of urllib.parse, urllib3, Go, curl and browsers find different hosts in each of these, or one of them finds none.
HOSTILE_URLS = (
    "http://evil.example\\@r.example/",
    "http://r.example\\@evil.example/",
    "http://127.0.0.2:5804\\@127.0.0.1:5803/x",
    "http://r.example\\.evil.example/",
    "http:\\\\evil.example/",
    "http:/\\evil.example/",
    "\\\\evil.example/",
    "/\\evil.example/",
    "http:evil.example/",
    "http:/evil.example/",
    "http:///evil.example/",
    "http:////evil.example/",
    "https:@evil.example/",
    "http://r.example@evil.example/",
    "http://r.example:80@evil.example/",
    "http://r.example:@evil.example/",
    "http://r.example@evil.example@x.example/",
    "http://evil.example\t#@r.example/",
    "http://evil.example%23@r.example/",
    "http://evil.example%2f@r.example/",
    "http://evil.example%5c@r.example/",
    "http://r.example%00.evil.example/",
    "http://r.example\x00.evil.example/",
    "http://r.example\t.evil.example/",
    "http://r.example\n@evil.example/",
    "http://r.example\r\n.evil.example/",
    "ht\ntp://evil.example/",
    "java\nscript://evil.example/",
    " http://evil.example/ x",
    "http://evil.example /",
    "http://r.example\u3002evil.example/",
    "http://r.example\uff0eevil.example/",
    "http://r.example\uff0fevil.example/",
    "http://r.example\u2044evil.example/",
    "http://r.example\u2100evil.example/",
    "http://r.example\uff03@evil.example/",
    "http://evil.example\uff20r.example/",
    "http://evil.c\u2100.r.example/",
    "http://stra\u00dfe.example/",
    "http://\u212a.example/",
    "http://r.example\u00ad/",
    "http://r.example:8\uff10/",
    "http://r.example:\u0668\u0660/",
    "http://r.example:/",
    "http://r.example:80:81/",
    "http://r.example:080x/",
    "http://r.example:65616/",
    "http://r.example:4294967376/",
    "http://[::1]evil.example/",
    "http://[::1]@evil.example/",
    "http://[::1%25lo]/",
    "http://[::ffff:127.0.0.1%lo]/",
    "http://[r.example]/",
    "http://[evil.example]:80/",
    "http://r.example[.evil.example/",
    "http://[v1.evil]/",
    "http://[::1",
    "http://::1/",
    "http://r.example;evil.example/",
    "http://r.example,evil.example/",
    "http://r.example&@evil.example/",
    "http://r.example'@evil.example/",
    "http://r.example`.evil.example/",
    "http://%72.example/",
    "http://r%2eexample/",
    "http\u017f://evil.example/",
    "//evil.example\\@r.example/",
    "//r.example@evil.example/",
    "///evil.example/",
    "//",
    "evil.example:80/",
    "ftp://r.example/",
    "unix:///run/docker.sock",
)

REFERENCES = (
    *HOSTILE_URLS,
    *("", "/", "?", "#", ".", "..", "./", "../", "a", "a/b", "/a?b", "//s.example", "https://s.example:8443/a?b#c"),
    *("/%", "/%2e%2e/a", "/a//b", "?a/../b", "/..//s.example/", "http://[::FFFF:7f00:1]:80"),
)

_STARTS = (
    *("http://", "https://", "//") * 3,
    "HTTP://",
    "http:",
    "http:/",
    "http:///",
    "/",
    "\\\\",
    "/\\",
    "",
    "http\u017f://",
)
_HOSTS = ("r.example", "evil.example", "127.0.0.1", "127.0.0.2", "[::1]", "2130706433", "0x7f.1", "a..b", "x.", "_a-b")
_PORTS = ("", ":80", ":443", ":5803", ":05803", ":0", ":65536", ":\uff18\uff10", ":", ":-1", ":80:81")
_PIECES = (
    *(
        "\\",
        "@",
        ":",
        "/",
        "//",
        "?",
        "#",
        "%",
        "[",
        "]",
        "\t",
        "\n",
        "\r",
        "\x00",
        " ",
        "\x7f",
        "\x85",
        "\xa0",
        "\xad",
    ),
    *("%2f", "%40", "%5c", "%00", "%2E", "%zz", "..", ".", ";", "&", "=", ",", "'", '"', "`", "|", "{", "<", "*", "~"),
    *("\u3002", "\uff0e", "\uff0f", "\uff20", "\u2100", "\u2028", "\u202e", "\u0131", "\u017f", "\u212a", "\u00df"),
    *("\u00e9", "\ud800", "\U0001f600", "\ufeff", "user:pw@", "evil.example", "r.example", "v2", "a"),
)


def hostile_urls() -> st.SearchStrategy[str]:
    """URLs, absolute or relative: some are valid, many are nearly valid, the others are wild."""
    pieces = st.lists(st.sampled_from(_PIECES), max_size=4).map("".join)
    # Most places between the parts stay empty: otherwise no URL would be valid.
    few = st.one_of(st.just(""), st.just(""), st.just(""), pieces)
    parts = (st.sampled_from(_STARTS), few, st.sampled_from(_HOSTS), few, st.sampled_from(_PORTS), few)
    paths = st.sampled_from(("", "/", "/v2/", "?x", "#y"))
    built = st.tuples(*parts, paths, few).map("".join)
    return st.one_of(built, built, st.sampled_from(REFERENCES))
