"""The promises of each case, checked against the measurements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.session import OURS, Cell, Sample, Session, layers_in_sandboxes
from support.counting_proxy import Exchange


@dataclass(frozen=True)
class Fact:
    """A checked promise. `timed`: it holds only on a quiet machine; the others hold everywhere."""

    what: str
    expected: str
    found: str
    met: bool
    timed: bool = False


Samples = dict[Cell, tuple[Sample, ...]]


def facts_of(session: Session, samples: Samples) -> tuple[Fact, ...]:
    return tuple(_FACTS[session.case.name](session, samples))


def wall(samples: Iterable[Sample]) -> float:
    """The least wall time: disturbances only add to it."""
    return min(sample.cost.wall for sample in samples)


def _unchanged(session: Session, samples: Samples) -> Iterator[Fact]:
    for delay in session.case.delays:
        count = session.case.images.count
        cell = Cell(OURS, delay, count)
        where = f" (+{delay * 1000:.0f} ms)"
        yield from _quiet(samples[cell], count, where)
        for tool, share in (("crane at 8", 3), ("skopeo one by one", 20)):
            peer = samples.get(Cell(tool, delay, count))
            if peer:
                yield _timed(f"wall against {tool}{where}", wall(samples[cell]), wall(peer) / share, f"1/{share}")
    yield _at_most("layers in sandboxes", layers_in_sandboxes(session), 0)


def _quiet(samples: Sequence[Sample], count: int, where: str) -> Iterator[Fact]:
    """Nothing is uploaded, and only the necessary requests are made."""
    traffic = [sample.traffic for sample in samples]
    yield _at_most(f"requests for {count} references{where}", max(len(each.exchanges) for each in traffic), count)
    yield _at_most(f"connections{where}", max(each.connections for each in traffic), 16)
    yield _at_most(f"bytes sent{where}", max(each.sent for each in traffic), 0)
    blobs = [exchange for each in traffic for exchange in each.exchanges if "/blobs/" in exchange.path]
    yield _at_most(f"requests for blobs{where}", len(blobs), 0)


def _changed(session: Session, samples: Samples) -> Iterator[Fact]:
    case = session.case
    assert case.before
    old = session.export(case.before).sizes(session.images[:1])
    for cell, turns in _ours(session, samples):
        where = f" (+{cell.delay * 1000:.0f} ms)"
        sizes = (session.export(case.after(turn)).sizes(session.images[:1]) for turn, _ in turns)
        changed = [sum(size for digest, size in new.items() if digest not in old) for new in sizes]
        beyond = max(sample.traffic.sent / size for size, (_, sample) in zip(changed, turns))
        expected = f"at most 1.01 times {max(changed):,}"
        yield Fact(f"bytes sent{where}", expected, f"{beyond:.4f} times", beyond <= 1.01)
        # The cost of the same run without changes.
        _, *unchanged = (
            session.sample(OURS, session.pants, case.before, cell.delay, cell.count) for _ in (None, *turns)
        )
        seconds = wall(sample for _, sample in turns)
        yield _timed(f"wall beyond unchanged{where}", seconds - wall(unchanged), 1, "1 s")


def _new_tag(session: Session, samples: Samples) -> Iterator[Fact]:
    for cell, found in samples.items():
        if cell.tool == OURS:
            where = f" (+{cell.delay * 1000:.0f} ms)"
            requests = max(len(sample.traffic.exchanges) for sample in found)
            yield _at_most(f"requests for {cell.count} images{where}", requests, 2 * cell.count)


def _cold(session: Session, samples: Samples) -> Iterator[Fact]:
    case = session.case
    distinct = sum(session.export(case.after(0)).sizes(session.images).values())
    for delay in case.delays:
        where = f" (+{delay * 1000:.0f} ms)"
        ours = samples[Cell(OURS, delay, case.images.count)]
        sent = max(sample.traffic.sent for sample in ours)
        yield _at_most(f"bytes sent{where}", sent, int(distinct * 1.02), f"1.02 times {distinct:,}")
        others = {
            cell.tool: wall(found) for cell, found in samples.items() if cell.delay == delay and "at 8" in cell.tool
        }
        if others:
            fastest = min(others, key=lambda tool: others[tool])
            yield _timed(f"wall against the fastest peer{where}", wall(ours), others[fastest], fastest)


def _base_moved(session: Session, samples: Samples) -> Iterator[Fact]:
    case = session.case
    for cell, turns in _ours(session, samples):
        where = f" (+{cell.delay * 1000:.0f} ms)"
        base = [session.base_layers(case.after(turn)) for turn, _ in turns]
        exchanges = [sample.traffic.exchanges for _, sample in turns]
        sent = max(sum(e.completed_blob in layers for e in each if e.body) for layers, each in zip(base, exchanges))
        yield _at_most(f"base layers sent{where}", sent, 0)
        fetched = max(sum(_fetches(e, layers) for e in each) for layers, each in zip(base, exchanges))
        yield _at_most(f"base layers fetched{where}", fetched, 0)
        mounted = min(sum(e.method == "POST" and e.status == 201 for e in each) for each in exchanges)
        expected = cell.count * len(base[0])
        yield Fact(f"base layers mounted{where}", f"{expected}", f"{mounted}", mounted == expected)


def _ours(session: Session, samples: Samples) -> Iterator[tuple[Cell, tuple[tuple[int, Sample], ...]]]:
    """Our cells, with each sample numbered by its turn."""
    turn = 0
    for cell, found in samples.items():
        if cell.tool == OURS:
            yield cell, tuple(enumerate(found, turn))
            turn += len(found)


def _fetches(exchange: Exchange, blobs: frozenset[str]) -> bool:
    return exchange.method == "GET" and exchange.path.rpartition("/")[2] in blobs


def _scale(session: Session, samples: Samples) -> Iterator[Fact]:
    few, *_, many = session.case.counts
    for delay in session.case.delays:
        for count in session.case.counts:
            yield from _quiet(samples[Cell(OURS, delay, count)], count, f" (+{delay * 1000:.0f} ms)")
        for tool in (OURS, *session.case.peers):
            if Cell(tool, delay, many) in samples:
                more = wall(samples[Cell(tool, delay, many)]) - wall(samples[Cell(tool, delay, few)])
                each = more / (many - few) * 1000
                what = f"{tool}: milliseconds for one more image (+{delay * 1000:.0f} ms)"
                yield Fact(
                    what, "at most 4" if tool == OURS else "", f"{each:.2f}", tool != OURS or each <= 4, timed=True
                )


def _smallest(session: Session, samples: Samples) -> Iterator[Fact]:
    yield from (fact for fact in _changed(session, samples) if not fact.timed)
    yield _at_most("layers in sandboxes", layers_in_sandboxes(session), 0)


def _at_most(what: str, found: int, limit: int, expected: str = "") -> Fact:
    return Fact(what, f"at most {expected or f'{limit:,}'}", f"{found:,}", found <= limit)


def _timed(what: str, found: float, limit: float, meaning: str) -> Fact:
    return Fact(what, f"at most {limit:.2f} s ({meaning})", f"{found:.2f} s", found <= limit, timed=True)


_FACTS = {
    "unchanged-200": _unchanged,
    "changed-1-of-200": _changed,
    "new-tag-200": _new_tag,
    "cold-20": _cold,
    "base-moved-20": _base_moved,
    "scale-10-100-1000": _scale,
    "smallest": _smallest,
}
