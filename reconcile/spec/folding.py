"""One form for one e-mail address, and one for names of lists that nobody tells apart."""

from __future__ import annotations

import string
import unicodedata
from typing import Final

SPACE: Final = " \t\n\v\f\r"
CAPITALS: Final = string.ascii_uppercase
SMALL: Final = string.ascii_lowercase

_FOLD: Final = str.maketrans(CAPITALS, SMALL)


def fold_address(text: str) -> str:
    """An address without its outer ASCII white space, A to Z small; `state.values.address` does it to columns.

    Unicode's own folding makes two people one: the Kelvin sign (U+212A) becomes a k, the dotted I (U+0130) an i.
    """
    return text.strip(SPACE).translate(_FOLD)


def fold_list(name: str) -> str:
    """A list's name without its case and outer space: Sailthru or a person could take two of one form for one."""
    return unicodedata.normalize("NFC", name).strip().casefold()
