"""One case: the build root, the images as layouts, and every tool in turn on a fresh registry."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.build_files import (
    BASE_REPOSITORY,
    base_files,
    build_files,
    digest,
    images_of,
    own_file,
    specs,
)
from bench.cases import SKIPPING, Case, Edition
from bench.cost import Cost, measure
from bench.site import Ports, Site, Traffic, free_ports, site
from bench.tools import SKOPEO, Export, Pants, Push, Skipping, Tool, layers_of, run
from support.build_root import WITH_PYTHON, BuildRoot

OURS = "pants"
SETTINGS = """
[oci.registries.bench]
address = "{address}"
insecure = true
default = true
"""


@dataclass(frozen=True)
class Cell:
    """The tool, the number of images, and the registry's delay."""

    tool: str
    delay: float
    count: int


@dataclass(frozen=True)
class Sample:
    """One repetition of a cell. `load`: the machine's load average before it."""

    cost: Cost
    traffic: Traffic
    load: float


class Session:
    """A build root in `folder`, and the registry's content before each push. The edition of the content changes."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.images = images_of(case.images, case.counts)
        self.folder = folder
        # Pants always uses the same address, as a warm daemon does.
        self._ports = free_ports()
        self._current = Edition()
        self._exports: dict[Edition, Export] = {}
        self._seeds: dict[str, Path] = {}
        self.root = self._root("root")
        self.pants = Pants(self.root)

    def _root(self, name: str, push_fields: str = "") -> BuildRoot:
        root = BuildRoot(self.folder / name, SETTINGS.format(address=self._ports.address), WITH_PYTHON)
        root.write(dict(build_files(self.case.images, self.case.counts, self._ports.address, push_fields)))
        return root

    @contextmanager
    def tools(self) -> Iterator[dict[str, Tool]]:
        """Pants, and Pants with all pushes skipped; their daemons end with the context."""
        with self.root:
            if SKIPPING not in self.case.peers:
                yield {OURS: self.pants}
                return
            with self._root("skipping", ", skip_push=True") as root:
                yield {OURS: self.pants, SKIPPING: Skipping(root)}

    def edit(self, edition: Edition) -> None:
        """Bring the build root to this edition."""
        if edition.own != self._current.own:
            self.root.write(dict([own_file(self.case.images, self.images[0], edition)]))
        if edition.base != self._current.base:
            shutil.rmtree(self.root.path / "base/python")
            self.root.write(dict(base_files(self.case.images, edition)))
        self._current = edition

    def export(self, edition: Edition) -> Export:
        """The layouts of an edition, made once for each edition."""
        key = Edition(edition.own, edition.base)
        if key not in self._exports:
            self.edit(edition)
            folder = self.folder / f"export-{edition.own}-{edition.base}"
            folder.mkdir()
            self.root.pants("package", "::", env={"TAG": edition.tag})
            for image in self.images:
                (self.root.path / image.layout).rename(folder / str(image.number))
            shutil.rmtree(self.root.path / "dist")
            self._exports[key] = Export(folder)
        return self._exports[key]

    def push(self, edition: Edition, address: str, count: int) -> Push:
        return Push(self.images[:count], specs(self.case.counts, count), self.export(edition), edition, address)

    def sample(self, name: str, tool: Tool, edition: Edition, delay: float, count: int) -> Sample:
        """Let a tool push once. Builds count too, and Pants does build."""
        # A tool that remembers its uploads must not know the address of an empty registry.
        ports = self._ports if self.case.before or name == OURS else free_ports()
        if name == OURS:
            self.edit(edition)
            push = Push(self.images[:count], specs(self.case.counts, count), Export(Path()), edition, ports.address)
        else:
            push = self.push(edition, ports.address, count)
        with self.site(name, tool, edition, delay, ports) as wire:
            tool.prepare(push)
            load = os.getloadavg()[0]
            cost = measure(lambda: tool.push(push), tool.daemons())
            return Sample(cost, wire.take(), load)

    @contextmanager
    def site(
        self, name: str, tool: Tool, edition: Edition, delay: float = 0, ports: Ports | None = None
    ) -> Iterator[Site]:
        """A registry with the content of before, and with the base of `edition`."""
        seed = self._seed(name, tool) if self.case.before else None
        with site(self.folder / "registry", ports or self._ports, delay, seed) as wire:
            self._push_base(edition, wire)
            wire.take()
            yield wire

    def _seed(self, name: str, tool: Tool) -> Path:
        """The storage of a registry after a push by the tool, or by another one that uploads the same bytes."""
        assert self.case.before
        by, seeder = (OURS, self.pants) if tool.same_bytes else (name, tool)
        if by not in self._seeds:
            storage = self.folder / f"seed-{len(self._seeds)}"
            push = self.push(self.case.before, self._ports.address, self.case.images.count)
            now = self._current
            self.edit(self.case.before)
            seeder.prepare(push)
            with site(storage, self._ports) as wire:
                self._push_base(self.case.before, wire)
                seeder.push(push)
            self.edit(now)
            self._seeds[by] = storage
        return self._seeds[by]

    def _push_base(self, edition: Edition, wire: Site) -> None:
        if self.case.images.base:
            reference = f"docker://{wire.ports.behind}/{BASE_REPOSITORY}:1"
            layout = self._base_layout(edition)
            # Otherwise skopeo compresses them, and the layers differ from those of the layout.
            options = ("--quiet", "--preserve-digests", "--dest-tls-verify=false")
            run(SKOPEO, "copy", *options, f"oci:{layout}", reference)

    def base_layers(self, edition: Edition) -> frozenset[str]:
        return frozenset(layers_of(self._base_layout(edition)))

    def _base_layout(self, edition: Edition) -> Path:
        folder = self.folder / f"base-{edition.base}"
        if not folder.exists():
            for name, content in base_files(self.case.images, edition):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return folder / "base/python"


def repeat(session: Session, tools: dict[str, Tool], repetitions: int) -> dict[Cell, tuple[Sample, ...]]:
    """All cells of a case. Tools take turns, so that a noisy minute affects all of them."""
    case = session.case
    samples: dict[Cell, tuple[Sample, ...]] = {}
    turn = 0
    for delay in case.delays:
        for count in case.counts:
            # The daemon is warm and has used this registry; nothing else is prepared.
            session.sample(OURS, session.pants, case.before or case.after(turn), delay, count)
            for _ in range(repetitions):
                for name, tool in tools.items():
                    cell = Cell(name, delay, count)
                    sample = session.sample(name, tool, case.after(turn), delay, count)
                    samples[cell] = (*samples.get(cell, ()), sample)
                    print(f"{case.name}: {cell}: {sample.cost.wall:.2f} s", flush=True)
                turn += 1
    return samples


def layers_in_sandboxes(session: Session) -> int:
    """Push once more, and count files with a layer's content in its sandboxes. It ends the warm daemon."""
    edition = session.case.before or session.case.after(0)
    layers = session.export(edition).layers(session.images)
    kept = session.folder / "sandboxes"
    kept.mkdir()
    session.edit(edition)
    options = ("--keep-sandboxes=always", f"--local-execution-root-dir={kept}")
    with session.site(OURS, session.pants, edition):
        session.root.pants(*options, "publish", "::", env={"TAG": edition.tag})
    files = (Path(folder, name) for folder, _, names in os.walk(kept) for name in names)
    assert any(kept.iterdir()), "Pants kept no sandbox."
    sizes = set(layers.values())
    return sum(digest(file.read_bytes()) in layers for file in files if file.exists() and file.stat().st_size in sizes)
