"""A digest of the code that computes a result, for the key under which the result is cached.

Source files are read, not imported: those of a module and of every module of ours that its import
statements reach, wherever in the file they stand. A name imported from a package leads to the
module that defines it, and a package imported whole (`from lipsync import media`) to the modules
of the names used of it: the digest covers what a result depends on, not the whole program.
Comments, docstrings and layout do not count. Modules named only in strings, such as a table of
plug-ins, are not found: name them as well.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from lipsync._version import __version__

OWN = "lipsync"  # its modules are followed, and those of the named modules' own package
VERSION = "lipsync._version"  # left out: a release as such changes no result


@lru_cache(maxsize=64)
def digest_code(*modules: str, alone: tuple[str, ...] = ()) -> str:
    """Hexadecimal digest of the code of modules; computed once per process.

    Where an installation holds no source files, it is the version of lipsync.

    Args:
        modules: full names, e.g. "lipsync.mouth.bank.mouth_bank"; what they import counts as well.
        alone: modules whose own code counts, but not what they import.

    Raises:
        ValueError: there is no such module.
    """
    if _read(OWN, "__init__") is None:
        return f"version {__version__}"
    digest = hashlib.sha256()
    for name in sorted({*reached_modules(*modules), *alone}):
        digest.update(f"{name}:{_module(name).code}\n".encode())
    return digest.hexdigest()


def reached_modules(*modules: str) -> list[str]:
    """Full names of these modules and of all that they import, directly or not; sorted."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and name != VERSION:
            found.add(name)
            waiting += _module(name).imports
    return sorted(found)


@dataclass(frozen=True)
class _Module:
    code: str  # hexadecimal digest of its own code
    imports: tuple[str, ...]  # modules of ours from which it takes names


@cache
def _module(name: str) -> _Module:
    source = _source(name)
    if source is None:
        raise ValueError(f"digest_code: no module {name}")
    tree = ast.parse(source)
    facts: list[str] = []
    _list_facts(tree, facts)
    code = hashlib.sha256("\n".join(facts).encode()).hexdigest()
    own = {OWN, name.partition(".")[0]}
    imports: dict[str, None] = {}
    for module, wanted, local in _import_statements(tree):
        if module.partition(".")[0] not in own:
            continue
        found = _definition(module, wanted)
        if _exports(found) is None:
            imports[found] = None
        else:
            imports.update(dict.fromkeys(_definition(found, one) for one in _used(tree, local)))
    return _Module(code, tuple(imports))


def _source(name: str) -> str | None:
    """The source of a module, or of a package's `__init__`; None: there is none."""
    text = _read(name)
    return _read(name, "__init__") if text is None else text


@cache
def _read(name: str, file: str = "") -> str | None:
    top, *inner = name.split(".")
    if file:
        inner.append(file)
    if not inner:
        return None
    try:
        path = resources.files(top)
        for part in (*inner[:-1], f"{inner[-1]}.py"):  # a namespace package takes one at a time
            path = path.joinpath(part)
        return path.read_text(encoding="utf-8")
    except (ImportError, OSError):
        return None


def _import_statements(tree: ast.AST) -> Iterator[tuple[str, str | None, str]]:
    """(module, name taken from it or None, local name); those for type checkers are left out."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from ((one.name, None, one.asname or one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, one.name, one.asname or one.name) for one in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _import_statements(ast.Module(node.orelse, []))
        else:
            yield from _import_statements(node)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements just below one: what can hold an import."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        block = getattr(node, field, ())
        if isinstance(block, list):  # the body of a lambda is an expression
            yield from block


@cache
def _exports(package: str) -> dict[str, tuple[str, str]] | None:
    """Name → (module, its name there) of what a package's `__init__` imports; None: no package."""
    source = _read(package, "__init__")
    if source is None:
        return None
    statements = _import_statements(ast.parse(source))
    return {local: (module, name) for module, name, local in statements if name is not None}


def _definition(module: str, name: str | None) -> str:
    """The module that `name` of a module leads to: itself one, or one that defines the name."""
    exports = _exports(module)
    if name is None or exports is None:
        return module
    if _source(f"{module}.{name}") is not None:
        return f"{module}.{name}"
    return _definition(*exports[name]) if name in exports else module


def _used(tree: ast.Module, package: str) -> set[str | None]:
    """The names used of a package that is imported whole; {None}: it is passed on as a value."""
    nodes = list(ast.walk(tree))
    owners = {
        id(node.value): node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    uses = [id(node) for node in nodes if isinstance(node, ast.Name) and node.id == package]
    return {owners.get(one) for one in uses}


def _list_facts(node: ast.AST, facts: list[str]) -> None:
    """Append what a syntax tree says, without positions and without strings that stand alone."""
    facts.append(type(node).__name__)
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            if field != "ctx":  # whether a name is read or written follows from its place
                _list_facts(value, facts)
        elif isinstance(value, list):
            facts.append(f"{field}[")
            for one in value:
                if not isinstance(one, ast.AST):
                    facts.append(repr(one))
                elif not _is_docstring(one):
                    _list_facts(one, facts)
            facts.append("]")
        else:
            facts.append(repr(value))


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
