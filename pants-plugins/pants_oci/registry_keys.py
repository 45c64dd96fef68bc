"""The keys of a table in `[oci].registries`, with their help for the option and for the reference."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REGISTRY_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "address": (
            "Host, port, and a prefix of all repositories' names, such as "
            '`address = "ghcr.io/acme"`. Or a directory of OCI image layouts, one for each repository, relative to the '
            'build root, such as `address = "oci:dist/registry"`.'
        ),
        "default": "Publish here unless a target sets `registries`: `default = true`.",
        "repository": (
            "The repository of each `oci_push` that sets none, instead of `[oci].default_repository`, such as "
            '`repository = "mirror/{full_directory}"`.'
        ),
        "extra_image_tags": 'Tags in addition to those of each target, such as `extra_image_tags = ["{git.branch}"]`.',
        "skip_push": "Do not publish here: `skip_push = true`.",
        "immutable_tags": "Fail before any upload if a tag names another image: `immutable_tags = true`.",
        "pull_address": (
            "The address that nodes pull from, if it is not `address`: for layouts that are copied to a registry, and "
            "for hosts with two names. `oci_deployment` renders it: "
            '`pull_address = "registry.internal:5000/acme"`.'
        ),
        "insecure": (
            "Use plain HTTP, only for hosts in a network that you trust: `insecure = true`. Registries on this machine "
            "always use plain HTTP unless one of the files below is set."
        ),
        "ca_file": (
            "A PEM file of certificate authorities to trust in addition to the system's, relative to the build root, "
            "such as "
            '`ca_file = "certificates/lab.pem"`.'
        ),
        "client_certificate": (
            "A PEM file with the client's certificate, relative to the build root, such as "
            '`client_certificate = "certificates/us.pem"`.'
        ),
        "client_key": (
            "A PEM file with the key of `client_certificate`, if that file does not have it, such as "
            '`client_key = "certificates/us.key"`.'
        ),
        "path_prefix": (
            'The path of the API if it is not at the root of its host: with `path_prefix = "/registry"`, the API is at '
            "`https://host/registry/v2/`."
        ),
        "mirrors": (
            'Hosts to read bases from first, in order, such as `mirrors = ["mirror.example:5000/hub"]`. Publishing '
            "always queries the registry itself."
        ),
        "trusted_hosts": (
            "Hosts that this registry may refer to although their addresses are more private than its own: a token "
            'server or a storage inside the company, such as `trusted_hosts = ["storage.internal:9000"]`. Without a '
            "port, any port is trusted."
        ),
    }
)
