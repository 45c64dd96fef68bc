"""One definition of Pants as a stub: names and types, without bodies and values."""

from __future__ import annotations

import ast
import builtins
import copy
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from pants_versions.release import is_rule

# Decorators that change how something is called or read. Memoization does not; other decorators are irrelevant.
_DECORATORS = {
    **{name: name for name in ("abstractmethod", "classmethod", "contextmanager", "dataclass", "final", "overload")},
    **{name: name for name in ("classproperty", "property", "staticmethod")},
    "memoized_classmethod": "classmethod",
    "memoized_classproperty": "classproperty",
    "memoized_property": "property",
}
_BODY = re.compile(r":\n *\.\.\.$", re.MULTILINE)
# Special methods that every object has.
_UNREMARKABLE = ("__eq__", "__ne__", "__post_init__", "__repr__", "__str__")
_OF_FIELDS = ("compare", "hash", "init", "kw_only", "repr")
_ALIASES = ("NewType", "ParamSpec", "TypeVar")


@dataclass(frozen=True)
class Definition:
    kind: str
    stub: str
    base: frozenset[str] = frozenset()
    """Names of the same module that the definition itself needs: bases, decorators, aliased types."""
    needs: frozenset[str] = frozenset()
    """Names of the same module that its members and parameters have as types."""


def described(name: str, statements: list[ast.stmt], members: frozenset[str]) -> Definition:
    """The definition of `name`. Classes keep only `members`, special methods and the constructor's fields."""
    last = statements[-1]
    if isinstance(last, (ast.Import, ast.ImportFrom)):
        return Definition("import", _import(name, last))
    if isinstance(last, ast.ClassDef):
        return _definition("class", _class(last, members))
    if isinstance(last, (ast.FunctionDef, ast.AsyncFunctionDef)):
        functions = [each for each in statements if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
        return _definition("rule" if is_rule(last) else "function", *_functions(functions))
    return _variable(name, last)


def _definition(kind: str, *statements: ast.stmt) -> Definition:
    needs = _names(*statements)
    base = needs if kind == "alias" else frozenset()
    for statement in statements:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            base |= _names(*statement.decorator_list, *getattr(statement, "bases", ()))
    text = ast.unparse(ast.fix_missing_locations(ast.Module(list(statements), [])))
    return Definition(kind, _BODY.sub(": ...", text.replace("\n\n", "\n")), base, needs - base)


def _import(name: str, statement: ast.Import | ast.ImportFrom) -> str:
    (alias,) = (one for one in statement.names if name in (one.asname, one.name, one.name.split(".")[0]))
    if isinstance(statement, ast.Import):
        return f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
    # Other modules may import it from there only with `as`, and stubs keep that rule.
    return f"from {statement.module} import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")


def _variable(name: str, statement: ast.stmt) -> Definition:
    if isinstance(statement, ast.AnnAssign):
        if ast.unparse(statement.annotation).endswith("TypeAlias"):
            return _definition("alias", statement)
        return _definition("constant", _annotated(name, statement.annotation))
    if not isinstance(statement, ast.Assign):
        return _definition("alias", statement)
    value = statement.value
    if isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in _ALIASES:
        return _definition("alias", statement)
    if isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)):
        return _definition("alias", statement)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        return _definition("alias", statement)
    return _definition("constant", _annotated(name, _type_of(value)))


def _annotated(name: str, annotation: ast.expr) -> ast.AnnAssign:
    return ast.AnnAssign(ast.Name(name, ast.Store()), annotation, None, 1)


def _type_of(value: ast.expr) -> ast.expr:
    """The type of a value as far as its syntax shows it, otherwise `Any`."""
    if isinstance(value, ast.Constant):
        return ast.parse("None" if value.value is None else type(value.value).__name__, mode="eval").body
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id.istitle():
        return value.func
    text = {ast.Tuple: "tuple[typing.Any, ...]", ast.JoinedStr: "str"}.get(type(value), "typing.Any")
    return ast.parse(text, mode="eval").body


def _class(node: ast.ClassDef, members: frozenset[str]) -> ast.ClassDef:
    found = copy.copy(node)
    found.decorator_list = list(_decorators(node.decorator_list))
    is_data = any(ast.unparse(decorator).startswith("dataclass") for decorator in found.decorator_list)
    is_enum = any(ast.unparse(base).split(".")[-1].endswith("Enum") for base in node.bases)
    found.body = list(_members(node.body, members, is_data=is_data, is_enum=is_enum)) or [ast.Expr(ast.Constant(...))]
    return found


def _members(body: list[ast.stmt], members: frozenset[str], *, is_data: bool, is_enum: bool) -> Iterator[ast.stmt]:
    functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
    for part in body:
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if part.name in members or (part.name.startswith("__") and part.name not in _UNREMARKABLE):
                functions.setdefault(part.name, []).append(part)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            if is_data or part.target.id in members:
                field = _annotated(part.target.id, part.annotation)
                # A default makes a constructor's parameter optional.
                field.value = part.value and _default(part.value)
                yield field
        elif isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            if is_enum:
                yield ast.Assign(
                    part.targets, part.value if isinstance(part.value, ast.Constant) else _dots(), lineno=1
                )
            elif part.targets[0].id in members:
                type_ = f"typing.ClassVar[{ast.unparse(_type_of(part.value))}]"
                yield _annotated(part.targets[0].id, ast.parse(type_, mode="eval").body)
        elif isinstance(part, ast.ClassDef) and part.name in members:
            yield _class(part, members)
        elif isinstance(part, ast.If) and ast.unparse(part.test) in ("TYPE_CHECKING", "not TYPE_CHECKING"):
            yield from _members(part.body, members, is_data=is_data, is_enum=is_enum)
    for group in functions.values():
        yield from _functions(group)


def _functions(group: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[ast.stmt]:
    overloads = [each for each in group if any(ast.unparse(one) == "overload" for one in each.decorator_list)]
    for each in overloads or group[-1:]:
        found = copy.deepcopy(each)
        if is_rule(each):
            # Callers await rules, even those defined without `async`.
            found = ast.AsyncFunctionDef(**{name: getattr(found, name) for name in found._fields}, lineno=1)
        found.decorator_list = list(_decorators(found.decorator_list))
        found.args.defaults = [_dots() for _ in found.args.defaults]
        found.args.kw_defaults = [default and _dots() for default in found.args.kw_defaults]
        found.body = [ast.Expr(_dots())]
        yield found


def _decorators(decorators: list[ast.expr]) -> Iterator[ast.expr]:
    for decorator in decorators:
        name = ast.unparse(decorator).split("(")[0].split(".")[-1]
        if name == "dataclass":
            yield decorator
        elif name in _DECORATORS:
            yield ast.Name(_DECORATORS[name], ast.Load())


def _default(value: ast.expr) -> ast.expr:
    """`field(…)` decides whether the constructor takes a field."""
    if not (isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] == "field"):
        return _dots()
    kept = [ast.keyword(each.arg, each.value if each.arg in _OF_FIELDS else _dots()) for each in value.keywords]
    return ast.Call(value.func, [], kept)


def _dots() -> ast.expr:
    return ast.Constant(...)


def _names(*nodes: ast.AST) -> frozenset[str]:
    found = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # An annotation may be a string.
            with suppress(SyntaxError):
                found.update(_names(ast.parse(node.value, mode="eval")))
    return frozenset(found - set(vars(builtins)))
