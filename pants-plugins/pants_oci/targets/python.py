"""Fields about Python: the interpreter of a base, and how a `pex_binary` becomes layers."""

from __future__ import annotations

from pants.engine.target import BoolField, StringField
from pants.util.strutil import help_text

from ocikit.python_app.interpreter import Interpreter
from pants_oci.targets.validation import CheckedStringField


class OciPythonField(CheckedStringField):
    alias = "python"
    parse = staticmethod(Interpreter.parse)
    help = help_text(
        """
        The path of the Python interpreter in the image. Its name has the version, such as
        `python="/usr/bin/python3.11"`. Pants lays out a `pex_binary` for this interpreter.

        By default, images use the `python` of their base, or the interpreter of Docker's official Python images, such
        as `/usr/local/bin/python3.12`. Pants recognises these images, and images that are built on them, by their
        variables. Set `python` for all others, for example for images with pyenv.
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

        `split`: third-party distributions are in layers that images with the same requirements share, large ones in
        layers of their own within `[oci].max_python_layers`. First-party code has a layer, and a small layer has the
        files that start the application. The application is in `directory`, or in `/app` if that is `/`. It needs no
        writable folder to start, and sets the image's `entrypoint` and variables unless the image has its own.

        `single`: the PEX is one file in one layer. It needs a writable folder at run time, and vulnerability scanners
        do not see the Python distributions in it.

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
        How Pants treats files that two third-party distributions have with different contents: `refuse` is an error
        that names them, and `allow` keeps the first one.

        Example: `pex_collisions="allow"`
        """
    )


class OciImagePexCompileField(BoolField):
    alias = "pex_compile"
    default = False
    help = help_text(
        """
        Compile third-party and first-party modules: `pex_compile=True`. The application starts faster, and layers are
        larger. Compiling needs a Python of the image's version where the image is built, and the digest then depends on
        its patch release.
        """
    )
