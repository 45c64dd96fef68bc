"""`pants experimental-deploy` publishes images, then applies files with a tool; errors stop it before that."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocikit.testing.fake_faults import NO_FAULTS
from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal
from support.build_root import BuildRoot, Result
from support.stand_in_tools import Call, StandInTools
from support.traces import Traces

NAMES = ("one", "two", "three")
IMAGE = """\
file(name="file", source="file.txt")
oci_image(name="image", dependencies=[":file"])
oci_push(name="push", image=":image", repository="shop/{name}", skip_push={skip})
"""
DEPLOYMENTS = """\
oci_deployment(
    name="web",
    sources=["namespace.yaml", "app/*.yaml"],
    context="production",
    namespace="shop",
    rendered_dir="rendered",
)
oci_deployment(
    name="stack", sources=["stack.yaml", "override.yaml"], tool="stack", arguments=["--prune"], rendered_dir="stack"
)
oci_deployment(name="overlay", sources=["overlay/*"], tool="kustomize", dependencies=["deploy/base:files"])
oci_deployment(name="own", sources=["stack.yaml"], command=["./apply.sh", "--now"], dependencies=[":script"])
file(name="script", source="apply.sh")
"""
# Each is in a folder of its own: no test names all of them.
ODD = {
    "absent": 'sources=["web.yaml"], command=["no-such-tool", "-v"]',
    "scriptless": 'sources=["web.yaml"], command=["./apply.sh"]',
    "meaningless": 'sources=["web.yaml"], tool="stack", namespace="shop"',
    "skipped": 'sources=["web.yaml"]',
    "excluded": 'sources=["web.yaml"], dependencies=["!one:push"]',
    "elsewhere": 'sources=["web.yaml"]',
}
WEB = """\
kind: Deployment   # two images, and a third that is pinned by hand
images: [ "{one}", '{two}', "registry.example/by-hand@sha256:%s" ]
""" % ("a" * 64)
STACK = "services: {{one: {{image: '{one}'}}, three: {{image: '{three}'}}}}\n"
ADDRESSES = {name: f"pants://{name}:push" for name in NAMES}
FILES: dict[str, str | bytes] = {
    **{f"{name}/BUILD": IMAGE.format(name=name, skip=False) for name in NAMES},
    **{f"{name}/file.txt": f"{name}\n" for name in NAMES},
    "deploy/BUILD": DEPLOYMENTS,
    "deploy/namespace.yaml": "kind: Namespace\n",
    "deploy/app/web.yaml": WEB.format(**ADDRESSES),
    "deploy/stack.yaml": STACK.format(**ADDRESSES),
    "deploy/override.yaml": "services: {}\n",
    "deploy/overlay/kustomization.yaml": "resources: [../base]\nimages:\n- newName: pants://one:push?part=name\n",
    "deploy/base/BUILD": 'files(name="files", sources=["*.yaml"])\n',
    "deploy/base/kustomization.yaml": "resources: [one.yaml]\n",
    "deploy/base/one.yaml": "kind: Pod\n",
    "deploy/apply.sh": '#!/bin/sh\nexec own-tool "$@"\n',
    "absent-image/BUILD": IMAGE.format(name="absent", skip=True),
    "absent-image/file.txt": "never published\n",
    **{f"odd/{name}/BUILD": f'oci_deployment(name="web", {fields})\n' for name, fields in ODD.items()},
    **{f"odd/{name}/web.yaml": "image: pants://one:push\n" for name in ODD},
    "odd/skipped/web.yaml": "image: pants://absent-image:push\n",
    "odd/elsewhere/web.yaml": "image: pants://one:push?registry=elsewhere\n",
}
FIELDS = ("--context=production", "--namespace=shop")
APPLY = ("apply", "--server-side")
WEB_FILES = ("--filename=namespace.yaml", "--filename=app/web.yaml")
STACK_ARGUMENTS = (
    *("stack", "deploy", "--with-registry-auth", "--compose-file=stack.yaml", "--compose-file=override.yaml"),
    *("--prune", "stack"),
)


@dataclass(frozen=True)
class Run:
    """A run of Pants. `processes`: the commands of ocikit that ran in sandboxes, without the deployment tool."""

    result: Result
    calls: tuple[Call, ...]
    processes: tuple[str, ...]
    requests: tuple[str, ...]


@dataclass(frozen=True)
class Deployer:
    root: BuildRoot
    registry: FakeRegistry
    tools: StandInTools
    sandboxes: Path

    def run(self, *arguments: str, check: bool = True, path: str | None = None, **environment: str) -> Run:
        self.tools.take()
        self.registry.requests.clear()
        shutil.rmtree(self.sandboxes, ignore_errors=True)
        self.sandboxes.mkdir()
        # The same in every run: the daemon restarts when these change.
        kept = ("-ldebug", "--keep-sandboxes=always", f"--local-execution-root-dir={self.sandboxes}")
        result = self.root.pants(*kept, *arguments, env={"PATH": path or self.tools.path, **environment}, check=check)
        assert "Traceback" not in result.stderr
        scripts = [path.read_text() for path in self.sandboxes.glob("*/__run.sh")]
        processes = sorted(found[1] for script in scripts if (found := re.search(r"(\w+) request\.json", script)))
        requests = tuple(f"{request.method} {request.path}" for request in self.registry.requests)
        return Run(result, self.tools.take(), tuple(processes), requests)

    def deploy(self, *arguments: str, **environment: str) -> Run:
        return self.run("experimental-deploy", *arguments, check=True, path=None, **environment)

    def refused(self, *arguments: str, path: str | None = None) -> Run:
        run = self.run(*arguments, check=False, path=path)
        assert run.result.exit_code == 1, run.result
        return run

    def pinned(self, *names: str) -> dict[str, str]:
        """The references that replace addresses, with the digests that the registry has now."""
        return {
            name: f"{self.registry.address}/shop/{name}@{self.registry.repositories[f'shop/{name}'].tags['latest']}"
            for name in names or NAMES
        }


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    folder = tmp_path_factory.mktemp("deploy")
    tools = StandInTools(folder / "tools", ("kubectl", "docker", "own-tool"))
    with FakeRegistry() as registry:
        settings = f'\n[oci.registries.lab]\naddress = "{registry.address}"\ndefault = true\n'
        with BuildRoot(folder / "root", settings) as root:
            root.write(FILES)
            (root.path / "deploy/apply.sh").chmod(0o755)
            root.commit()
            yield Deployer(root, registry, tools, folder / "sandboxes")


@pytest.fixture
def deployer(shared: Deployer) -> Iterator[Deployer]:
    yield shared
    shared.tools.refuse(None)
    shared.registry.faults = NO_FAULTS
    shared.root.git("checkout", "--quiet", "--force", "main")
    shared.root.restore()


def heads(*names: str) -> list[str]:
    return [f"HEAD /v2/shop/{name}/manifests/latest" for name in sorted(names)]


def test_published_images_are_applied(deployer: Deployer) -> None:
    deployer.root.write({"one/file.txt": "changed\n"})
    first = deployer.deploy("deploy:")
    pinned = deployer.pinned()
    calls = {(call.tool, call.arguments): call.files for call in first.calls}
    web = {"namespace.yaml": "kind: Namespace\n", "app/web.yaml": WEB.format(**pinned)}
    stack = {"stack.yaml": STACK.format(**pinned)}
    assert calls[("kubectl", (*FIELDS, *APPLY, *WEB_FILES))] == web
    assert calls[("docker", STACK_ARGUMENTS)] == {**stack, "override.yaml": "services: {}\n"}
    overlay = calls[("kubectl", (*APPLY, "--kustomize=overlay"))]
    assert sorted(overlay) == ["base/kustomization.yaml", "base/one.yaml", "overlay/kustomization.yaml"]
    assert overlay["overlay/kustomization.yaml"].endswith(f"newName: {deployer.registry.address}/shop/one\n")
    assert calls[("own-tool", ("--now",))] == {**stack, "apply.sh": FILES["deploy/apply.sh"]}
    assert len(first.calls) == 4
    for row in (
        "deploy:web deployed to context production, namespace shop",
        "deploy:stack deployed to stack stack",
        "deploy:overlay deployed to the current context",
        "deploy:own deployed",
    ):
        assert f"✓ {row}" in first.result.stderr.splitlines()
    assert first.processes.count("survey") == first.processes.count("publish") == 1

    again = deployer.deploy("deploy:")
    assert sorted(again.requests) == heads(*NAMES)
    assert again.processes == ("survey",)
    assert [(call.tool, call.arguments, call.files) for call in again.calls] == [
        (call.tool, call.arguments, call.files) for call in first.calls
    ]


def test_only_the_named_targets_and_their_dependencies(deployer: Deployer) -> None:
    deployer.deploy("deploy:")
    assert sorted(deployer.deploy("deploy:web").requests) == heads("one", "two")
    deployer.root.write({"three/file.txt": "changed\n"})
    changed = ("--changed-since=HEAD", "--changed-dependents=transitive")
    run = deployer.run(*changed, "experimental-deploy")
    assert [call.tool for call in run.calls] == ["own-tool", "docker"]
    assert run.processes.count("survey") == run.processes.count("publish") == 1
    assert "HEAD /v2/shop/two/manifests/latest" not in run.requests
    # `publish` still publishes only the targets that it names.
    assert deployer.run("publish", "deploy:web", "one:push").requests == tuple(heads("one"))


def test_nothing_is_applied_if_an_image_fails(deployer: Deployer) -> None:
    deployer.root.write({"two/file.txt": "refused\n"})
    deployer.registry.faults = Faults(refusals=(Refusal("PUT .*/two/manifests/", 403),))
    run = deployer.refused("experimental-deploy", "deploy:web", "deploy:stack")
    assert run.calls == ()
    assert re.search(r"two:push: .*/shop/two\S* .*\b403\b", run.result.stderr)
    assert "deploy:web deployed" not in run.result.stderr
    deployer.registry.faults = NO_FAULTS
    assert len(deployer.deploy("deploy:web", "deploy:stack").calls) == 2


def test_a_cluster_that_refuses(deployer: Deployer) -> None:
    deployer.tools.refuse("error: You must be logged in to the server (Unauthorized)")
    run = deployer.refused("experimental-deploy", "deploy:web")
    assert "error: You must be logged in to the server (Unauthorized)" in run.result.stderr
    assert "✕ deploy:web failed for context production, namespace shop" in run.result.stderr


@pytest.mark.parametrize("option", ["--oci-deployment-dry-run", "--oci-dry-run"])
def test_a_dry_run_changes_nothing(deployer: Deployer, option: str) -> None:
    deployer.root.write({"one/file.txt": f"not published {option}\n"})
    run = deployer.deploy(option, "--oci-deployment-context=lab", "deploy:")
    assert {call.arguments for call in run.calls} == {
        (*FIELDS, *APPLY, "--dry-run=server", *WEB_FILES),
        ("--context=lab", *APPLY, "--dry-run=server", "--kustomize=overlay"),
    }
    assert [request for request in run.requests if not request.startswith(("HEAD", "GET"))] == []
    for row in (
        "- deploy:own skipped (dry run: ./apply.sh --now).",
        f"- deploy:stack skipped (dry run: docker --context=lab {' '.join(STACK_ARGUMENTS)}).",
        "✓ deploy:web deployed to context production, namespace shop (dry run: nothing changed)",
    ):
        assert row in run.result.stderr.splitlines()
    assert "/shop/one:latest skipped (dry run: would be pushed" in run.result.stderr


def test_an_earlier_commit_is_deployed_again(deployer: Deployer) -> None:
    earlier = deployer.deploy("deploy:web")
    deployer.run("oci-render", "deploy:web")
    deployer.root.commit()
    deployer.root.write({"one/file.txt": "a mistake\n"})
    deployer.root.commit()
    later = deployer.deploy("deploy:web")
    assert later.calls[0].files != earlier.calls[0].files
    # The committed files are those of an older commit.
    stale = deployer.refused("--oci-deployment-check", "experimental-deploy", "deploy:web")
    assert "deploy:web: the committed manifests are out of date" in stale.result.stderr
    assert (stale.requests, stale.calls) == ((), ())

    deployer.root.git("checkout", "--quiet", "HEAD~1")
    back = deployer.deploy("--oci-deployment-check", "deploy:web")
    assert back.calls[0].files == earlier.calls[0].files
    assert back.processes.count("layer") == 0
    assert deployer.registry.count("PUT .*/blobs/") == deployer.registry.count("POST ") == 0

    # These sources are in no cache, so a build would be visible.
    deployer.root.write({"one/file.txt": f"{secrets.token_hex()}\n"})
    committed = deployer.deploy("--oci-deployment-use-committed", "deploy:web")
    assert committed.calls[0].files == earlier.calls[0].files
    assert set(committed.processes) <= {"ask", "manifests"}
    pinned = re.findall(r"shop/(\w+)@(sha256:\w+)", earlier.calls[0].files["app/web.yaml"])
    assert sorted(committed.requests) == sorted(f"HEAD /v2/shop/{name}/manifests/{digest}" for name, digest in pinned)
    assert deployer.deploy("--oci-deployment-use-committed", "deploy:web").requests == committed.requests

    (name, digest), *_ = pinned
    deployer.registry.repositories[f"shop/{name}"].manifests.pop(digest)
    gone = deployer.refused("--oci-deployment-use-committed", "experimental-deploy", "deploy:web")
    assert gone.calls == ()
    assert (
        f"/shop/{name}@{digest}: the registry has no such image; to build and publish it, deploy without `--oci"
        in gone.result.stderr
    )


BAD = [
    pytest.param(
        "odd/absent", 'odd/absent:web: expected "no-such-tool" to apply it, found none on the PATH', id="absent"
    ),
    pytest.param("odd/scriptless", 'odd/scriptless:web: the `command` is "./apply.sh", relative', id="no-script"),
    pytest.param("odd/meaningless", "odd/meaningless:web: `namespace` is not used with", id="meaningless"),
    pytest.param("odd/skipped", "absent-image:push has `skip_push`: publish it by hand", id="skipped"),
    pytest.param("odd/excluded", "one:push is excluded from its `dependencies`", id="excluded"),
]


@pytest.mark.parametrize("target, message", BAD)
def test_errors_are_reported_before_anything_is_published(deployer: Deployer, target: str, message: str) -> None:
    deployer.root.write({"one/file.txt": f"{target}\n"})
    run = deployer.refused("experimental-deploy", f"{target}:web", "deploy:web")
    assert message in run.result.stderr
    assert [request for request in run.requests if "/manifests/sha256:" not in request] == []
    assert run.calls == ()


@pytest.mark.parametrize("target, tool", [("deploy:web", "kubectl"), ("deploy:stack", "docker")])
def test_without_its_tool(deployer: Deployer, target: str, tool: str) -> None:
    deployer.root.write({"one/file.txt": f"not built without {tool}\n"})
    run = deployer.refused("experimental-deploy", target, path=deployer.tools.path_without())
    assert f'{target}: expected "{tool}" to apply it, found none on the PATH (' in run.result.stderr
    assert "Nothing was published. Install it" in run.result.stderr
    assert (run.requests, run.processes) == ((), ())


def test_an_unknown_registry_is_reported_before_anything_is_built(deployer: Deployer) -> None:
    deployer.root.write({"one/file.txt": f"{secrets.token_hex()}\n"})
    run = deployer.refused("experimental-deploy", "odd/elsewhere:web")
    assert 'odd/elsewhere/web.yaml:1:8: one:push does not publish to the registry "elsewhere"' in run.result.stderr
    assert (run.requests, set(run.processes) - {"manifests"}) == ((), set())


def test_only_the_tool_gets_the_environment(deployer: Deployer) -> None:
    planted, control, since = f"planted-{secrets.token_hex(8)}", f"control-{secrets.token_hex(8)}", time.time() - 1
    deployer.root.write({"deploy/app/web.yaml": f"# {control}\n{WEB.format(**ADDRESSES)}"})
    run = deployer.deploy("deploy:web", KUBECONFIG="/somewhere", CLOUD_TOKEN=planted)
    (call,) = run.calls
    assert (call.environment["CLOUD_TOKEN"], call.environment["KUBECONFIG"]) == (planted, "/somewhere")
    assert call.environment["PWD"].endswith("/input")
    assert "OCIKIT_ENVIRONMENT" not in call.environment
    assert "Execute InteractiveProcess(" in run.result.stderr
    assert planted not in str(run.result)
    # Pants deletes the tool's sandbox only after it has answered.
    for _ in range(100):
        if not Path(call.environment["PWD"]).exists():
            break
        time.sleep(0.05)
    for place in (deployer.root.path / ".pants.d", deployer.sandboxes):
        assert Traces({"secret": planted}).in_files(place, since) == {}
    assert Traces({"control": control}).in_files(deployer.sandboxes, since)
