"""Manifests of every kind and style: rendered, they differ from their sources only in the images.

They are modelled on public charts and examples, and contain what is hard to parse. The results are checked with another
parser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from ocikit.manifests.pants_url import PantsUrl
from ocikit.manifests.scan import Scan, decode, scan
from ocikit.manifests.substitute import replace

FOLDER = Path(__file__).parent / "manifests"
HEX = "e3" * 32

# The number of spans, of look-alikes left as they are that need attention, and of look-alikes in comments.
FOUND = {
    "argo-application.yaml": (3, 1, 0),
    "argo-rollout.yaml": (2, 0, 0),
    "argo-workflow.yaml": (3, 1, 0),
    "cloudnative-pg.yaml": (2, 0, 0),
    "compose-extensions.yaml": (3, 0, 0),
    "compose-overrides.yaml": (3, 0, 0),
    "compose-profiles.yaml": (3, 1, 0),
    "compose.yaml": (2, 0, 0),
    "config-map.yaml": (1, 5, 0),
    "crlf.yaml": (2, 0, 0),
    "cron-job.yaml": (1, 0, 0),
    "custom-resource-definition.yaml": (1, 1, 0),
    "daemonset.yaml": (1, 0, 0),
    "deployment.json": (2, 1, 0),
    "deployment.yaml": (2, 0, 0),
    "elastic.yaml": (2, 0, 0),
    "flux-helm-release.yaml": (6, 0, 0),
    "helm-global-values.yaml": (9, 0, 0),
    "helm-values.yaml": (4, 1, 1),
    "image-volume.yaml": (2, 0, 0),
    "istio-pod.yaml": (2, 2, 0),
    "job.yaml": (1, 1, 0),
    "keda-scaled-job.yaml": (1, 0, 0),
    "knative-service.yaml": (1, 0, 0),
    "kustomization.yaml": (6, 2, 0),
    "kustomize-patch.yaml": (2, 0, 0),
    "list.yaml": (2, 0, 0),
    "long.yaml": (1, 1, 0),
    "many-documents.yaml": (2, 0, 1),
    "minified.json": (2, 1, 0),
    "mixed-line-breaks.yaml": (2, 1, 0),
    "no-final-newline.yaml": (3, 0, 0),
    "odd-style.yaml": (5, 0, 1),
    "old-line-breaks.yaml": (2, 0, 0),
    "open-shift.yaml": (1, 0, 0),
    "operator-env.yaml": (4, 2, 0),
    "pod-init-ephemeral.yaml": (4, 1, 1),
    "pod-template.yaml": (1, 0, 0),
    "pod.yaml": (1, 0, 0),
    "prometheus.yaml": (3, 0, 0),
    "replicaset.yaml": (2, 0, 0),
    "replication-controller.yaml": (1, 0, 0),
    "spark-application.yaml": (3, 0, 0),
    "stack.yaml": (2, 1, 0),
    "statefulset.yaml": (2, 1, 0),
    "strimzi-kafka.yaml": (3, 0, 0),
    "tekton-pipeline.yaml": (2, 1, 0),
    "tekton-task.yaml": (4, 1, 0),
    "unicode.yaml": (2, 0, 1),
}

VALUES = {
    "by-host": f"registry.example/shop/web@sha256:{HEX}",
    "by-ipv6": f"[::1]:5000/shop/web@sha256:{HEX}",
    "number": "1.0",
}

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# PyYAML reads YAML 1.1, where a "?" ends an unquoted scalar in braces.
_QUERY = re.compile(r"\?(?=part=|registry=)")


def _read(name: str) -> tuple[str, Scan]:
    text = decode((FOLDER / name).read_bytes(), name)
    return text, scan(text, name)


def test_every_manifest_is_in_the_table() -> None:
    assert sorted(FOUND) == sorted(path.name for path in FOLDER.glob("[!.]*"))
    assert len(FOUND) >= 40


@pytest.mark.parametrize("name", FOUND)
def test_the_places_found(name: str) -> None:
    _, scanned = _read(name)
    comments = [left.is_comment for left in scanned.unreplaced]
    assert (len(scanned.spans), comments.count(False), comments.count(True)) == FOUND[name]
    for place in scanned.spans:
        PantsUrl.parse(place.address)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("name", FOUND)
def test_only_lines_with_images_differ(name: str, value: str) -> None:
    text, scanned = _read(name)
    rendered = replace(text, scanned.spans, [value] * len(scanned.spans))
    before, after = _LINE.findall(text.encode()), _LINE.findall(rendered.encode())
    assert len(before) == len(after)
    changed = [number for number, (old, new) in enumerate(zip(before, after), 1) if old != new]
    assert changed == sorted({place.line for place in scanned.spans})
    for number in changed:
        addresses = [place.address for place in scanned.spans if place.line == number]
        old, new = before[number - 1].replace(b"\\/", b"/"), after[number - 1]
        for address in addresses:
            old = re.sub(rb"([\"']?)%b\1" % re.escape(address.encode()), b"IMAGE", old, count=1)
        assert old == re.sub(rb"([\"']?)%b\1" % re.escape(value.encode()), b"IMAGE", new, count=len(addresses))


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("name", FOUND)
def test_another_parser_finds_that_only_images_differ(name: str, value: str) -> None:
    text, scanned = _read(name)
    rendered = replace(text, scanned.spans, [value] * len(scanned.spans))
    before, after = list(_data(text)), list(_data(rendered))
    expected = [(one.path, one.tag, value if one.is_image else one.text) for one in before]
    assert [(one.path, one.tag, one.text) for one in after] == expected
    # An aliased node is read twice but written once.
    assert len({one.position for one in before if one.is_image}) == len(scanned.spans)


@pytest.mark.parametrize("name", [name for name in FOUND if name.endswith(".json")])
def test_json_stays_json(name: str) -> None:
    text, scanned = _read(name)
    rendered = json.loads(replace(text, scanned.spans, [VALUES["by-ipv6"]] * len(scanned.spans)))
    source = json.dumps(json.loads(text))
    for place in scanned.spans:
        source = source.replace(f'"{place.address}"', f'"{VALUES["by-ipv6"]}"')
    assert rendered == json.loads(source)


class _Datum(NamedTuple):
    path: str
    is_image: bool
    tag: str
    text: str
    position: int


def _data(text: str) -> Iterator[_Datum]:
    """Every key and every value, with its type."""
    # PyYAML rejects tabs.
    readable = _QUERY.sub("+", text.replace("\t", " "))
    documents = yaml.compose_all(readable, Loader=yaml.SafeLoader)  # type: ignore[no-untyped-call]
    for number, node in enumerate(documents):
        yield from _node_data(node, str(number), is_key=False)


def _node_data(node: Any, path: str, is_key: bool) -> Iterator[_Datum]:
    if isinstance(node, yaml.MappingNode):
        for number, (key, value) in enumerate(node.value):
            yield from _node_data(key, f"{path}.{number}?", is_key=True)
            yield from _node_data(value, f"{path}.{number}", is_key)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _node_data(item, f"{path}.{number}", is_key)
    else:
        one_line = node.style not in ("|", ">") and node.start_mark.line == node.end_mark.line
        is_image = one_line and not is_key and re.fullmatch(r"pants://\S*", node.value) is not None
        yield _Datum(path, is_image, node.tag, node.value, node.start_mark.index)
