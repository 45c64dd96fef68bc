"""`oci-lock`: its file, messages and exit codes, and when it leaves the file unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ocikit.image.lockfile import Lock
from ocikit.spec.manifest import ImageIndex
from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal
from ocikit.testing.images import LINUX
from support.base_images import ARM, add_image, add_index
from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root

_BUILD = """\
oci_base(name="one", image="{address}/one:1")
oci_base(name="again", image="{address}/one:1")
oci_base(name="two", image="{address}/two:1", platforms=["linux/amd64", "linux/arm64"])
oci_base(name="pinned", image="{address}/three:1", digest="sha256:{zeros}")
"""


@dataclass
class Project:
    """Two bases in a registry; `begin` restores their first state for each test."""

    root: BuildRoot
    registry: FakeRegistry

    def __post_init__(self) -> None:
        self.one, self.two = f"{self.registry.address}/one:1", f"{self.registry.address}/two:1"

    def begin(self) -> None:
        self.registry.faults = Faults()
        self.first_one = self.move("one", b"first")
        self.first_two = self.move("two", b"first")
        self.write(_BUILD.format(address=self.registry.address, zeros="0" * 64))
        (self.root.path / "oci.lock").unlink(missing_ok=True)

    def write(self, build: str) -> None:
        self.root.write({"BUILD": build})

    def move(self, repository: str, content: bytes) -> ImageIndex:
        return add_index(self.registry, repository, "1", {LINUX: content, ARM: content + b" arm"})[0]

    def lock(self, *arguments: str, code: int = 0) -> Result:
        result = self.root.pants("oci-lock", *arguments, check=False)
        assert result.exit_code == code, result
        assert "Traceback" not in result.stdout + result.stderr, result
        return result

    @property
    def text(self) -> str:
        return (self.root.path / "oci.lock").read_text()

    def digests(self) -> dict[str, str]:
        return {name: str(base.digest) for name, base in Lock.parse(self.text).bases.items()}


@pytest.fixture(scope="module")
def shared() -> Iterator[Project]:
    with FakeRegistry() as registry, empty_build_root() as root:
        yield Project(root, registry)


@pytest.fixture
def project(shared: Project) -> Project:
    shared.begin()
    return shared


@pytest.fixture
def locked(project: Project) -> Project:
    project.lock()
    return project


def test_created_and_then_unchanged(project: Project) -> None:
    unlocked = project.lock("--check", code=1)
    assert f"{project.one}: is not locked, names {project.first_one.descriptor.digest}" in unlocked.stdout
    assert "Run `pants oci-lock`" in unlocked.stderr
    assert not (project.root.path / "oci.lock").exists()

    created = project.lock("::")
    assert f"{project.one}: locked, {project.first_one.descriptor.digest}" in created.stdout
    base = Lock.parse(project.text).bases[project.two]
    assert dict(base.platforms) == {
        LINUX: project.first_two.manifests[0].digest,
        ARM: project.first_two.manifests[1].digest,
    }
    assert set(project.digests()) == {project.one, project.two}

    before = project.text
    asked = len(project.registry.requests)
    for arguments in (("--check",), ("::",)):
        assert "oci.lock is up to date." in project.lock(*arguments).stdout
    assert project.text == before
    # One request for each reference, even if two targets share it; platforms need one more.
    assert sorted(r.method for r in project.registry.requests[asked:]) == ["GET"] * 2 + ["HEAD"] * 4


def test_a_tag_moves(locked: Project) -> None:
    before = locked.text
    one, two = locked.move("one", b"second"), locked.move("two", b"second")
    change = f"{locked.one}: {locked.first_one.descriptor.digest} → {one.descriptor.digest}"
    assert change in locked.lock("--check", code=1).stdout
    assert locked.text == before

    # One base is locked by either of its targets; the other keeps its entry.
    result = locked.lock("//:again")
    assert change in result.stdout
    assert locked.two not in result.stdout
    first_two = str(locked.first_two.descriptor.digest)
    assert locked.digests() == {locked.one: str(one.descriptor.digest), locked.two: first_two}

    assert f"{locked.two}: {first_two} → {two.descriptor.digest}" in locked.lock().stdout
    assert locked.digests()[locked.two] == str(two.descriptor.digest)


def test_a_tag_is_deleted(locked: Project) -> None:
    two = locked.move("two", b"second")
    del locked.registry.repositories["one"].tags["1"]
    assert f"{locked.one} does not exist" in locked.lock("--check", code=1).stderr
    failed = locked.lock(code=1)
    assert (
        f"{locked.one} does not exist any more; //:again, //:one names it. Its entry stays as it is." in failed.stderr
    )
    # The others are still looked up.
    assert locked.digests() == {
        locked.one: str(locked.first_one.descriptor.digest),
        locked.two: str(two.descriptor.digest),
    }


def test_a_registry_is_down(locked: Project) -> None:
    before = locked.text
    locked.registry.faults = Faults(refusals=(Refusal(".", 403),))
    for arguments in ((), ("--check",)):
        failed = locked.lock(*arguments, code=1)
        assert f"{locked.one} could not be looked up for //:again, //:one: " in failed.stderr
        assert "403" in failed.stderr
        assert locked.text == before


def test_a_platform_is_dropped(locked: Project) -> None:
    add_index(locked.registry, "one", "1", {LINUX: b"only"})
    add_index(locked.registry, "two", "1", {LINUX: b"only"})
    result = locked.lock(code=1)
    # No target requires the platform …
    assert f"{locked.one}: has no image for linux/arm64 any more" in result.stdout
    # … but `//:two` does.
    assert f"{locked.two} has no image for linux/arm64, needed by //:two; available: linux/amd64." in result.stderr
    bases = Lock.parse(locked.text).bases
    assert [platform for platform, _ in bases[locked.one].platforms] == [LINUX]
    assert bases[locked.two].digest == locked.first_two.descriptor.digest


def test_unused_entries_are_removed(locked: Project) -> None:
    locked.write(f'oci_base(name="one", image="{locked.one}")\n')
    assert f"{locked.two}: no `oci_base` names it any more" in locked.lock("--check", code=1).stdout
    locked.lock()
    assert set(locked.digests()) == {locked.one}


def test_a_tag_of_one_image(project: Project) -> None:
    image = add_image(project.registry, "single", b"x", "1", platform=ARM)
    project.write(f'oci_base(name="one", image="{project.registry.address}/single:1")\n')
    project.lock()
    (base,) = Lock.parse(project.text).bases.values()
    assert (base.digest, base.platforms) == (image.descriptor.digest, ((ARM, image.descriptor.digest),))


def test_a_merge_conflict_is_resolved(locked: Project) -> None:
    before = locked.text
    conflict = before.replace(locked.two, f"<<<<<<< HEAD\n{locked.two}", 1)
    locked.root.write({"oci.lock": conflict})
    number = conflict.splitlines().index("<<<<<<< HEAD") + 1
    # These commands keep entries, so the file must be readable.
    for arguments in (("--check",), ("//:two",)):
        assert f"oci.lock, line {number}: this is a merge conflict marker" in locked.lock(*arguments, code=1).stderr
    locked.registry.faults = Faults(refusals=(Refusal("/two/", 403),))
    assert "was left alone" in locked.lock(code=1).stderr
    assert locked.text == conflict
    locked.registry.faults = Faults()
    locked.lock()
    assert locked.text == before


def test_two_branches_add_a_base_each(locked: Project) -> None:
    root = locked.root
    root.commit()
    for branch, name in (("first", "a"), ("last", "z")):
        root.git("checkout", "--quiet", "-b", branch, "main")
        locked.move(name, b"added")
        root.write({f"{name}/BUILD": f'oci_base(name="base", image="{locked.registry.address}/{name}:1")\n'})
        locked.lock(f"{name}:base")
        root.commit()
    # Bases without a digest depend on the lock file.
    assert root.pants("--changed-since=HEAD~1", "--changed-dependents=transitive", "list").stdout.split() == [
        "//:_oci_lockfile",
        "//:again",
        "//:one",
        "//:two",
        "z:base",
    ]
    root.git("merge", "--quiet", "--no-edit", "first")
    assert [name.rpartition("/")[2] for name in locked.digests()] == ["a:1", "one:1", "two:1", "z:1"]
    assert "up to date" in locked.lock("--check").stdout


def test_the_platforms_change(project: Project) -> None:
    base = f'oci_base(name="one", image="{project.one}", platforms=[{{}}])\n'
    for platforms, locked in (('"linux/amd64"', [LINUX]), ("", [LINUX, ARM]), ('"linux/arm64"', [ARM])):
        project.write(base.format(platforms))
        project.lock()
        assert [platform for platform, _ in Lock.parse(project.text).bases[project.one].platforms] == locked


def test_the_path_of_the_file(project: Project) -> None:
    project.lock("--oci-lockfile=./locks/../locks/bases.lock")
    assert (project.root.path / "locks/bases.lock").exists()
    dependencies = project.root.pants("--oci-lockfile=./locks/bases.lock", "dependencies", "//:one").stdout
    assert dependencies.split() == ["locks:_oci_lockfile"]
    assert not project.root.pants("--oci-lockfile=./locks/bases.lock", "dependencies", "//:pinned").stdout
    for path in ("../bases.lock", "/bases.lock", "."):
        failed = project.lock(f"--oci-lockfile={path}", code=1)
        assert f'[oci].lockfile: expected the path of a file below the build root, got "{path}".' in failed.stderr
