"""The simulator on a real socket: uvicorn, on loopback unless told otherwise."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconcile.simulator.connections import Connection

if TYPE_CHECKING:
    import asyncio

    from reconcile.simulator.certificates import Tls
    from reconcile.simulator.simulator import Simulator


class _Protocol(H11Protocol):
    """uvicorn's own, that also tells the application which connection a request came on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "connection": Connection(transport)}
        super().connection_made(transport)


class _Server(uvicorn.Server):
    """uvicorn's own, that says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on Ctrl-C and SIGTERM.

        And let the caller go on from there (uvicorn would raise them again).
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()


def serve(
    sim: Simulator,
    *,
    host: str = "127.0.0.1",
    port: int = 8025,
    tls: Tls | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; returns then, without a traceback.

    Args:
        sim: what to serve.
        host: the address to listen on.
        port: 0 takes a free one.
        tls: serve HTTPS with these files.
        ready: is told the base URL once calls are answered.

    Raises:
        OSError: the port is taken.
    """
    with _listening(host, port) as sock:
        base_url = _base_url(sock, tls)
        server = _Server(_config(sim, tls), lambda: ready(base_url) if ready else None)
        server.run([sock])


@contextmanager
def running(sim: Simulator, *, host: str = "127.0.0.1", port: int = 0, tls: Tls | None = None) -> Iterator[str]:
    """Serve in a thread while the block runs; gives the base URL. For tests and demos."""
    listens = threading.Event()
    with _listening(host, port) as sock:
        server = _Server(_config(sim, tls), listens.set)
        thread = threading.Thread(target=server.run, args=([sock],), name="simulator", daemon=True)
        thread.start()
        try:
            while not listens.wait(0.05):
                if not thread.is_alive():
                    raise RuntimeError("the simulator did not start")
            yield _base_url(sock, tls)
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, for only then does asyncio switch Nagle's algorithm off: 40 ms a call otherwise.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        yield sock


def _base_url(sock: socket.socket, tls: Tls | None) -> str:
    host, port = sock.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _config(sim: Simulator, tls: Tls | None) -> uvicorn.Config:
    # A malformed upload is the caller's business, and is answered; nobody needs to read of it here.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    settings: dict[str, Any] = {
        "http": _Protocol,
        "ws": "none",
        "lifespan": "off",
        "log_level": "critical",
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "timeout_graceful_shutdown": 2,
        "backlog": 2048,
    }
    if tls is not None:
        settings |= {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
    return uvicorn.Config(sim.app, **settings)
