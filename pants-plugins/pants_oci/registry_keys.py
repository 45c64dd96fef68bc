"""The keys of a table in `[oci].registries`, and what each says: for the option's help and for the reference."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REGISTRY_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "address": (
            'Host, port and the front of every repository\'s name, such as `address = "ghcr.io/acme"`; or a directory '
            "of OCI image layouts, one for each repository, relative to the build root: "
            '`address = "oci:dist/registry"`.'
        ),
        "default": "Publish there unless a target's `registries` says otherwise: `default = true`.",
        "repository": (
            "The repository of an `oci_push` that names none, in place of `[oci].default_repository`, such as "
            '`repository = "mirror/{full_directory}"`.'
        ),
        "extra_image_tags": 'Tags beside those of each target, such as `extra_image_tags = ["{git.branch}"]`.',
        "skip_push": "Do not publish there: `skip_push = true`.",
        "immutable_tags": (
            "A tag that names another image is an error before anything is sent: `immutable_tags = true`."
        ),
        "pull_address": (
            "The host and front of repositories' names under which nodes pull what is published here, where that is "
            "not `address`: for layouts that are copied to a registry, and for hosts with two names. `oci_deployment` "
            'renders it: `pull_address = "registry.internal:5000/acme"`.'
        ),
        "insecure": (
            "Plain HTTP, only for hosts that you trust the way to: `insecure = true`. This machine is always spoken to "
            "plainly, unless one of the files below is named."
        ),
        "ca_file": (
            "A PEM file of certificate authorities to trust beside the system's, relative to the build root, such as "
            '`ca_file = "certificates/lab.pem"`.'
        ),
        "client_certificate": (
            "A PEM file that says who we are, relative to the build root, such as "
            '`client_certificate = "certificates/us.pem"`.'
        ),
        "client_key": (
            "The key of `client_certificate`, where that file does not have it, such as "
            '`client_key = "certificates/us.key"`.'
        ),
        "path_prefix": (
            'Where the API is not at the root of its host: with `path_prefix = "/registry"` it is at '
            "`https://host/registry/v2/`."
        ),
        "mirrors": (
            'Hosts to read bases from first, in order, such as `mirrors = ["mirror.example:5000/hub"]`. What '
            "publishing asks, it asks the registry itself."
        ),
        "trusted_hosts": (
            "Hosts that this registry may send us to although their addresses are more private than its own: a token "
            'server or a storage inside the company, such as `trusted_hosts = ["storage.internal:9000"]`; without a '
            "port, any port."
        ),
    }
)
