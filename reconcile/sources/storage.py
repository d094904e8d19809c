"""Files in object stores and on the web, opened by fsspec; DuckDB's own way would fetch an extension at run time.

Credentials are those that each store's own library finds: variables of the environment, profiles, a machine's role.
"""

from __future__ import annotations

import glob
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
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


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a source, in the order of their names.

    Args:
        paths: as the database opens them.
    """

    paths: tuple[str, ...]
    _filesystem: Any = None

    def open(self, path: str) -> BufferedReader:
        """The bytes of one of them, unpacked."""
        import pyarrow as pa

        # What follows a question mark in a URL may be a signature: it says nothing of what the file is.
        ending = path.partition("?")[0].rpartition(".")[2] if self._filesystem else path.rpartition(".")[2]
        packed = {"gz": "gzip", "zst": "zstd"}.get(ending.lower())
        raw: Any = self._filesystem.open(path, "rb") if self._filesystem else Path(path).open("rb")  # noqa: SIM115 -- by whom it is read
        if packed:
            return _Unpacked(pa.CompressedInputStream(pa.PythonFile(raw, "r"), packed), raw)
        return raw if isinstance(raw, BufferedReader) else BufferedReader(raw)


class _Unpacked(BufferedReader):
    """The bytes of a packed file, which is closed with it."""

    def __init__(self, unpacked: Any, packed: Any) -> None:
        super().__init__(unpacked)
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


def located(origin: Origin, database: Any) -> Files:
    """The files of the source, wherever they are, which the database can open from now on.

    Raises:
        SourceUnavailable: there are none, the scheme is not known, or its library is not installed.
    """
    if scheme(origin):
        return Files(*_opened(origin, database))
    return Files(tuple(local(origin)))


def local(origin: Origin) -> list[str]:
    """The files of a source on this machine, in the order of their names.

    Raises:
        SourceUnavailable: there are none.
    """
    pattern = str(origin.path(origin.file or ""))
    # Not Path.glob: the pattern may be absolute, and its folder too may hold wildcards.
    found = sorted(path for path in glob.glob(pattern, recursive=True) if Path(path).is_file())  # noqa: PTH207
    if not found:
        raise origin.failed(f"there is no file {pattern}", hint="A `file` is looked for from the folder of the spec.")
    return found


def _opened(origin: Origin, database: Any) -> tuple[tuple[str, ...], Any]:
    kind, pattern = scheme(origin), origin.file or ""
    if kind not in EXTRAS:
        raise origin.failed(f"cannot open {kind}://", hint=f"There are: {', '.join(f'{one}://' for one in EXTRAS)}.")
    found = _filesystem(origin, kind)
    database.con.register_filesystem(found)
    # A web server lists nothing: what stands there is one file.
    paths = [pattern] if EXTRAS[kind] == "http" else sorted(f"{kind}://{path}" for path in found.glob(pattern))
    if not paths:
        raise origin.failed(
            f"there is no file {origin.told_file}", hint="Check the bucket, the path and the credentials."
        )
    return tuple(paths), found


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
