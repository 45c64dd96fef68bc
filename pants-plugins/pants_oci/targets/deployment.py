"""`oci_deployment`: manifests that name push targets, and how they are applied."""

from __future__ import annotations

from enum import Enum

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    MultipleSourcesField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from pants_oci.targets.image import OciOutputPathField
from pants_oci.targets.packaged import OciPackagedDependenciesField


class DeploymentTool(Enum):
    """What applies rendered manifests."""

    KUBECTL = "kubectl"
    KUSTOMIZE = "kustomize"
    STACK = "stack"


class OciDeploymentSourcesField(MultipleSourcesField):
    alias = "sources"
    required = True
    uses_source_roots = False
    help = help_text(
        """
        The files to render, such as `sources=["web.yaml", "database/*.yaml"]`: Kubernetes manifests of any kind,
        kustomizations, values of Helm charts, Compose files.

        A value such as `pants://services/web:push` becomes the reference of what that `oci_push` publishes, pinned by
        digest: `registry.example/shop/web@sha256:…`. All else stays byte for byte as it is. The address may be
        relative (`pants://:push`), and may be followed by:

            ?registry=ghcr      which registry, where the target publishes to several: an alias, or an address
            ?part=digest        only a part of the reference: `name` (registry and repository), `registry`,
                                `repository`, `tag` (the first tag and the digest: `1.0@sha256:…`), or `digest`

        and both with `&` between them. Parts are for kustomizations and charts that want them apart:

            images:
              - name: web
                newName: pants://services/web:push?part=name
                digest: pants://services/web:push?part=digest
        """
    )


class OciDeploymentDependenciesField(OciPackagedDependenciesField):
    help = help_text(
        """
        The push targets that the sources name are inferred. Name `files` here that the tool or the command needs beside
        the sources, such as a chart or a kustomization's base: they are copied as they are.

        Example: `dependencies=[":chart"]`
        """
    )


class OciDeploymentToolField(StringField):
    alias = "tool"
    valid_choices = DeploymentTool
    default = DeploymentTool.KUBECTL.value
    help = help_text(
        """
        What `experimental-deploy` applies the sources with, in the order in which `sources` names them: `"kubectl"`
        (`kubectl apply --server-side`), `"kustomize"` (the same with `--kustomize`, for the kustomization in the
        target's own folder, or else the only one among the sources), or `"stack"` (`docker stack deploy
        --with-registry-auth`, for Docker Swarm). `command` is for everything else.

        Example: `tool="kustomize"`
        """
    )


class OciDeploymentCommandField(StringSequenceField):
    alias = "command"
    help = help_text(
        """
        A command of your own that `experimental-deploy` runs in place of `tool`, in the target's folder among the
        rendered files, such as `command=["helm", "upgrade", "--install", "web", "./chart", "--values=values.yaml"]`.
        Its first word is on the PATH, or with a slash a file from that folder. Where it deploys to is the command's own
        business: the other fields and options for that do not reach it.
        """
    )


class OciDeploymentArgumentsField(StringSequenceField):
    alias = "arguments"
    help = help_text(
        """
        More arguments for `tool`, such as `arguments=["--force-conflicts"]` for kubectl or `arguments=["--prune"]` for
        a stack.
        """
    )


class OciDeploymentContextField(StringField):
    alias = "context"
    help = help_text(
        """
        The context of kubectl, or of Docker for a stack, so that it is deployed nowhere else: `context="production"`.
        By default `[oci].deployment_context`, and without one what the tool itself has for current.
        """
    )


class OciDeploymentNamespaceField(StringField):
    alias = "namespace"
    help = help_text(
        """
        The namespace for kubectl, such as `namespace="shop"`. By default `[oci].deployment_namespace`, and without one
        the context's own.
        """
    )


class OciDeploymentStackField(StringField):
    alias = "stack"
    help = help_text(
        """
        The name of the stack, for `tool="stack"`, such as `stack="shop"`. By default the target's name.
        """
    )


class OciDeploymentRegistryField(StringField):
    alias = "registry"
    help = help_text(
        """
        Which registry is meant, where a push target publishes to several and the source does not say: an alias of
        `[oci].registries` or an address.

        Example: `registry="ghcr"`
        """
    )


class OciDeploymentRenderedField(StringField):
    alias = "rendered"
    help = help_text(
        """
        A folder of the repository, relative to the BUILD file, for the rendered sources, such as `rendered="live"`: the
        goal `oci-render` writes them there, to be committed. They tell, and lock, what runs where.
        `--oci-deployment-check` fails when they are stale, and `--oci-deployment-committed` applies them as they are.
        """
    )


class OciDeploymentTarget(Target):
    alias = "oci_deployment"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OciDeploymentSourcesField,
        OciDeploymentDependenciesField,
        OciDeploymentToolField,
        OciDeploymentCommandField,
        OciDeploymentArgumentsField,
        OciDeploymentContextField,
        OciDeploymentNamespaceField,
        OciDeploymentStackField,
        OciDeploymentRegistryField,
        OciDeploymentRenderedField,
        OciOutputPathField,
    )
    help = help_text(
        """
        Manifests that name push targets. `package` writes them below `dist/`, with each address replaced by a reference
        that is pinned by digest; `experimental-deploy` publishes what changed, and applies them.

        Example:

            oci_deployment(
                name="production",
                sources=["web.yaml"],       # image: pants://services/web:push
                context="production",
                namespace="shop",
            )
        """
    )
