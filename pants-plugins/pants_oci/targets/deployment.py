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
    """The tool that applies rendered manifests."""

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

        Pants replaces a value such as `pants://services/web:push` with the reference that this `oci_push` publishes,
        pinned by digest: `registry.example/shop/web@sha256:…`. Everything else stays byte for byte as it is. The
        address may be relative (`pants://:push`), and may be followed by:

            ?registry=ghcr      the registry, if the target publishes to several: an alias, or an address
            ?part=digest        only a part of the reference: `name` (registry and repository), `registry`,
                                `repository`, `tag` (the first tag and the digest: `1.0@sha256:…`), or `digest`

        or both with `&` between them. Parts are for kustomizations and charts that need them separately:

            images:
              - name: web
                newName: pants://services/web:push?part=name
                digest: pants://services/web:push?part=digest
        """
    )


class OciDeploymentDependenciesField(OciPackagedDependenciesField):
    help = help_text(
        """
        Pants infers the push targets that the sources name. Add `files` that the tool or the command needs in addition
        to the sources, such as a chart or a kustomization's base: they are copied as they are.

        Example: `dependencies=[":chart"]`
        """
    )


class OciDeploymentToolField(StringField):
    alias = "tool"
    valid_choices = DeploymentTool
    default = DeploymentTool.KUBECTL.value
    help = help_text(
        """
        The tool with which `experimental-deploy` applies the sources, in the order of the field `sources`: `"kubectl"`
        (`kubectl apply --server-side`), `"kustomize"` (the same with `--kustomize`, for the kustomization in the
        target's own folder, or else the only one among the sources), or `"stack"` (`docker stack deploy
        --with-registry-auth`, for Docker Swarm). Use `command` for other tools.

        Example: `tool="kustomize"`
        """
    )


class OciDeploymentCommandField(StringSequenceField):
    alias = "command"
    help = help_text(
        """
        A command of your own that `experimental-deploy` runs instead of `tool`, in the target's folder among the
        rendered files, such as `command=["helm", "upgrade", "--install", "web", "./chart", "--values=values.yaml"]`.
        Its first word is on the PATH or, with a slash, a file from that folder. The command itself says where it
        deploys to: the other fields and options for that are not used.
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
        The only context of kubectl, or of Docker for a stack, to deploy to: `context="production"`. By default,
        `[oci].deployment_context`, or without one the current context of the tool.
        """
    )


class OciDeploymentNamespaceField(StringField):
    alias = "namespace"
    help = help_text(
        """
        The namespace for kubectl, such as `namespace="shop"`. By default, `[oci].deployment_namespace`, or without one
        that of the context.
        """
    )


class OciDeploymentStackField(StringField):
    alias = "stack"
    help = help_text(
        """
        The name of the stack, for `tool="stack"`, such as `stack="shop"`. By default, the target's name.
        """
    )


class OciDeploymentRegistryField(StringField):
    alias = "registry"
    help = help_text(
        """
        The registry to pull from, if a push target publishes to several and the source names none: an alias of
        `[oci].registries` or an address.

        Example: `registry="ghcr"`
        """
    )


class OciDeploymentRenderedDirField(StringField):
    alias = "rendered_dir"
    help = help_text(
        """
        A folder of the repository, relative to the BUILD file, for the rendered sources, such as
        `rendered_dir="live"`. The goal `oci-render` writes them there. Commit them: they record, and lock, what runs
        where. `--oci-deployment-check` fails if they are stale, and `--oci-deployment-use-committed` applies them as
        they are.
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
        OciDeploymentRenderedDirField,
        OciOutputPathField,
    )
    help = help_text(
        """
        Manifests that name push targets. `package` writes them below `dist/`, with each address replaced by a reference
        that is pinned by digest; `experimental-deploy` publishes what changed, and applies the manifests.

        Example:

            oci_deployment(
                name="production",
                sources=["web.yaml"],       # image: pants://services/web:push
                context="production",
                namespace="shop",
            )
        """
    )
