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
    """What `package` writes for an `oci_image`."""

    LAYOUT = "layout"
    ARCHIVE = "archive"


class Verify(Enum):
    """What `publish` wants to see before it takes a reference for unchanged."""

    TAG = "tag"
    BLOBS = "blobs"


class EngineChoice(Enum):
    """What `run` runs images in."""

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

        Without any, images go to Docker Hub. Credentials are those of `docker login` and `podman login`. Keys:
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
            Use the registries of `[docker.registries]` as well, the option of Pants's Docker backend, which must be
            enabled. `address`, `default`, `extra_image_tags`, `skip_push` and `repository` mean here what they mean in
            `[oci.registries]`; `use_local_alias` means nothing.

            Example: `docker_registries = true`
            """
        ),
    )
    default_repository = StrOption(
        default="{full_directory}",
        help=softwrap(
            """
            The repository of an `oci_push` that names none, with the placeholders that `oci_push` lists, such as
            `default_repository = "shop/{name}"`.
            """
        ),
    )
    package_format = EnumOption(
        default=PackageFormat.LAYOUT,
        help=softwrap(
            """
            What `package` writes for an `oci_image`: `layout`, a directory (an OCI image layout), or `archive`, one
            tar that `docker load`, `podman load` and `skopeo` read: `package_format = "archive"`.
            """
        ),
    )
    _lockfile = StrOption(
        flag_name="--lockfile",
        default="oci.lock",
        help=softwrap(
            """
            The file, relative to the build root, that says which images the tags of `oci_base` targets name, such as
            `lockfile = "images/oci.lock"`. The goal `oci-lock` writes it; commit it.
            """
        ),
    )
    compression = StrOption(
        default="gzip",
        help=softwrap(
            """
            How layers are compressed: `gzip`, `zstd` or `none`, with a level where the default is not wanted, such
            as `gzip:9` (1 to 12, default 6) or `zstd:19` (1 to 19, default 3). `gzip` is read everywhere; `zstd` is
            smaller and faster, and needs engines of 2021 or later: `compression = "zstd"`.
            """
        ),
    )
    layer_budget = IntOption(
        default=8,
        help=softwrap(
            """
            How many layers the third-party distributions of a `pex_binary` become at most, such as
            `layer_budget = 4`: those of 5 MB and more one each, the largest first, and all others one together.
            """
        ),
    )

    _max_layer_files = IntOption(
        flag_name="--max-layer-files",
        default=DEFAULT_LIMITS.files,
        help=softwrap(
            f"""
            How many files the layers of an image may have together for `oci-inspect` and `oci-diff` to list them, such
            as `max_layer_files = 1000000`. Each takes up to 600 bytes of memory, with a name of {NAME_BYTES} bytes on
            average. It keeps a hostile image from taking all of it.
            """
        ),
        advanced=True,
    )
    _max_layer_expansion = IntOption(
        flag_name="--max-layer-expansion",
        default=DEFAULT_LIMITS.expansion,
        help=softwrap(
            """
            How many bytes a byte of a compressed layer, or of a compressed archive that is a base, may become, above 64
            MiB, which are free. Raise it, such as `max_layer_expansion = 2000`, for a layer that you trust and that is
            nearly all zeros. It keeps a small download from taking hours and disks.
            """
        ),
        advanced=True,
    )

    engine = EnumOption(
        default=EngineChoice.AUTO,
        help=softwrap(
            """
            What `run` loads an `oci_image` into and runs it with: `docker`, `podman`, or `auto`, the first of the two
            that is on the PATH and answers.

            Example: `engine = "podman"`
            """
        ),
    )
    run_args = ShellStrListOption(
        help=softwrap(
            """
            Arguments of `docker run` and `podman run`, for `run`: they stand before the image, such as
            `run_args = ["-p", "8080:8080"]`. Arguments for what is in the image follow `--`, and replace its own.
            """
        ),
    )
    tailor = StrListOption(
        help=softwrap(
            """
            Directories in which `tailor` proposes an `oci_image` and an `oci_push` for what can be packaged and run,
            such as a `pex_binary`: `tailor = ["services/*"]` for example; by default none. `*` is one part of a path,
            `**` any number of them, and `.` the build root.
            """
        ),
    )

    verify = EnumOption(
        default=Verify.TAG,
        help=softwrap(
            """
            When a reference counts as unchanged: `tag`, its tag has the image's digest (one request), or `blobs`, every
            blob of the image is there as well (a request for each), which finds and repairs what a registry lost.

            Example: `verify = "blobs"`
            """
        ),
    )
    dry_run = BoolOption(
        default=False,
        help=softwrap(
            """
            With `publish`: ask the registries, tell what would be sent where and why, and change nothing:
            `dry_run = true`, or `--oci-dry-run` for one run.
            """
        ),
    )
    report = StrOption(
        default=None,
        help=softwrap(
            """
            A file, relative to the build root, to which `publish` writes what became of each reference and why:
            `report = "dist/publish.html"` is a page for people, which a browser shows without a server, any other name
            a JSON file, `report = "dist/publish.json"`. What is in that is what `--publish-output` has as well.
            """
        ),
    )

    deployment_check = BoolOption(
        default=False,
        help=softwrap(
            """
            Fail where the committed files of an `oci_deployment` are not what it renders: with `package` and
            `experimental-deploy`, before anything is published, and with `oci-render`, which then writes nothing.

            Example: `deployment_check = true`, or `--oci-deployment-check` for one run.
            """
        ),
    )
    deployment_committed = BoolOption(
        default=False,
        help=softwrap(
            """
            With `experimental-deploy`: apply the committed files as they are, and build and publish nothing. The
            registries are asked first whether they have what is pinned. This is how to go back to an earlier commit.

            Example: `deployment_committed = true`, or `--oci-deployment-committed` for one run.
            """
        ),
    )
    deployment_context = StrOption(
        default=None,
        help=softwrap(
            """
            The context of kubectl, or of Docker for stacks, for each `oci_deployment` that names none, such as
            `deployment_context = "staging"`.
            """
        ),
    )
    deployment_namespace = StrOption(
        default=None,
        help=softwrap(
            """
            The namespace for kubectl, for each `oci_deployment` that names none, such as
            `deployment_namespace = "shop"`.
            """
        ),
    )
    deployment_dry_run = BoolOption(
        default=False,
        help=softwrap(
            """
            With `experimental-deploy`: publish nothing and change nothing. kubectl asks the cluster what would change
            (`--dry-run=server`); of other tools only the command is shown.

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
                Environment variables that are handed to the process that speaks to registries, as `NAME` or
                `NAME=value`: what proxies, certificates and credential helpers need, such as
                `env_vars.add = ["AWS_PROFILE", "AWS_REGION=eu-central-1"]`.

                `HOME`, `PATH`, and where Docker and Podman keep credentials and listen (`DOCKER_CONFIG`, `DOCKER_HOST`,
                `REGISTRY_AUTH_FILE`, `CONTAINER_HOST` and the like) always are.
                """
            ),
            advanced=True,
        )  # fmt: skip

    @property
    def lockfile(self) -> str:
        """The path from the build root. Raises InvalidInput for one that is not below it."""
        path = os.path.normpath(self._lockfile)
        if os.path.isabs(path) or path.split(os.sep)[0] in (os.curdir, os.pardir):
            raise InvalidInput(f'[oci].lockfile is "{self._lockfile}": wanted the path of a file below the build root.')
        return path

    @property
    def layer_limits(self) -> Limits:
        """Raises InvalidInput."""
        return Limits(self._max_layer_files, self._max_layer_expansion)

    @property
    def registry_tables(self) -> dict[str, object]:
        """As they are written; `ConfiguredRegistries` reads them."""
        return self._registries


class Ocikit(PythonToolRequirementsBase):
    """The library's requirements; its sources are put into each sandbox by the step that runs it."""

    options_scope = "ocikit"
    help_short = "The tool that writes layers and speaks to registries."
    help = help_text(
        """
        The tool that writes layers and speaks to registries. Its requirements come from a lock file of this plugin;
        a resolve of your own can replace it.

        The tool runs on the oldest CPython from 3.10 on that Pants finds, and on 3.9 if there is no newer one: the lock
        file has older releases for 3.9. `interpreter_constraints` chooses another one.

        Example:

            [python.resolves]
            images = "3rdparty/images.lock"

            [ocikit]
            install_from_resolve = "images"
            requirements = ["requests", "deflate", "ruamel.yaml", "zstandard"]
            interpreter_constraints = ["CPython==3.12.*"]
        """
    )

    # The lockfile has all of them; these lines are for whoever installs from a resolve of their own.
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
    # Pants's constructor sets it.
    options: OptionValueContainer

    @property
    def preferred_interpreter_constraints(self) -> InterpreterConstraints | None:
        """The Pythons to prefer among those of `interpreter_constraints`.

        None if the user has set that option, or installs from a resolve: the preference is one of our lock file.
        """
        if self.install_from_resolve or not self.options.is_default("interpreter_constraints"):
            return None
        return InterpreterConstraints(self.newest_interpreter_constraints)

    @classmethod
    def _default_package_name_and_version(cls) -> None:
        """For help texts, Pants since 2.22 would look into the lockfile, and knows only Pex's own format there."""
