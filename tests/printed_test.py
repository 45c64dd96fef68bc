"""Text reaches a terminal only through functions that make it printable; any other way fails these tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from ocikit.errors import OcikitError

ROOT = Path(__file__).resolve().parent.parent
OCIKIT = ROOT / "src" / "ocikit"
PANTS_OCI = ROOT / "pants-plugins" / "pants_oci"

# Functions that make text printable.
MAKERS = ("printable", "printable_lines", "printable_json", "_printable")
# Functions that print, and methods of Pants's console and of `Outputting`.
PRINTERS = ("print", "print_stdout", "print_stderr", "write_stdout", "write_stderr")
OUTPUTTING = "write"
# Errors whose text Pants prints unchanged, and which make it printable themselves. So does every OcikitError.
ERRORS = ("OciTargetError", "OciTargetError.of_all", "OciFieldError")
# Functions that return one of these errors.
MAKE_ERRORS = ("failure", "violation", "no_answer", "_misdirected")
MAKE_ERRORS_OF_METHODS = ("self.failure", "self._failure", "self._open", "self._given_up")
MAKE_ERRORS_OF_INPUT = ("_invalid", "_not_a", "_not_an_address", "_wrong")
# Errors that are never shown, or have no text from outside. The command line makes an OSError printable.
OTHERS = (
    *("OSError", "TimeoutError", "OverLimit", "self._too_late", "self._too_slow"),
    *("ValueError", "_Gone", "_Fault", "AssertionError", "argparse.ArgumentTypeError", "ScannerError"),
    *("LocationValueError", "NameResolutionError", "NewConnectionError", "ConnectTimeoutError", "Unfinished"),
)


def _sources(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if not path.name.endswith("_test.py") and "testing" not in path.parts
    ]


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _is_printable(value: ast.expr) -> bool:
    """Whether an expression is a text of ours, a text made printable, or a concatenation of these."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) in MAKERS
    if isinstance(value, ast.BinOp):
        return _is_printable(value.left) and _is_printable(value.right)
    if isinstance(value, ast.IfExp):
        return _is_printable(value.body) and _is_printable(value.orelse)
    return isinstance(value, ast.Constant)


@pytest.mark.parametrize("path", _sources(OCIKIT), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_print_through_one_module(path: Path) -> None:
    if path == OCIKIT / "output.py":
        return
    tree = ast.parse(path.read_text())
    found = [name for name, _ in _calls(tree) if name == "print" or name.startswith(("sys.stdout.w", "sys.stderr."))]
    imported = [
        ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import) and "logging" in ast.unparse(node)
    ]
    assert (found, imported) == ([], [])


@pytest.mark.parametrize("path", _sources(PANTS_OCI), ids=lambda path: str(path.relative_to(ROOT)))
def test_goals_print_printable_text(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert [ast.unparse(call) for name, call in _calls(tree) if _prints_raw(name, call)] == []


def _prints_raw(name: str, call: ast.Call) -> bool:
    return (name == OUTPUTTING or name.rsplit(".", maxsplit=1)[-1] in PRINTERS) and not all(
        map(_is_printable, call.args)
    )


@pytest.mark.parametrize("path", _sources(PANTS_OCI), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_one_module_gets_a_logger(path: Path) -> None:
    if path != PANTS_OCI / "log.py":
        assert [name for name, _ in _calls(ast.parse(path.read_text())) if name == "logging.getLogger"] == []


@pytest.mark.parametrize(
    "path", [*_sources(PANTS_OCI), *_sources(OCIKIT)], ids=lambda path: str(path.relative_to(ROOT))
)
def test_errors_have_printable_text(path: Path) -> None:
    assert [line for line in _raised(ast.parse(path.read_text()), _own_errors()) if line] == []


@cache
def _own_errors() -> frozenset[str]:
    """The names of all errors of ocikit."""
    for path in _sources(OCIKIT):
        if path.name not in ("__init__.py", "__main__.py"):
            import_module(".".join(path.relative_to(OCIKIT.parent).with_suffix("").parts))
    found, waiting = set(), [OcikitError]
    while waiting:
        error = waiting.pop()
        found.add(error.__name__)
        waiting += error.__subclasses__()
    return frozenset(found)


def _raised(tree: ast.AST, own_errors: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
            continue
        kind = ast.unparse(node.exc.func)
        if kind.removeprefix("ocikit.") in own_errors:
            continue
        if kind in (*ERRORS, *MAKE_ERRORS, *MAKE_ERRORS_OF_METHODS, *MAKE_ERRORS_OF_INPUT, *OTHERS):
            continue
        if not all(_is_printable(argument) for argument in node.exc.args if not _is_number(argument)):
            yield ast.unparse(node)


def _is_number(value: ast.expr) -> bool:
    return ast.unparse(value).endswith(("exit_code", "b''"))


@pytest.mark.parametrize(
    "source, raw",
    [
        ("console.print_stdout(line)", True),
        ("console.print_stdout(printable(line))", False),
        ("print(f'{line}')", True),
        ("print('done')", False),
        ("console.print_stderr(printable(line) + line)", True),
        ("write(text)", True),
        ("write(printable_json(a) if b else printable_lines(c) + '\\n')", False),
    ],
)
def test_raw_printing_is_found(source: str, raw: bool) -> None:
    assert any(_prints_raw(name, call) for name, call in _calls(ast.parse(source))) is raw


@pytest.mark.parametrize(
    "source, found",
    [("raise Exception(text)", True), ("raise InvalidInput(text)", False), ("raise Exception('x')", False)],
)
def test_an_error_of_another_kind_is_found(source: str, found: bool) -> None:
    assert bool(list(_raised(ast.parse(source), _own_errors()))) is found
