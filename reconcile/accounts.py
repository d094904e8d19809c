"""The way to an account: the account itself, or an observation of it that was kept, as a plan looks at them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from reconcile.errors import CredentialsRefused
from reconcile.plan import integrity
from reconcile.plan.model import NO_IDS, AccountFace, AccountIds, Face
from reconcile.sailthru import observation, target
from reconcile.sailthru.kept import Whose
from reconcile.sailthru.model import Credentials
from reconcile.spec import managed, templates, urls
from reconcile.spec.model import Account, Policy, Spec
from reconcile.state.keys import Keys
from reconcile.state.masks import Masks
from reconcile.state.model import Observable


@dataclass(frozen=True, slots=True)
class Look:
    """What a plan looks at, the keys of its account, which one it is, and when it was taken if it was kept.

    `ids` are what Sailthru calls the account, empty where nobody asked, the key may not, or there was no answer: then
    `unidentified` says why.
    """

    account: Observable
    keys: Keys
    whose: Whose
    taken_at: datetime | None = None
    ids: AccountIds = NO_IDS
    unidentified: str = ""

    @property
    def masks(self) -> Masks:
        """Those of the account's people."""
        return Masks(self.keys.masks)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Opens accounts, with what `Reconciler` was given for it."""

    environ: Mapping[str, str]
    transport: Any
    sleep: Any
    clock: Any

    def whose(self, account: Account, *, key_needed: bool = True) -> Whose:
        """Which account it is; with an empty fingerprint where its API key is not there, and need not be."""
        url = self.url(account)
        try:
            fingerprint = integrity.fingerprint(templates.resolve_credential(account.api_key, self.environ))
        except CredentialsRefused:
            if key_needed:
                raise
            fingerprint = ""
        return Whose(name=account.name, url=url, fingerprint=fingerprint)

    def url(self, account: Account | AccountFace) -> str:
        """Where the account answers.

        Raises:
            SpecInvalid: it is no plain web address, which plans could not show.
        """
        return urls.raise_if_unfit(templates.resolve(account.url, self.environ), None)

    def keys(self, account: Account | AccountFace) -> Keys:
        """The keys of an account, from its API secret."""
        return Keys.of_secret(templates.resolve_credential(account.api_secret, self.environ))

    @asynccontextmanager
    async def fresh(self, spec: Spec, folder: Path) -> AsyncIterator[Look]:
        """The account itself, to be looked at."""
        async with self.open(spec.account, spec.policy, folder) as (account, _):
            # First: a key that is refused need not wait for a million rows.
            yield await self.identify(Look(account, self.keys(spec.account), self.whose(spec.account)))

    @asynccontextmanager
    async def kept(self, spec: Spec, folder: Path, kept: Path, *, looks: bool) -> AsyncIterator[Look]:
        """An observation of the account; single people are looked at live, unless there are to be no looks at all."""
        whose, keys = self.whose(spec.account, key_needed=looks), self.keys(spec.account)
        found = observation.opened(kept, whose, keys, lists=managed.lists(spec), vars=managed.vars(spec))
        if not looks:
            yield Look(observation.Kept(kept, found, None), keys, found.account, found.taken_at, found.ids)
            return
        async with self.open(spec.account, spec.policy, folder) as (live, _):
            yield Look(observation.Kept(kept, found, live), keys, found.account, found.taken_at, found.ids)

    @asynccontextmanager
    async def near(self, spec: Spec, folder: Path, kept: Path | None) -> AsyncIterator[Look]:
        """The account, or a kept observation of it, to look at one person; its ids are not asked for."""
        if kept is None:
            async with self.open(spec.account, spec.policy, folder) as (account, _):
                yield Look(account, self.keys(spec.account), self.whose(spec.account))
            return
        async with self.kept(spec, folder, kept, looks=True) as look:
            yield look

    async def identify(self, look: Look) -> Look:
        """The same with the account's own ids; those of a kept observation are in it."""
        if not isinstance(look.account, target.Target):
            return look
        ids = await look.account.identify()
        return replace(look, ids=ids, unidentified=look.account.unidentified)

    @asynccontextmanager
    async def open(
        self, account: Account | AccountFace, pace: Policy | Face, folder: Path, sleep: Any = None
    ) -> AsyncIterator[tuple[target.Target, Masks]]:
        """A connection to the account, and the masks of its people.

        Args:
            folder: where its exports are put.
            sleep: waits for the account; ours when None.
        """
        key, secret = (templates.resolve_credential(one, self.environ) for one in (account.api_key, account.api_secret))
        url = self.url(account)
        masks = Masks.keyed_by(secret)
        opened = target.connect(
            Credentials(key, secret),
            url=url,
            masks=masks,
            folder=folder,
            at_once=2 * pace.at_once,  # so many of a kind: an apply looks at one chunk while it writes the next
            share=pace.share,
            job_hours=pace.job_hours,
            export_again=pace.export_again,
            transport=self.transport,
            sleep=sleep or self.sleep,
            clock=self.clock,
        )
        async with opened as connected:
            yield connected, masks
