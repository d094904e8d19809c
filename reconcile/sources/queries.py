"""A source's query is one SELECT: parsed, not trusted."""

from __future__ import annotations

HINT = "A source's query must be one SELECT; the database is only read, never changed."
SELECTED_HINT = "What a query selects is shown in plans and sent to Sailthru: use a variable of the spec, `var()`."
TABLE_HINT = "Write the name as the database does, with its schema where it is not the default one (`schema.table`)."


def refused(query: str, dialect: str | None) -> str | None:
    """Why a query is refused, or None when it is exactly one SELECT that writes nothing."""
    import sqlglot
    from sqlglot import exp

    try:
        parsed = sqlglot.parse(query, read=dialect)
    except sqlglot.errors.SqlglotError as error:
        return f"the query cannot be read as SQL: {_words(error)}"
    # What follows a semicolon may be a comment only, which is no statement.
    found = [statement for statement in parsed if statement is not None and not isinstance(statement, exp.Semicolon)]
    if len(found) != 1:
        return f"the query holds {len(found)} statements, not one"
    if not isinstance(found[0], exp.Query):
        return f"the query is no SELECT but {found[0].key.upper()}"
    writes = next((node for node in found[0].find_all(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Into)), None)
    return f"the query writes ({writes.key.upper()})" if writes else None


def selects(query: str, mark: str, dialect: str | None) -> bool:
    """Whether a text that holds a mark can come out of a query, and is not only compared with something."""
    import sqlglot
    from sqlglot import exp

    comparing = (exp.Where, exp.Having, exp.Qualify, exp.Join)
    try:
        parsed = sqlglot.parse_one(query, read=dialect)
    except sqlglot.errors.SqlglotError:
        return True  # nobody can say
    for found in parsed.find_all(exp.Literal):
        if mark in str(found.this):
            around = found.find_ancestor(exp.Select, exp.SetOperation, exp.Subquery, exp.Table, *comparing)
            if not isinstance(around, comparing):
                return True
    return False


def close_comment(query: str, dialect: str | None) -> str:
    """The query without a semicolon at its end, and with a line end, so that a last comment (`-- all`) ends too."""
    import sqlglot
    from sqlglot.tokenizer_core import TokenType

    query = query.rstrip("; \t\r\n")
    tokens = sqlglot.tokenize(query, read=dialect)
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        last = tokens.pop()
        query = f"{query[: last.start]} {query[last.end + 1 :]}"
    return f"{query.strip()}\n"


def _words(error: Exception) -> str:
    """The parser's complaint without the excerpt of the query, which may hold values."""
    details = getattr(error, "errors", None)
    if not details:
        return "it does not parse"
    first = details[0]
    said = str(first["description"]).rstrip(".")
    if "<class" in said:  # the parser speaks of its own insides
        said = "something is missing"
    return f"{said} (line {first['line']}, column {first['col']})"
