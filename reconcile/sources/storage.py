"""Files in object stores and on the web, opened by fsspec; DuckDB's own way would fetch an extension at run time.

Credentials are those that each store's own library finds: variables of the environment, profiles, a machine's role.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from reconcile.sources.origin import Origin

EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("http", "https"), "http"),
}
"""The extra that brings what opens a scheme."""


def scheme(origin: Origin) -> str:
    """What stands before `://` in the source's `file`; the empty string for a path."""
    head, colon, _ = (origin.file or "").partition("://")
    return head.lower() if colon else ""


def opened(origin: Origin, database: Any) -> list[str]:
    """The files of the source, in the order of their names, which the database can open from now on.

    Raises:
        SourceUnavailable: there are none, the scheme is not known, or its library is not installed.
    """
    kind, pattern = scheme(origin), origin.file or ""
    if kind not in EXTRAS:
        raise origin.failed(f"cannot open {kind}://", hint=f"There are: {', '.join(f'{one}://' for one in EXTRAS)}.")
    found = _filesystem(origin, kind)
    database.con.register_filesystem(found)
    # A web server lists nothing: what stands there is one file.
    paths = [pattern] if EXTRAS[kind] == "http" else sorted(f"{kind}://{path}" for path in found.glob(pattern))
    if not paths:
        raise origin.failed(
            f"there is no file {origin.shown_file}", hint="Check the bucket, the path and the credentials."
        )
    return paths


def _filesystem(origin: Origin, kind: str) -> Any:
    try:
        import fsspec

        found = fsspec.filesystem(kind, skip_instance_cache=True)
    except ImportError:
        hint = f"Install it with: pip install 'sailthru-reconcile[{EXTRAS[kind]}]'"
        raise origin.failed(f"what opens {kind}:// is not installed", hint=hint) from None
    if EXTRAS[kind] == "http":
        # DuckDB asks for it, to know whether what it has kept is stale; it keeps nothing beyond this one read.
        found.modified = lambda _: datetime(1970, 1, 1, tzinfo=UTC)
    return found
