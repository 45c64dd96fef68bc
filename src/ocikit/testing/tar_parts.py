"""Parts of tars that no library writes: headers with any content."""

from __future__ import annotations

END = bytes(1024)


def header(name: bytes = b"a", size: int = 0, kind: bytes = b"0", **fields: bytes) -> bytes:
    """A ustar header. `fields`, by their POSIX names, are inserted as they are; the checksum is right unless given."""
    values = {
        "name": name,
        "mode": b"0000644\0",
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": b"%011o\0" % size,
        "mtime": b"00000000000\0",
        "chksum": b" " * 8,
        "typeflag": kind,
        "linkname": b"",
        "magic": b"ustar\0",
        "version": b"00",
        "uname": b"",
        "gname": b"",
        "devmajor": b"0000000\0",
        "devminor": b"0000000\0",
        "prefix": b"",
        "rest": b"",
        **fields,
    }
    widths = (100, 8, 8, 8, 12, 12, 8, 1, 100, 6, 2, 32, 32, 8, 8, 155, 12)
    block = b"".join(value.ljust(width, b"\0") for value, width in zip(values.values(), widths))
    assert len(block) == 512, "a field is too long"
    if "chksum" in fields:
        return block
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def member(name: bytes, content: bytes = b"", kind: bytes = b"0", **fields: bytes) -> bytes:
    """A header and its content, padded."""
    return header(name, len(content), kind, **fields) + padded(content)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """A PAX header, "x" for the next member or "g" for all."""
    return member(b"PaxHeader", b"".join(pax_record(*record) for record in records), kind)


def pax_record(key: bytes, value: bytes) -> bytes:
    rest = b" %b=%b\n" % (key, value)
    length = len(rest) + len(str(len(rest)))
    return b"%d%b" % (len(rest) + len(str(length)), rest)


def gnu(kind: bytes, name: bytes) -> bytes:
    """GNU's header for a long name ("L") or a long link ("K")."""
    return member(b"././@LongLink", name + b"\0", kind, magic=b"ustar ", version=b" \0")


def names(count: int, length: int, mark: bytes = b"") -> bytes:
    """A tar of `count` files with names of `length` bytes that have nothing in common."""
    blocks = []
    for number in range(count):
        name = (b"%b%07d/" % (mark, number)).ljust(length, b"x")
        owner = b"%07o\0" % (number % 8**7)
        blocks.append(pax((b"path", name)) if length > 100 else b"")
        blocks += (header(name[:100], 1, uid=owner, gid=owner), b"%d" % (number % 10), bytes(511))
    return b"".join([*blocks, END])
