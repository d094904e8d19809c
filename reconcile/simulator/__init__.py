"""A faithful double of the Sailthru HTTP API, with its quirks, and with faults that can be scripted.

    sim = Simulator(seed=7, faults=Faults.named("field-report"))
    client = httpx.AsyncClient(transport=sim.transport(), base_url="https://api.sailthru.test")
    with server.running(sim) as base_url: ...

Ground: this package imports nothing else of ours, and knows nothing of our client (both are held to SAILTHRU.md).
`model`, `account` and what speaks over it (`users`, `lists`, `settings`, `jobs`) do no I/O, but for the temporary
`files` of large exports. `faults` says what shall go wrong and `mischief` who is hit; `engine` puts them together
without a socket; `app`, `server` and `transport` are its ways to the world, and behind them starlette, uvicorn and
httpx stay unimported until they are needed.
"""

from reconcile.simulator.account import Account
from reconcile.simulator.calls import Logged
from reconcile.simulator.engine import DEMO_KEYS
from reconcile.simulator.faults import Faults
from reconcile.simulator.guesses import Guesses
from reconcile.simulator.model import MailList, Profile
from reconcile.simulator.simulator import Simulator

__all__ = ["DEMO_KEYS", "Account", "Faults", "Guesses", "Logged", "MailList", "Profile", "Simulator"]
