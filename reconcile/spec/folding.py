"""One form for one e-mail address: nothing is changed but what cannot make two people one."""

from __future__ import annotations

import string
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
