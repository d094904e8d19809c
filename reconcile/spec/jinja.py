"""The door to Jinja: the sandbox, what a null is in it, and one template run over a batch of rows.

Nothing of a value is ever said when a template fails: Jinja's and Python's own messages quote values.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import wraps
from typing import Any, NoReturn
from uuid import UUID

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from reconcile.errors import Problem, SpecInvalid, TemplateFailed, Where
from reconcile.spec import secrets
from reconcile.spec.grammar import MISFIT

_UNKNOWN = re.compile(r"No (filter|test) named '(.*)'")


class _NullUsed(Exception):
    """A template needs the value of a null."""


class _NoValue(Exception):
    """A template makes text of something that is no value: a method that is not called, a list, a generator."""


class _Null(Undefined):
    """A null inside a template: `default` fills it, conditions may ask for it, all else makes the result null."""

    __slots__ = ()

    def _used(self, *_: object, **__: object) -> NoReturn:
        raise _NullUsed

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, _Null)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(None)

    def __bool__(self) -> bool:
        return False

    __getattr__ = __str__ = __len__ = __iter__ = __contains__ = __call__ = __getitem__ = _used
    __int__ = __float__ = __complex__ = __neg__ = __pos__ = __lt__ = __le__ = __gt__ = __ge__ = _used
    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _used
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = _used


def _sandbox() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.globals.clear()
    # Equal inputs give equal texts: nothing here rolls dice.
    del environment.filters["random"]
    environment.tests["none"] = lambda value: value is None or isinstance(value, _Null)
    return environment


_ENVIRONMENT = _sandbox()

_VALUES = (str, int, float, Decimal, date, datetime, time, UUID)
_VALUE = "ªvalue"
_TEXT_FILTERS = frozenset(
    "capitalize center e escape forceescape format indent lower replace safe string striptags "  # noqa: SIM905 -- short
    "title trim truncate upper urlencode urlize wordcount wordwrap xmlattr".split()
)
"""Filters that make text of whatever they are given."""
_GATHERING_FILTERS = frozenset(
    "batch dictsort groupby items list map reject rejectattr select selectattr slice sort unique".split()  # noqa: SIM905 -- short
)
"""Filters that give several things, and so no value."""
_METHODICAL = (*_VALUES, list)
_METHODS = frozenset(
    name
    for kind in _METHODICAL
    for name in dir(kind)
    if not name.startswith("_") and all(callable(getattr(other, name)) for other in _METHODICAL if hasattr(other, name))
)
"""Methods of values; what one of them has as a value (`year` of a date) is none."""


def _value(given: Any) -> Any:
    """What is given, where text may be made of it."""
    if given is None:
        raise _NullUsed
    if not isinstance(given, (*_VALUES, Undefined)):
        raise _NoValue
    return given


def _uncalled(given: Any) -> Any:
    """An attribute of something, where it is no method."""
    if callable(given) and not isinstance(given, Undefined):
        raise _NoValue
    return given


def _checked(name: str, inner: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that makes text, of values only."""
    passed = getattr(inner, "jinja_pass_arg", None)

    @wraps(inner)
    def run(*given: Any, **named: Any) -> Any:
        first = 0 if passed is None else 1
        for one in given[first:] if name == "format" else given[first : first + 1]:
            _value(one)
        return inner(*given, **named)

    return run


def _joined(inner: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(inner)
    def run(context: Any, given: Iterable[Any], d: str = "", attribute: Any = None) -> Any:
        return inner(context, given if attribute is not None else map(_value, given), d, attribute)

    return run


def _strict() -> SandboxedEnvironment:
    """The sandbox of property templates: only text, numbers, booleans, dates and times may become text."""
    environment = _sandbox()
    environment.finalize = _value
    for name in _TEXT_FILTERS & environment.filters.keys():
        environment.filters[name] = _checked(name, environment.filters[name])
    environment.filters["join"] = _joined(environment.filters["join"])
    environment.filters |= {_VALUE: _value, f"{_VALUE}s": _uncalled}
    return environment


_STRICT = _strict()


class _Guarded(NodeTransformer):
    """Looks at values wherever text is made of them without a filter, and at attributes that are not called."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 -- Jinja's name
        self.generic_visit(node)
        node.nodes = [_filtered(one, _VALUE) for one in node.nodes]
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        method = node.node
        if not isinstance(method, nodes.Getattr | nodes.Getitem):
            return self.generic_visit(node)
        method.node = self.visit(method.node)
        node.node = nodes.Const(None)
        self.generic_visit(node)
        node.node = method
        return node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, f"{_VALUE}s") if node.ctx == "load" else node

    visit_Getitem = visit_Getattr  # noqa: N815


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def check_output(text: str) -> None:
    """Raise SpecInvalid where a property's template gives something that is no value, as far as that can be seen."""
    parsed = _parsed(text)
    called = {id(call.node) for call in parsed.find_all(nodes.Call)}
    for one in parsed.find_all(nodes.Getattr):
        of_loop = isinstance(one.node, nodes.Name) and one.node.name == "loop"
        if one.attr in _METHODS and id(one) not in called and not of_loop:
            hint = f"Write | {one.attr}." if one.attr in _ENVIRONMENT.filters else f"Write .{one.attr}()."
            raise SpecInvalid([_Fault(f'"{one.attr}" is a method, and it is not called', hint, one.lineno).problem()])
    for output in parsed.find_all(nodes.Output):
        for node in output.nodes:
            several = isinstance(node, nodes.List | nodes.Tuple | nodes.Dict)
            if several or (isinstance(node, nodes.Filter) and node.name in _GATHERING_FILTERS):
                hint = "Make one text of it: | join(', ')."
                raise SpecInvalid([_Fault("it gives several values and no text", hint, node.lineno).problem()])


def variables(text: str) -> frozenset[str]:
    """The names that a template reads. Raises SpecInvalid where the text is no template."""
    return frozenset(meta.find_undeclared_variables(_parsed(text)))


def references(text: str) -> frozenset[tuple[str, str]]:
    """What a text asks `env()` and `file()` for, as function and name.

    Raises:
        SpecInvalid: the text is no template, or a name is made by it, so that nobody can read what it refers to.
    """
    parsed, found, named = _parsed(text), set(), set()
    for call in parsed.find_all(nodes.Call):
        match call:
            case nodes.Call(
                node=nodes.Name(name=str(function)),
                args=[nodes.Const(value=str(name))],
                kwargs=[],
                dyn_args=None,
                dyn_kwargs=None,
            ) if function in secrets.FUNCTIONS:
                found.add((function, name))
                named.add(id(call.node))
    for one in parsed.find_all(nodes.Name):
        if one.name in secrets.FUNCTIONS and id(one) not in named:
            hint = f"Write {{{{ {one.name}('NAME') }}}}."
            raise SpecInvalid([_Fault(f"what {one.name}() refers to is not written in it", hint, one.lineno).problem()])
    return frozenset(found)


def hidden(text: str, names: Collection[str]) -> bool:
    """Whether something else is done with a reference, or with one of these names, than to write it as it is."""
    parsed = _parsed(text)
    written = {id(node) for output in parsed.find_all(nodes.Output) for node in output.nodes}
    calls = {id(call.node): call for call in parsed.find_all(nodes.Call)}
    return any(
        id(calls.get(id(one), one)) not in written
        for one in parsed.find_all(nodes.Name)
        if one.name in names or one.name in secrets.FUNCTIONS
    )


def fill(text: str, scope: Mapping[str, Any], where: Where | None, written: Callable[[Any], str] | None = None) -> str:
    """Render a single text. Raises SpecInvalid where it cannot be, and lets errors of our own through.

    Args:
        written: how the value of a `{{ … }}` is written; as Jinja does when None.
    """
    try:
        parsed = _parsed(text)
        environment = _ENVIRONMENT if written is None else _ENVIRONMENT.overlay(finalize=written)
        return environment.from_string(parsed if written is None else text).render(scope)
    except (TemplateSyntaxError, UndefinedError, SecurityError, TypeError, ValueError, ArithmeticError) as error:
        raise SpecInvalid([_Fault.of(error).problem(where)]) from None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a plain template: a text of its own, or a property as it is.

    Args:
        property: whose text it is; None for a text of its own.
        text: the text; of a property, what stands in for a null, None where nothing does.
        cases: `lower`, `upper` and `capitalize`, in the order in which they are done.
    """

    property: str | None
    text: str | None = None
    cases: tuple[str, ...] = ()


_CASES = frozenset({"lower", "upper", "capitalize"})


def pieces(text: str) -> tuple[Piece, ...] | None:
    """What a template puts in a row, where it is no more than that; None where it takes Jinja to tell."""
    found: list[Piece] = []
    for output in _parsed(text).body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            piece = Piece(None, node.data) if isinstance(node, nodes.TemplateData) else _piece(node)
            if piece is None:
                return None
            found.append(piece)
    return tuple(found)


def _piece(node: nodes.Node) -> Piece | None:
    match node:
        case nodes.Name(name=name):
            return Piece(name)
        # Before a case is changed, `default` fills a null; afterwards there is no null that has come through.
        case nodes.Filter(node=nodes.Name(name=name), name="default" | "d", args=[nodes.Const(value=str(text))]) if (
            not node.kwargs
        ):
            return Piece(name, text)
        case nodes.Filter(node=nodes.Node() as inner, name=case, args=[], kwargs=[]) if case in _CASES:
            piece = _piece(inner)
            return piece and Piece(piece.property, piece.text, (*piece.cases, case))
    return None


class Batch:
    """One template, compiled once, that renders many rows in one go: the fastest Jinja there is, and sandboxed."""

    def __init__(self, template: str) -> None:
        self.text = template
        self.inputs = tuple(sorted(variables(template)))
        self._template = _looped(_Guarded().visit(_parsed(template)), self.inputs)

    def render(self, rows: Mapping[str, Sequence[Any]]) -> list[str | None]:
        """One text a row, None where a null makes it unknown, `MISFIT` where it comes to something that is no value.

        Args:
            rows: column -> its values, all of one length; columns that the template does not read are allowed.

        Raises:
            TemplateFailed: it fails for some rows; says how and for how many, never for which values.
        """
        length = max(map(len, rows.values()), default=0)
        waiting = self._rows(rows, length)
        done: list[str | None] = []
        faults: list[_Fault] = []
        while len(done) < length:
            try:
                self._run(waiting, done)
            except _NullUsed:
                done.append(None)
            except _NoValue:
                done.append(MISFIT)
            except Exception as error:  # noqa: BLE001 -- a template can raise anything; only its kind may be told
                done.append(None)
                faults.append(_Fault.of(error))
        if faults:
            raise _failed(faults)
        return done

    def _rows(self, rows: Mapping[str, Sequence[Any]], length: int) -> Iterator[tuple[Any, ...]]:
        if not self.inputs:
            return iter([()] * length)
        null = _Null()
        columns = ([null if cell is None else cell for cell in rows[name]] for name in self.inputs)
        return zip(*columns, strict=True)

    def _run(self, waiting: Iterator[tuple[Any, ...]], done: list[str | None]) -> None:
        """Render until the rows end or one of them fails; `waiting` then stands behind the row that failed."""
        pieces: list[str] = []
        context = self._template.new_context({_ROWS: waiting, _END: _MARK})
        for piece in self._template.root_render_func(context):
            if piece is _MARK:
                done.append("".join(pieces))
                pieces.clear()
            else:
                pieces.append(piece)


class _Mark(str):
    """Ends a row in the stream of pieces. Known by identity, so no value can be mistaken for it."""

    __slots__ = ()

    def __str__(self) -> str:
        return self


_MARK = _Mark("end of row")
# Names that no template can write, in letters that are letters to Python, whose variables they become.
_ROWS, _END = "ªrows", "ªend"


def _looped(template: nodes.Template, inputs: Sequence[str]) -> Template:
    """Put the body into a loop over rows, in the syntax tree: no text of a template can step out of that."""
    end = nodes.Output([nodes.Name(_END, "load")])
    target = nodes.Tuple([nodes.Name(name, "store") for name in inputs], "store")
    template.body = [nodes.For(target, nodes.Name(_ROWS, "load"), [*template.body, end], [], None, False)]  # noqa: FBT003 -- Jinja's node
    template.set_environment(_STRICT)
    return _STRICT.from_string(template)


@dataclass(frozen=True, slots=True)
class _Fault:
    """How a template fails, in words that hold no value."""

    message: str
    hint: str | None = None
    line: int = 1

    @classmethod
    def of(cls, error: Exception) -> _Fault:
        if isinstance(error, TemplateSyntaxError):
            return _misread(error)
        said = (message for kind, message in _SENTENCES.items() if isinstance(error, kind))
        return cls(next(said, f"it raises {type(error).__name__}"))

    def problem(self, where: Where | None = None) -> Problem:
        line = f" (line {self.line} of it)" if self.line > 1 else ""
        return Problem(f"the template cannot be read{line}: {self.message}", where, self.hint)


_SENTENCES: Mapping[type[Exception], str] = {
    ZeroDivisionError: "division by zero",
    SecurityError: "it does what the sandbox does not allow",
    UndefinedError: "it uses something that does not exist",
    TypeError: "a value is not of the type that is needed there",
    ValueError: "a value cannot be converted",
}


def _misread(error: TemplateSyntaxError) -> _Fault:
    message = (error.message or "not a template").rstrip(".")
    unknown = _UNKNOWN.match(message)
    if unknown is None:
        return _Fault(message[:1].lower() + message[1:], line=error.lineno)
    kind, name = unknown.groups()
    close = difflib.get_close_matches(name, _ENVIRONMENT.filters if kind == "filter" else _ENVIRONMENT.tests, n=1)
    return _Fault(f'there is no {kind} "{name}"', f'Did you mean "{close[0]}"?' if close else None, error.lineno)


def _failed(faults: Sequence[_Fault]) -> TemplateFailed:
    rows, message = len(faults), faults[0].message
    more = "" if all(fault.message == message for fault in faults) else " (and other reasons)"
    return TemplateFailed(f"{message}{more}, for {rows:,} row{'s' * (rows != 1)}", rows=rows)


def _parsed(text: str) -> nodes.Template:
    try:
        parsed = _ENVIRONMENT.parse(text)
        # The names of filters and tests are only looked up when code is made.
        _ENVIRONMENT.compile(text)
    except TemplateSyntaxError as error:
        raise SpecInvalid([_Fault.of(error).problem()]) from None
    if _outer_loop(parsed):
        raise SpecInvalid([_Fault('"loop" is used outside of a loop').problem()])
    if any(parsed.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))):
        raise SpecInvalid([_Fault("it asks for another template, and there is none").problem()])
    return parsed


def _outer_loop(node: nodes.Node) -> bool:
    """Whether `loop` is used where it would mean the loop over rows that we put around the template."""
    if isinstance(node, nodes.Name):
        return node.name == "loop"
    inner = (node.iter, node.target) if isinstance(node, nodes.For) else node.iter_child_nodes()
    return any(map(_outer_loop, inner))
