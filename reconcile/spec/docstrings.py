"""What the docstrings below the fields of a class say, read from its source when somebody asks.

Pydantic can take them itself (`use_attribute_docstrings`), but does so when the class is made: that is a tenth of a
second at the start of every command, for what only the JSON Schema, the reference and the hints of errors show.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise


def of(kind: type) -> Mapping[str, str]:
    """Field -> its docstring, those of the classes that it comes from included."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        found |= _written(one.__module__).get(one.__name__, {})
    return found


@cache
def _written(module: str) -> Mapping[str, Mapping[str, str]]:
    """Class -> field -> docstring of one of our modules; of others nothing."""
    if not module.startswith("reconcile."):
        return {}
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:  # installed without sources: then there are no hints
        return {}
    return {node.name: dict(_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> list[tuple[str, str]]:
    return [
        (field.target.id, inspect.cleandoc(said.value.value))
        for field, said in pairwise(node.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant) and isinstance(said.value.value, str)
    ]
