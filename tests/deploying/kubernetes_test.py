"""From push to running on Kubernetes: one digest is published, rendered, sent to the cluster and run by a node.

Real: the registry, Pants, kubectl with its kustomize, Helm, and the container runtime of a node, behind Kubernetes's
own interface. The cluster's API is a stand-in that records its requests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from ruamel.yaml import YAML

from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root
from support.commands import run
from support.counting_proxy import CountingProxy, Exchange
from support.kubernetes_api import KubernetesApi, Write
from support.kubernetes_files import IMAGES, SHOP, files
from support.node import Node, running_node
from support.registry_container import Registry

pytestmark = pytest.mark.container

HELM = str(Path(sys.executable).with_name("helm"))
# Targets without `context` and `namespace` of their own use those of the options.
OPTIONS = ("--oci-deployment-context=production", "--oci-deployment-namespace=overlaid")


@dataclass(frozen=True)
class Run:
    """The output of a run of Pants, its writes to the cluster, and its requests to the registry."""

    result: Result
    writes: tuple[Write, ...]
    exchanges: tuple[Exchange, ...]

    def written(self, name: str) -> Write:
        """The one write of a workload."""
        (write,) = (write for write in self.writes if "/secrets" not in write.path and _name(write) == name)
        return write

    @property
    def bodies(self) -> Mapping[str, bytes]:
        """The body sent for each workload, without Helm's own records, which contain the time."""
        return {_name(write): write.body for write in self.writes if "/secrets" not in write.path}


@dataclass(frozen=True)
class Cluster:
    """A repository with services and their deployments, a registry that requires a login, and a cluster."""

    root: BuildRoot
    registry: Registry
    proxy: CountingProxy
    api: KubernetesApi
    env: Mapping[str, str]

    def pants(self, *arguments: str, check: bool = True) -> Run:
        self.api.take()
        self.proxy.take()
        result = self.root.pants(*OPTIONS, *arguments, env=self.env, check=check)
        return Run(result, self.api.take(), self.proxy.take())

    def digest(self, name: str) -> str:
        """The digest that the registry has."""
        return self.registry.digest(f"kube/{name}")

    def reference(self, name: str) -> str:
        return f"{self.proxy.address}/kube/{name}@{self.digest(name)}"

    def pinned(self, text: str) -> str:
        for name in IMAGES:
            text = text.replace(f"pants://services:{name}", self.reference(name))
        return text


@pytest.fixture(scope="module")
def cluster(closed_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("kubernetes")
    with ExitStack() as stack:
        proxy = stack.enter_context(CountingProxy(closed_registry.address).running())
        api = stack.enter_context(KubernetesApi().running())
        settings = f'[oci.registries.here]\naddress = "{proxy.address}"\ndefault = true\n'
        root = stack.enter_context(empty_build_root(settings))
        assert closed_registry.login
        (folder / "config.json").write_bytes(closed_registry.login.docker_config(proxy.address))
        (folder / "kubeconfig").write_bytes(api.kubeconfig("production", "default"))
        env = {
            "DOCKER_CONFIG": str(folder),
            "KUBECONFIG": str(folder / "kubeconfig"),
            "KUBECACHEDIR": str(folder / "cache"),
        }
        root.write(files(HELM, folder / "cache"))
        (root.path / "services/busybox").chmod(0o755)
        yield Cluster(root, closed_registry, proxy, api, env)


@pytest.fixture(scope="module")
def packaged(cluster: Cluster) -> Path:
    """The files that `package` writes before anything is published."""
    packaged = cluster.pants("package", "deploy::")
    assert packaged.exchanges == ()
    assert packaged.writes == ()
    return cluster.root.path / "dist/deploy"


@pytest.fixture(scope="module")
def tried(cluster: Cluster, packaged: Path) -> Run:
    """A dry run before anything is published."""
    return cluster.pants("--oci-deployment-dry-run", "experimental-deploy", "deploy::")


@pytest.fixture(scope="module")
def deployed(cluster: Cluster, tried: Run) -> Run:
    """The first deployment, for all tests below."""
    return cluster.pants("experimental-deploy", "deploy::")


@pytest.fixture(scope="module")
def node(cluster: Cluster, deployed: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    assert cluster.registry.login
    cluster.pants("publish", "services:pause")
    pause = cluster.reference("pause")
    with running_node(tmp_path_factory.mktemp("node"), cluster.proxy.address, cluster.registry.login, pause) as node:
        yield node


def test_package_pins_every_kind_and_nothing_else(cluster: Cluster, packaged: Path, deployed: Run) -> None:
    assert (packaged / "shop/shop.yaml").read_text() == cluster.pinned(SHOP)


def test_kustomize_shows_the_digests(cluster: Cluster, packaged: Path, deployed: Run) -> None:
    (document,) = _documents(run("kubectl", "kustomize", str(packaged / "live/live")))
    assert document["metadata"]["name"] == "live-web"
    assert _images(document) == [cluster.reference("web")]


def test_helm_shows_the_digests(cluster: Cluster, packaged: Path, deployed: Run) -> None:
    values = str(packaged / "release/values.yaml")
    (document,) = _documents(run(HELM, "template", "charted", str(packaged / "release/chart"), f"--values={values}"))
    tagged = f"{cluster.proxy.address}/kube/web:latest@{cluster.digest('web')}"
    assert _images(document) == [cluster.reference("migrate"), tagged]


def test_a_dry_run_queries_the_cluster_and_changes_nothing(tried: Run, deployed: Run) -> None:
    assert [(write.method, write.query["dryRun"]) for write in tried.writes] == [("PATCH", "All")] * 4
    assert [exchange for exchange in tried.exchanges if exchange.method not in ("GET", "HEAD")] == []
    assert "helm upgrade --install charted" in tried.result.stderr
    # The dry run showed what the deployment then did.
    assert tried.bodies.items() <= deployed.bodies.items()


def test_the_cluster_is_sent_the_rendered_documents(cluster: Cluster, deployed: Run) -> None:
    expected = [
        {**document, "metadata": {**document["metadata"], "namespace": "shop"}}
        for document in _documents(cluster.pinned(SHOP))
    ]
    sent = [deployed.written(name) for name in ("web", "report", "canary")]
    assert [write.document for write in sent] == expected
    assert [write.path for write in sent] == [
        "/apis/apps/v1/namespaces/shop/deployments/web",
        "/apis/batch/v1/namespaces/shop/cronjobs/report",
        "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/canary",
    ]
    assert {(write.method, write.query["fieldManager"], "dryRun" in write.query) for write in sent} == {
        ("PATCH", "kubectl", False)
    }


def test_a_kustomization_is_applied_where_the_options_say(cluster: Cluster, deployed: Run) -> None:
    write = deployed.written("live-web")
    assert write.path == "/apis/apps/v1/namespaces/overlaid/deployments/live-web"
    assert _images(write.document) == [cluster.reference("web")]


def test_helm_installs_a_release(cluster: Cluster, deployed: Run) -> None:
    write = deployed.written("charted")
    assert (write.method, write.path) == ("POST", "/apis/apps/v1/namespaces/charts/deployments")
    assert cluster.reference("migrate") in _images(write.document)


def test_a_node_pulls_and_runs_the_pushed_images(cluster: Cluster, deployed: Run, node: Node) -> None:
    cluster.proxy.take()
    ran = node.run(deployed.written("web").document["spec"]["template"]["spec"])
    ran = {**ran, **node.run(deployed.written("report").document["spec"]["jobTemplate"]["spec"]["template"]["spec"])}
    assert {name: (one.exit_code, one.output) for name, one in ran.items()} == {
        "migrate": (0, "This is migrate.\n"),
        "web": (0, "This is web.\n"),
        "greeter": (0, "Hello, world\n"),
        "report": (0, "This is report.\n"),
    }
    assert {name: one.image for name, one in ran.items()} == {
        **{name: cluster.reference(name) for name in IMAGES},
        "greeter": cluster.reference("web"),
    }
    assert _pulled(cluster.proxy.take()) == [f"/v2/kube/{name}/manifests/{cluster.digest(name)}" for name in IMAGES]


def test_a_node_without_the_login_gets_nothing(cluster: Cluster, node: Node) -> None:
    with pytest.raises(grpc.RpcError, match="401 Unauthorized"):
        node.pull(cluster.reference("web"), anonymous=True)


def test_unchanged_workloads_are_sent_unchanged(cluster: Cluster, deployed: Run) -> None:
    again = cluster.pants("experimental-deploy", "deploy::")
    assert {exchange.method for exchange in again.exchanges} == {"HEAD"}
    assert again.bodies == deployed.bodies


def test_a_cluster_that_refuses_is_quoted(cluster: Cluster, deployed: Run) -> None:
    cluster.api.refusal = 'deployments.apps "web" is forbidden: quota exceeded'
    try:
        refused = cluster.pants("experimental-deploy", "deploy:shop", check=False)
    finally:
        cluster.api.refusal = ""
    assert refused.result.exit_code == 1, refused.result
    printed = refused.result.stdout + refused.result.stderr
    assert 'Error from server (Forbidden): deployments.apps "web" is forbidden: quota exceeded' in printed
    assert "✕ deploy:shop" in printed


# Last, because it changes what is published.
def test_an_edit_changes_only_the_workloads_that_run_it(cluster: Cluster, deployed: Run, node: Node) -> None:
    cluster.root.write({"services/web.txt": "This is the new web.\n"})
    edited = cluster.pants("experimental-deploy", "deploy::")
    assert {name for name, body in edited.bodies.items() if body != deployed.bodies[name]} == {
        "web",
        "canary",
        "live-web",
        "charted",
    }
    cluster.proxy.take()
    # This reference has a tag before the digest; the node ignores the tag.
    ran = node.run(edited.written("charted").document["spec"]["template"]["spec"])
    assert ran["web"].output == "This is the new web.\n"
    assert _pulled(cluster.proxy.take()) == [f"/v2/kube/web/manifests/{cluster.digest('web')}"]


def _documents(text: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def _images(workload: Mapping[str, Any]) -> list[str]:
    pod = workload["spec"]["template"]["spec"]
    return [container["image"] for kind in ("initContainers", "containers") for container in pod.get(kind, ())]


def _pulled(exchanges: tuple[Exchange, ...]) -> list[str]:
    """The paths of the fetched manifests; none was requested by tag."""
    manifests = [exchange for exchange in exchanges if "/manifests/" in exchange.path]
    assert not [exchange for exchange in manifests if "/manifests/sha256:" not in exchange.path]
    return sorted(exchange.path for exchange in manifests if (exchange.method, exchange.status) == ("GET", 200))


def _name(write: Write) -> str:
    return str(write.document["metadata"]["name"])
