"""Digest: one hash of a whole set of rows, whatever their order, cheap to maintain row by row.

The sum modulo 2^256 of the SHA-256 of each row (Bellare and Micciancio 1997, AdHash). It finds faults and proves
that two folds agree; it is no protection against somebody who can choose rows.
"""

import hashlib
from collections.abc import Iterable

_MODULUS = 1 << 256


class Digest:
    """A running digest over ``(key, encoded row)`` pairs."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, key: str, row: bytes) -> None:
        """Put a row in."""
        self._sum = (self._sum + _hash(key, row)) % _MODULUS

    def remove(self, key: str, row: bytes) -> None:
        """Take a row out that was put in with the same bytes."""
        self._sum = (self._sum - _hash(key, row)) % _MODULUS

    def hex(self) -> str:
        """64 hexadecimal digits; all zero for no rows."""
        return f"{self._sum:064x}"


def digest(rows: Iterable[tuple[str, bytes]]) -> str:
    """The digest of all rows at once."""
    total = Digest()
    for key, row in rows:
        total.add(key, row)
    return total.hex()


def _hash(key: str, row: bytes) -> int:
    text = key.encode()
    # The length keeps ("a", "bc") and ("ab", "c") apart.
    return int.from_bytes(hashlib.sha256(len(text).to_bytes(4, "big") + text + row).digest(), "big")
