"""Fields about Python: the interpreter of a base, and how a `pex_binary` becomes layers."""

from __future__ import annotations

from pants.engine.target import BoolField, StringField
from pants.util.strutil import help_text

from ocikit.python.interpreter import Interpreter
from pants_oci.targets.validation import CheckedStringField


class OciPythonField(CheckedStringField):
    alias = "python"
    parse = staticmethod(Interpreter.parse)
    help = help_text(
        """
        The path of the Python interpreter in the image, whose name has the version, such as
        `python="/usr/bin/python3.11"`. A `pex_binary` of an image is laid out for it.

        By default what images on it find: the `python` of their own base, or what the variable `PYTHON_VERSION` of
        Docker's official Python images says, `/usr/local/bin/python3.12`.
        """
    )


class OciImagePexLayersField(StringField):
    alias = "pex_layers"
    valid_choices = ("split", "single")
    default = "split"
    value: str
    help = help_text(
        """
        How a `pex_binary` in `dependencies` becomes layers.

        `split`: third-party distributions in layers that images with the same requirements share, the large ones
        apart within `[oci].layer_budget`; first-party code in one of its own; and a small one with what starts it. It
        lies in `directory`, or `/app` where that is `/`, needs nothing written at its start, and sets the image's
        `entrypoint` and variables unless the image has its own.

        `single`: the PEX as one file in one layer; whoever runs it needs a folder that can be written.

        Example: `pex_layers="single"`
        """
    )


class OciImagePexCollisionsField(StringField):
    alias = "pex_collisions"
    valid_choices = ("refuse", "allow")
    default = "refuse"
    value: str
    help = help_text(
        """
        What becomes of files that two third-party distributions both bring, with different contents: `refuse` is an
        error that names them, `allow` lets the first one win.

        Example: `pex_collisions="allow"`
        """
    )


class OciImagePexCompileField(BoolField):
    alias = "pex_compile"
    default = False
    help = help_text(
        """
        Compile third-party and first-party modules, which makes starts faster and layers larger: `pex_compile=True`. It
        needs a Python of the image's version where the image is built, whose patch release is then part of what the
        digest depends on.
        """
    )
