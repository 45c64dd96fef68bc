"""A repository whose services run on Kubernetes: by manifests, a kustomization and a Helm chart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

IMAGES = ("migrate", "report", "web")

_SERVICES = """\
files(name="busybox", sources=["busybox"])
oci_image(name="tools", dependencies=[":busybox"], entrypoint=["/services/busybox", "sleep", "3600"])
oci_push(name="pause", image=":tools", repository="kube/pause")
"""
_SERVICE = """\
file(name="{name}-text", source="{name}.txt")
oci_image(
    name="{name}-image",
    base=":tools",
    dependencies=[":{name}-text"],
    entrypoint=["/services/busybox", "cat", "/services/{name}.txt"],
)
oci_push(name="{name}", image=":{name}-image", repository="kube/{name}")
"""
_DEPLOYMENTS = """\
oci_deployment(
    name="shop", sources=["shop.yaml"], context="production", namespace="shop", arguments=["--cache-dir={cache}"]
)
files(name="base", sources=["base/*"])
oci_deployment(
    name="live",
    tool="kustomize",
    sources=["live/kustomization.yaml"],
    dependencies=[":base"],
    arguments=["--cache-dir={cache}"],
)
files(name="chart", sources=["chart/**/*"])
oci_deployment(
    name="release",
    sources=["values.yaml"],
    dependencies=[":chart"],
    command=[
        "{helm}", "upgrade", "--install", "charted", "chart", "--values=values.yaml",
        "--kube-context=production", "--namespace=charts",
    ],
)
"""
SHOP = """\
# The shop, as it runs.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
        - name: migrate
          image: pants://services:migrate
      containers:
        - name: web
          image: "pants://services:web"   # quoted
        - name: greeter
          image: pants://services:web
          command: [/services/busybox, sh, -c, 'echo "$GREETING, $0"']
          args: [world]
          env: [{name: GREETING, value: Hello}]
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
spec:
  schedule: "0 4 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - {name: report, image: 'pants://services:report'}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: canary
spec:
  strategy: {canary: {steps: [{setWeight: 20}]}}
  template:
    spec:
      containers:
        - name: web
          image: pants://services:web
"""
_BASE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web}]
"""
_KUSTOMIZATION = """\
namePrefix: live-
bases: [../base]
images:
  - name: web
    newName: pants://services:web?part=name
    digest: pants://services:web?part=digest
"""
_CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
_TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
        - name: migrate
          image: {{ .Values.migrate }}
      containers:
        - name: web
          image: "{{ .Values.web.repository }}:{{ .Values.web.tag }}"
"""
_VALUES = """\
migrate: pants://services:migrate
web:
  repository: pants://services:web?part=name
  tag: pants://services:web?part=tag
"""


def files(helm: str, cache: Path) -> Mapping[str, str | bytes]:
    """Files by path. `helm`: the program; `cache`: the folder of kubectl's cache.

    The kustomization is written for the oldest kustomize in use, that of kubectl 1.20.
    """
    return {
        "services/BUILD": _SERVICES + "".join(_SERVICE.format(name=name) for name in IMAGES),
        "services/busybox": Path("/bin/busybox").read_bytes(),
        **{f"services/{name}.txt": f"This is {name}.\n" for name in IMAGES},
        "deploy/BUILD": _DEPLOYMENTS.format(helm=helm, cache=cache),
        "deploy/shop.yaml": SHOP,
        "deploy/base/kustomization.yaml": "resources: [web.yaml]\n",
        "deploy/base/web.yaml": _BASE,
        "deploy/live/kustomization.yaml": _KUSTOMIZATION,
        "deploy/chart/Chart.yaml": _CHART,
        "deploy/chart/templates/web.yaml": _TEMPLATE,
        "deploy/values.yaml": _VALUES,
    }
