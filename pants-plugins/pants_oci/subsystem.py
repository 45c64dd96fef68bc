"""The options of the backend: `[oci]`, and `[ocikit]` for the tool that runs in sandboxes."""

from __future__ import annotations

import os
from enum import Enum

from pants.backend.python.subsystems.python_tool_base import PythonToolRequirementsBase
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.option.option_types import (
    BoolOption,
    DictOption,
    EnumOption,
    IntOption,
    ShellStrListOption,
    StrListOption,
    StrOption,
)
from pants.option.option_value_container import OptionValueContainer
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap

from ocikit.errors import InvalidInput
from ocikit.layer.limits import DEFAULT_LIMITS, NAME_BYTES, Limits
from pants_oci.registry_keys import REGISTRY_KEYS


class PackageFormat(Enum):
    """The format that `package` writes."""

    LAYOUT = "layout"
    ARCHIVE = "archive"


class Verify(Enum):
    """What `publish` checks before it reports a reference as unchanged."""

    TAG = "tag"
    BLOBS = "blobs"


class EngineChoice(Enum):
    """The container engine that `run` uses."""

    AUTO = "auto"
    DOCKER = "docker"
    PODMAN = "podman"


_REGISTRIES_HELP = (
    softwrap(
        """
        The registries to publish to, by alias:

            [oci.registries.ghcr]
            address = "ghcr.io/acme"
            default = true

        Without any, Pants publishes to Docker Hub. It uses the credentials of `docker login` and `podman login`. Keys:
        """
    )
    + "\n\n"
    + "\n\n".join(f"* `{key}`: {meaning}" for key, meaning in REGISTRY_KEYS.items())
)


class OciSubsystem(Subsystem):
    options_scope = "oci"
    help = help_text(
        """
        Container images from the dependency graph: `oci_image` and `oci_push` targets.

        Example:

            [oci]
            compression = "zstd"
            report = "dist/publish.json"
        """
    )

    _registries = DictOption[object](
        flag_name="--registries",
        help=_REGISTRIES_HELP,
        fromfile=True,
    )
    docker_registries = BoolOption(
        default=False,
        help=softwrap(
            """
            Also use the registries of `[docker.registries]`, the option of Pants's Docker backend, which must be
            enabled. `address`, `default`, `extra_image_tags`, `skip_push` and `repository` have the same meaning as in
            `[oci.registries]`; `use_local_alias` is ignored.

            Example: `docker_registries = true`
            """
        ),
    )
    default_repository = StrOption(
        default="{full_directory}",
        help=softwrap(
            """
            The repository of each `oci_push` that sets none, such as `default_repository = "shop/{name}"`. The help of
            `oci_push` lists the placeholders.
            """
        ),
    )
    package_format = EnumOption(
        default=PackageFormat.LAYOUT,
        help=softwrap(
            """
            The format that `package` writes for an `oci_image`: `layout`, a directory (an OCI image layout), or
            `archive`, one tar that `docker load`, `podman load` and `skopeo` read, such as
            `package_format = "archive"`.
            """
        ),
    )
    _lockfile = StrOption(
        flag_name="--lockfile",
        default="oci.lock",
        help=softwrap(
            """
            The lock file, relative to the build root, with the digests that the tags of `oci_base` targets name, such
            as `lockfile = "images/oci.lock"`. The goal `oci-lock` writes it; commit it.
            """
        ),
    )
    compression = StrOption(
        default="gzip",
        help=softwrap(
            """
            The compression of layers: `gzip`, `zstd` or `none`, with an optional level such as `gzip:9` (1 to 12,
            default 6) or `zstd:19` (1 to 19, default 3). All engines read `gzip`; `zstd` is smaller and faster, and
            needs engines of 2021 or later: `compression = "zstd"`.
            """
        ),
    )
    max_python_layers = IntOption(
        default=8,
        help=softwrap(
            """
            The maximum number of layers for the third-party distributions of a `pex_binary`, such as
            `max_python_layers = 4`. Distributions of 5 MB and more get a layer each, the largest first; all others
            share one.
            """
        ),
    )

    _max_layer_files = IntOption(
        flag_name="--max-layer-files",
        default=DEFAULT_LIMITS.files,
        help=softwrap(
            f"""
            The maximum number of files in all layers of an image that `oci-inspect` and `oci-diff` list, such as
            `max_layer_files = 1000000`. Each file takes up to 600 bytes of memory, with a name of {NAME_BYTES} bytes on
            average. The limit keeps a hostile image from using all memory.
            """
        ),
        advanced=True,
    )
    _max_layer_expansion = IntOption(
        flag_name="--max-layer-expansion",
        default=DEFAULT_LIMITS.expansion,
        help=softwrap(
            """
            The maximum number of bytes that a byte of a compressed layer, or of a compressed archive that is a base,
            expands to, beyond the first 64 MiB. Raise it, such as `max_layer_expansion = 2000`, for a layer that you
            trust and that is nearly all zeros. The limit keeps a small download from taking hours and filling disks.
            """
        ),
        advanced=True,
    )

    engine = EnumOption(
        default=EngineChoice.AUTO,
        help=softwrap(
            """
            The container engine in which `run` runs an `oci_image`: `docker`, `podman`, or `auto`, the first of the two
            that is on the PATH and responds.

            Example: `engine = "podman"`
            """
        ),
    )
    run_args = ShellStrListOption(
        help=softwrap(
            """
            Arguments that `run` passes to `docker run` or `podman run` before the image, such as
            `run_args = ["-p", "8080:8080"]`. Arguments after `--` replace those of the image.
            """
        ),
    )
    tailor_directories = StrListOption(
        help=softwrap(
            """
            Directories in which `tailor` proposes an `oci_image` and an `oci_push` for targets that can be packaged and
            run, such as a `pex_binary`; by default none. `*` is one part of a path, `**` any number of them, and `.`
            the build root.

            Example: `tailor_directories = ["services/*"]`
            """
        ),
    )

    verify = EnumOption(
        default=Verify.TAG,
        help=softwrap(
            """
            When a reference counts as unchanged: `tag`, if its tag has the image's digest (one request), or `blobs`, if
            the registry also has every blob of the image (a request for each). `blobs` finds and repairs what a
            registry lost.

            Example: `verify = "blobs"`
            """
        ),
    )
    dry_run = BoolOption(
        default=False,
        help=softwrap(
            """
            With `publish`: query the registries, report what would be uploaded where and why, and change nothing:
            `dry_run = true`, or `--oci-dry-run` for one run.
            """
        ),
    )
    report = StrOption(
        default=None,
        help=softwrap(
            """
            A file, relative to the build root, to which `publish` writes the outcome of each reference and the reason.
            `report = "dist/publish.html"` is a page that a browser shows without a server. Any other name is a JSON
            file, such as `report = "dist/publish.json"`, with the data that `--publish-output` has as well.
            """
        ),
    )

    deployment_check = BoolOption(
        default=False,
        help=softwrap(
            """
            Fail if the committed files of an `oci_deployment` differ from what it renders: with `package` and
            `experimental-deploy`, before anything is published, and with `oci-render`, which then writes nothing.

            Example: `deployment_check = true`, or `--oci-deployment-check` for one run.
            """
        ),
    )
    deployment_use_committed = BoolOption(
        default=False,
        help=softwrap(
            """
            With `experimental-deploy`: apply the committed files as they are, and build and publish nothing. Pants
            first checks that the registries have the pinned images. Use it to go back to an earlier commit.

            Example: `deployment_use_committed = true`, or `--oci-deployment-use-committed` for one run.
            """
        ),
    )
    deployment_context = StrOption(
        default=None,
        help=softwrap(
            """
            The context of kubectl, or of Docker for stacks, for each `oci_deployment` that sets none, such as
            `deployment_context = "staging"`.
            """
        ),
    )
    deployment_namespace = StrOption(
        default=None,
        help=softwrap(
            """
            The namespace for kubectl, for each `oci_deployment` that sets none, such as
            `deployment_namespace = "shop"`.
            """
        ),
    )
    deployment_dry_run = BoolOption(
        default=False,
        help=softwrap(
            """
            With `experimental-deploy`: publish nothing and change nothing. kubectl asks the cluster what would change
            (`--dry-run=server`); for other tools, Pants only shows the command.

            Example: `deployment_dry_run = true`, or `--oci-deployment-dry-run` for one run.
            """
        ),
    )

    class EnvironmentAware(Subsystem.EnvironmentAware):
        env_vars = StrListOption(
            default=[
                "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
                "all_proxy", "https_proxy", "http_proxy", "no_proxy",
                "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE",
            ],
            help=softwrap(
                """
                Environment variables for the process that connects to registries, as `NAME` or `NAME=value`: those that
                proxies, certificates and credential helpers need, such as
                `env_vars.add = ["AWS_PROFILE", "AWS_REGION=eu-central-1"]`.

                The process always gets `HOME`, `PATH`, and the variables for the credentials and sockets of Docker and
                Podman, such as `DOCKER_CONFIG`, `DOCKER_HOST`, `REGISTRY_AUTH_FILE` and `CONTAINER_HOST`.
                """
            ),
            advanced=True,
        )  # fmt: skip

    @property
    def lockfile(self) -> str:
        """The path from the build root. Raises InvalidInput if the path is not below the build root."""
        path = os.path.normpath(self._lockfile)
        if os.path.isabs(path) or path.split(os.sep)[0] in (os.curdir, os.pardir):
            raise InvalidInput(
                f'[oci].lockfile: expected the path of a file below the build root, got "{self._lockfile}".'
            )
        return path

    @property
    def layer_limits(self) -> Limits:
        """The limits for reading layers. Raises InvalidInput."""
        return Limits(self._max_layer_files, self._max_layer_expansion)

    @property
    def registry_tables(self) -> dict[str, object]:
        """The tables as the user wrote them; `ConfiguredRegistries` parses them."""
        return self._registries


class Ocikit(PythonToolRequirementsBase):
    """The requirements of the library. The step that runs the library puts its sources into each sandbox."""

    options_scope = "ocikit"
    help_short = "The tool that writes layers and connects to registries."
    help = help_text(
        """
        The tool that writes layers and connects to registries. Its requirements come from a lock file of this plugin;
        a resolve of your own can replace it.

        The tool runs on the oldest CPython from 3.10 on that Pants finds. It runs on 3.9 if there is no newer one: the
        lock file has older releases for 3.9. Set `interpreter_constraints` to choose another one.

        Example:

            [python.resolves]
            images = "3rdparty/images.lock"

            [ocikit]
            install_from_resolve = "images"
            requirements = ["requests", "deflate", "ruamel.yaml", "zstandard"]
            interpreter_constraints = ["CPython==3.12.*"]
        """
    )

    # The lock file has all of these; the lines are for users who install from a resolve of their own.
    default_version = "requests>=2.32,<3"
    default_extra_requirements = [
        "deflate>=0.8.1,<0.10",
        "ruamel.yaml>=0.18,<0.20",
        "urllib3>=2,<3",
        "zstandard==0.25.0",
    ]
    default_requirements = [default_version, *default_extra_requirements]
    default_lockfile_resource = ("pants_oci", "ocikit.lock")
    register_interpreter_constraints = True
    default_interpreter_constraints = ["CPython>=3.9,<3.15"]
    # The Pythons for which the lock file has the newest release of each requirement. A test compares the two.
    newest_interpreter_constraints = ("CPython>=3.10,<3.15",)
    # Pants's constructor sets this attribute.
    options: OptionValueContainer

    @property
    def preferred_interpreter_constraints(self) -> InterpreterConstraints | None:
        """The Pythons to prefer among those of `interpreter_constraints`.

        None if the user has set that option, or installs from a resolve: the preference is for our lock file.
        """
        if self.install_from_resolve or not self.options.is_default("interpreter_constraints"):
            return None
        return InterpreterConstraints(self.newest_interpreter_constraints)

    @classmethod
    def _default_package_name_and_version(cls) -> None:
        """Return None: for help texts, Pants since 2.22 reads the lock file, and expects Pex's own format."""
