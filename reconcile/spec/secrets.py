"""What a reference stands for: `env('NAME')` a variable of the environment, `file('/path')` a file of this machine."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping

from reconcile.errors import CredentialsRefused, EnvironmentUnfit, Where

_UNDECODED = re.compile("[\ud800-\udfff]")
"""How Python keeps bytes of the environment that are no UTF-8."""
FUNCTIONS = ("env", "file")
"""Functions that refer to secrets."""
LARGEST = 64 << 10
"""Bytes that a file with a secret may have."""


def functions(environ: Mapping[str, str], where: Where | None = None) -> dict[str, Callable[[str], str]]:
    """The functions of references; they raise CredentialsRefused where there is nothing."""
    return {"env": env(environ, where), "file": file(where)}


def env(environ: Mapping[str, str], where: Where | None = None) -> Callable[[str], str]:
    """The function `env()`; raises CredentialsRefused for a variable that is not set."""

    def asked(name: str) -> str:
        if not environ.get(name):
            at = f" ({where})" if where else ""
            state = "is empty" if name in environ else "is not set"
            raise CredentialsRefused(f"environment variable {name} {state}{at}", hint=f"Set it: export {name}=…")
        if _UNDECODED.search(environ[name]):
            at = f" ({where})" if where else ""
            raise EnvironmentUnfit(f"The variable {name} is not in UTF-8{at}.", hint="Set it again, in UTF-8.")
        return environ[name]

    return asked


def file(where: Where | None = None) -> Callable[[str], str]:
    """The function `file()`: the text of a file without the newline at its end."""

    def asked(path: str) -> str:
        try:
            text = _read(path)
        except OSError as error:
            raise _refused(path, error.strerror or type(error).__name__, where) from None
        except UnicodeDecodeError:
            raise _refused(path, "it is no text", where) from None
        if not text:
            raise _refused(path, "it is empty", where)
        return text

    def _read(path: str) -> str:
        if not path.startswith("/"):
            raise _refused(path, "it is no absolute path", where)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe does not block
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _refused(path, "it is no regular file", where)
            with open(descriptor, "rb", closefd=False) as opened:
                content = opened.read(LARGEST + 1)
        finally:
            os.close(descriptor)
        if len(content) > LARGEST:
            raise _refused(path, f"it has more than {LARGEST // 1024} KiB", where)
        return content.decode().removesuffix("\n").removesuffix("\r")

    return asked


def _refused(path: str, why: str, where: Where | None) -> CredentialsRefused:
    at = f" ({where})" if where else ""
    return CredentialsRefused(
        f"the secret in the file {path} cannot be read: {why}{at}",
        hint="Name a file by its absolute path, of at most 64 KiB, that this process may read.",
    )
