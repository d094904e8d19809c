"""Journals with bytes flipped at random: they claim no more than the whole one did, and what they lost is in doubt."""

from __future__ import annotations

import random
from pathlib import Path

from reconcile.apply import journal
from reconcile.apply.journal import Journal, Past
from reconcile.apply.model import Outcome

AT = "2026-03-01T12:00:00+00:00"


def write_journal(path: Path, dice: random.Random) -> int:
    """A journal of a few attempts by both routes, some of them killed; how many actions its plan has."""
    total = dice.randint(1, 60)
    path.unlink(missing_ok=True)
    for _ in range(dice.randint(1, 3)):
        with journal.opened(path, "5f0c9d7be1a24c33", total) as (log, _):
            log.attempt(AT, "ada@laptop")
            past, _ = journal.read(path)
            for _ in range(dice.randint(0, 6)):
                _write_some(log, past, dice, [one for one in range(total) if not past.is_settled(one)])
                past, _ = journal.read(path)
            if dice.random() < 0.6:
                converged = past.settled(0, total) == total
                log.end(AT, "ada@laptop", converged=converged, status=0 if converged else 8)
                if converged:
                    break
    return total


def _write_some(log: Journal, past: Past, dice: random.Random, left: list[int]) -> None:
    numbers = sorted(dice.sample(left, dice.randint(0, len(left))))
    if dice.random() < 0.3:
        job = log.intend("job", numbers, file="update-0.json")
        log.note(job, job=str(dice.randint(1, 99)))
        entry = log.intend_look(numbers)
    else:
        entry = log.intend("actions", numbers)
    if dice.random() < 0.9:
        fates = {one: dice.choice([*Outcome, None, "unbegun"]) for one in numbers}
        outcomes = {outcome: [one for one in numbers if fates[one] is outcome] for outcome in Outcome}
        unbegun = [one for one in numbers if fates[one] == "unbegun" and not past.is_doubtful(one)]
        log.settle(entry, outcomes, unbegun=unbegun)


def flip(whole: bytes, dice: random.Random) -> bytes:
    """The same with a few bytes that are others; a digit that becomes another one is still a number."""
    spoilt = bytearray(whole)
    digits = [place for place, byte in enumerate(whole) if chr(byte).isdigit()]
    for _ in range(dice.choice([1, 1, 2, 3, 8])):
        if dice.random() < 0.5:
            spoilt[dice.choice(digits)] = ord(dice.choice("0123456789"))
        else:
            spoilt[dice.randrange(len(spoilt))] ^= dice.randrange(1, 256)
    return bytes(spoilt)


def lose_lines(whole: bytes, dice: random.Random) -> bytes:
    """The same without a few lines in a row; the last one is there, else it would be a journal that was cut."""
    lines = whole.splitlines(keepends=True)
    first = dice.randrange(len(lines))
    return b"".join(lines[:first] + lines[min(first + dice.randint(1, 4), len(lines) - 1) :])


def play_damage(folder: Path, seed: int, flips: int = 3) -> int:
    """Damage a journal so many times, each time anew, and hold it against the whole one; how often it lost something.

    Raises:
        AssertionError: it claims more, or what it lost would not be looked at.
    """
    dice = random.Random(seed)
    path, lost = folder / "journal.ndjson", 0
    total = write_journal(path, dice)
    whole = path.read_bytes()
    before, _ = journal.read(path)
    for _ in range(flips):
        path.write_bytes(dice.choice([flip, flip, flip, lose_lines])(whole, dice))
        after, _ = journal.read(path)
        lost += after.settled(0, total) < before.settled(0, total)
        for number in range(total):
            assert not after.is_settled(number) or before.is_settled(number), f"{number} was never verified"
            begun = before.is_settled(number) or before.is_doubtful(number)
            assert after.is_settled(number) or after.is_doubtful(number) or not begun, f"{number} is not looked at"
        assert not after.finished or before.finished
        with journal.opened(path, "5f0c9d7be1a24c33", total) as (log, past):
            log.attempt(AT, "bob@desk")
            entry = log.intend("actions", [0])
            log.settle(entry, {Outcome.VERIFIED: [0]})
        later, _ = journal.read(path)
        assert later.is_settled(0), "a damaged journal is not gone on with"
        assert all(later.is_settled(number) for number in range(total) if past.is_settled(number))
    return lost
