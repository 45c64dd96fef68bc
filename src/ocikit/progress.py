"""Progress of long work: a line now and then, none for short work, and few enough for a log.

The code that works counts in a `Meter`. Meanwhile `report_progress` reads the meter and reports a line when one is due.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import BinaryIO, Callable, cast

from ocikit.units import human_bytes, human_part

__all__ = ["Meter", "Progress", "report_progress"]

FIRST_SECONDS, NEXT_SECONDS, LONGEST_SECONDS = 5.0, 10.0, 60.0
_TICK_SECONDS = 0.5


def due(reported: Sequence[float], *, news: bool) -> float:
    """Return when the next line is due; `reported`: when earlier lines were, all in seconds since the start. Pure.

    The first line comes early, so that people see that something happens. Then pauses double, up to a minute: an hour
    of work gives about sixty lines. Without `news` the pause is a minute.
    """
    if not reported:
        return FIRST_SECONDS
    pause = NEXT_SECONDS * 2.0 ** min(len(reported) - 1, 10) if news else LONGEST_SECONDS
    return reported[-1] + min(pause, LONGEST_SECONDS)


@dataclass(frozen=True)
class Progress:
    """The state of a `Meter`: `done` of `total` things, `transferred` of `size` bytes.

    `streamed` has the number of blobs that came from each host. `pauses` has the time, in seconds of the meter's clock,
    until which each host gets no requests. `asked` are the hosts that have requests at the moment.
    """

    done: int = 0
    total: int = 0
    transferred: int = 0
    size: int = 0
    streamed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    pauses: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    asked: tuple[str, ...] = ()

    def is_news_after(self, before: Progress) -> bool:
        """Whether anything but `asked` and the totals has changed since `before`."""
        return (self.done, self.transferred, self.streamed, self.pauses) != (
            before.done,
            before.transferred,
            before.streamed,
            before.pauses,
        )


def line(verb: str, noun: str, progress: Progress, before: Progress, *, now: float, seconds: float) -> str:
    """Format a progress line, "Published 3 of 20 images; 34.0 of 120.0 MB sent, …"; `before` was `seconds` ago.

    Pure. `now`: the time of the clock of `pauses`.
    """
    counted = f"{progress.done:,} of {progress.total:,}" if progress.total else "no"
    parts = [f"{verb} {counted} {noun}"]
    if progress.size:
        speed = round((progress.transferred - before.transferred) / seconds)
        rate = f", {human_bytes(speed)}/s" if speed else ""
        parts.append(f"{human_part(progress.transferred, progress.size)} sent{rate}")
    parts += [f"{_blobs(count)} of bases came from {host}" for host, count in sorted(progress.streamed.items())]
    pauses = {host: until for host, until in progress.pauses.items() if until > now}
    parts += [f"waiting for {host}, {math.ceil(until - now)} s" for host, until in sorted(pauses.items())]
    if not pauses and not progress.is_news_after(before) and progress.asked:
        parts.append(f"waiting for an answer from {', '.join(progress.asked)}")
    return "; ".join(parts)


class Meter:
    """Counts things and bytes: `Meter("Copied", "blobs")`. Threads may share it.

    `verb` and `noun` are words of the lines that `report_progress` reports. `clock` returns seconds.
    """

    def __init__(self, verb: str = "Did", noun: str = "things", *, clock: Callable[[], float] = time.monotonic) -> None:
        self.verb = verb
        self.noun = noun
        self.clock = clock
        self._lock = threading.Lock()
        self._done = self._total = 0
        self._sizes: dict[Hashable, int] = {}
        self._moved: dict[Hashable, int] = {}
        self._streamed: dict[str, set[Hashable]] = {}
        self._pauses: dict[str, float] = {}
        self._asked: Counter[str] = Counter()

    def expect(self, count: int, sizes: Iterable[tuple[Hashable, int]] = ()) -> None:
        """Add `count` to the total. `sizes` are the bytes to move, by the key of what they belong to."""
        with self._lock:
            self._total += count
            self._sizes.update(sizes)

    def completed(self, count: int = 1) -> None:
        """Count `count` things as done."""
        with self._lock:
            self._done += count

    def transferred(self, key: Hashable, size: int) -> None:
        """Record that the first `size` bytes of `key` have moved. Bytes that are sent again do not count twice."""
        with self._lock:
            self._moved[key] = max(size, self._moved.get(key, 0))

    def counted(self, stream: BinaryIO, key: Hashable, size: int) -> BinaryIO:
        """A stream with the bytes of `stream`, which count as moved when they are read. `size` is the number of all."""
        with self._lock:
            self._sizes[key] = size
        return cast(BinaryIO, _Counted(stream, key, self))

    def streams(self, host: str, key: Hashable) -> None:
        """Record that the blob `key` comes from `host`."""
        with self._lock:
            self._streamed.setdefault(host, set()).add(key)

    def pauses(self, host: str, seconds: float) -> None:
        """Record that `host` gets no requests for so many seconds."""
        with self._lock:
            self._pauses[host] = max(self._pauses.get(host, 0.0), self.clock() + seconds)

    @contextmanager
    def waiting_for(self, host: str | None) -> Iterator[None]:
        """Record that `host` has a request while the body runs; None records nothing."""
        if host is None:
            yield
            return
        with self._lock:
            self._asked[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._asked[host] -= 1

    def progress(self) -> Progress:
        """The state at the moment."""
        with self._lock:
            return Progress(
                self._done,
                self._total,
                sum(self._moved.values()),
                sum(self._sizes.values()),
                {host: len(keys) for host, keys in self._streamed.items()},
                dict(self._pauses),
                tuple(sorted(host for host, count in self._asked.items() if count)),
            )


@contextmanager
def report_progress(meter: Meter, say: Callable[[str], None]) -> Iterator[None]:
    """While the body runs, call `say` with a line about `meter` now and then.

    The first line comes after 5 seconds, the next after 10; then the pauses double, up to a minute. `say` is called in
    another thread, and must not raise.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_tell, args=(meter, say, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _tell(meter: Meter, say: Callable[[str], None], ended: threading.Event) -> None:
    start, reported, before = meter.clock(), [0.0], Progress()
    while not ended.wait(_TICK_SECONDS):
        now, progress = meter.clock() - start, meter.progress()
        if now >= due(reported[1:], news=progress.is_news_after(before)):
            seconds = now - reported[-1]
            say(line(meter.verb, meter.noun, progress, before, now=now + start, seconds=seconds))
            reported.append(now)
            before = progress


class _Counted:
    """A stream that counts the bytes read from it."""

    def __init__(self, stream: BinaryIO, key: Hashable, meter: Meter) -> None:
        self._stream = stream
        self._key = key
        self._meter = meter
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        # A reader that asks for more has processed what it got before.
        self._meter.transferred(self._key, self._position)
        data = self._stream.read(size)
        self._position += len(data)
        return data


def _blobs(count: int) -> str:
    return "1 layer" if count == 1 else f"{count:,} layers"
