"""The tar of a layer, written by ourselves so that no library's next version changes a digest.

Format 1, on one screen:

* One ustar header per entry, in the order given; only files, directories and symbolic links: no hard
  links, no devices, no sparse files.
* Modification time 0; user and group by number, their names empty; device numbers 0.
* A directory's name ends in "/". A file's size is its content's; all others have size 0.
* Numbers are octal, zero-padded, ended by NUL; the checksum is six digits, NUL, space.
* A name of more than 100 bytes is split into prefix and name at the first "/" that leaves 100.
* A PAX extended header precedes an entry only if ustar cannot express it, and has only the fields that
  ustar cannot express, in this order of keys: "gid" and "uid" of 2**21 and above, "linkpath" above
  100 bytes or not ASCII, "path" that cannot be split or is not ASCII, "size" of 8 GiB and above.
  The ustar fields then hold 0, or the text cut to 100 bytes with "?" for what is not ASCII. The
  header's own name is "PaxHeader", its mode 0644, everything else 0.
* Content is padded with NUL to blocks of 512 bytes; two blocks of NUL end the tar, with no further
  padding to a record: readers need none, and it would only be compressed.

Source: POSIX.1-2018, pax, "ustar Interchange Format" and "pax Extended Header"; image-spec v1.1.1,
layer.md#file-attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Callable

from ocikit.errors import InvalidContent
from ocikit.layer.entry import Entry

# Incremented whenever equal entries would give other bytes.
FORMAT = 1

BLOCK_SIZE = 512
_CHUNK_SIZE = 1024 * 1024
_TYPE_FLAGS = (("file", b"0"), ("symlink", b"2"), ("directory", b"5"))
_MAX_SIZE = 8**11 - 1
_MAX_NUMBER = 8**7 - 1

# Gives a file's size in bytes and its content.
FileOpener = Callable[[Entry], AbstractContextManager[tuple[int, BinaryIO]]]


def write_tar(entries: Iterable[Entry], open_file: FileOpener) -> Iterator[bytes]:
    """Yield the tar of `entries` in chunks of at most 1 MiB.

    `open_file` is called for every file, one open at a time. Raises InvalidContent when a file has
    another size than announced, and whatever `open_file` raises.
    """
    for entry in entries:
        if entry.kind == "file":
            with open_file(entry) as (size, stream):
                yield header(entry, size)
                yield from _content(entry, size, stream)
        else:
            yield header(entry, 0)
    yield bytes(2 * BLOCK_SIZE)


def header(entry: Entry, size: int) -> bytes:
    """The blocks before an entry's content: a ustar header, a PAX header first if needed."""
    flag = dict(_TYPE_FLAGS)[entry.kind]
    path = entry.path.encode() + (b"/" if entry.kind == "directory" else b"")
    target = entry.target.encode()
    prefix, name = _split(path)
    extended: dict[str, bytes] = {}
    if entry.gid > _MAX_NUMBER:
        extended["gid"] = b"%d" % entry.gid
    if len(target) > 100 or not target.isascii():
        extended["linkpath"] = target
    if len(name) > 100 or not path.isascii():
        extended["path"], prefix, name = path, b"", path
    if size > _MAX_SIZE:
        extended["size"] = b"%d" % size
    if entry.uid > _MAX_NUMBER:
        extended["uid"] = b"%d" % entry.uid
    block = _ustar(
        name=_plain(name),
        prefix=prefix,
        mode=entry.mode,
        uid=0 if "uid" in extended else entry.uid,
        gid=0 if "gid" in extended else entry.gid,
        size=0 if "size" in extended else size,
        flag=flag,
        target=_plain(target),
    )
    return _pax(extended) + block if extended else block


def _split(path: bytes) -> tuple[bytes, bytes]:
    """Prefix and name of a ustar header; the name is too long when `path` cannot be split."""
    if len(path) > 100:
        cut = path.find(b"/", len(path) - 101)
        if 0 < cut <= 155 and cut < len(path) - 1:
            return path[:cut], path[cut + 1 :]
    return b"", path


def _plain(text: bytes) -> bytes:
    return text.decode().encode("ascii", "replace")[:100]


def _pax(records: dict[str, bytes]) -> bytes:
    body = b"".join(_record(key, value) for key, value in sorted(records.items()))
    block = _ustar(name=b"PaxHeader", mode=0o644, size=len(body), flag=b"x")
    return block + body + _padding(len(body))


def _record(key: str, value: bytes) -> bytes:
    """`length key=value`, where the length counts its own digits too."""
    rest = b" %s=%s\n" % (key.encode(), value)
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return b"%d%s" % (length, rest)


def _ustar(
    *,
    name: bytes,
    mode: int,
    size: int,
    flag: bytes,
    prefix: bytes = b"",
    uid: int = 0,
    gid: int = 0,
    target: bytes = b"",
) -> bytes:
    before = name.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        mode,
        uid,
        gid,
        size,
        0,
    )
    after = flag + target.ljust(100, b"\0") + b"ustar\00000" + bytes(64) + b"%07o\0%07o\0" % (0, 0)
    after += prefix.ljust(155, b"\0") + bytes(12)
    # The sum is taken with the checksum's own eight bytes as spaces.
    return before + b"%06o\0 " % (sum(before) + sum(after) + 8 * ord(" ")) + after


def _content(entry: Entry, size: int, stream: BinaryIO) -> Iterator[bytes]:
    found = 0
    while found < size:
        chunk = stream.read(min(_CHUNK_SIZE, size - found))
        if not chunk:
            break
        found += len(chunk)
        yield chunk
    if found < size or stream.read(1):
        seen = found if found < size else "more"
        raise InvalidContent(f'"{entry.source}" changed while it was read: expected {size} bytes, got {seen}.')
    if size % BLOCK_SIZE:
        yield _padding(size)


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK_SIZE)
