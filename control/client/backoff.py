"""When to come back after a connection ended, by its close code: pure rules, chance handed in."""

from collections.abc import Callable
from dataclasses import dataclass

GOODBYE = 1000
ABNORMAL = 1006
STATE_GAP = 4002

# Our fault or our right: the same connection would end the same way (RFC 6455, 7.4.1, and docs/reference/protocol.md).
_TERMINAL = frozenset({1002, 1003, 1007, 1008, 1009, 1010})
_TERMINAL_RANGE = range(4500, 4600)
# The edge said that a wait helps: it restarts, or it is full.
_SPREAD = frozenset({1012, 1013})

# HTTP answers to the handshake that may differ next time; every other 4xx will not.
_RETRYABLE_HTTP = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Backoff:
    """How fast to come back, in milliseconds."""

    first_ms: int = 100
    """Upper bound of the first wait. Half: a dead edge sees twice the handshakes; double: each blip is felt longer."""
    max_ms: int = 10_000
    """Upper bound of any wait: below the grace, so that a session outlives an edge that was away for a moment."""
    restart_ms: int = 1_000
    """Window over which the clients of a restarting edge spread, unless it names its own."""

    def delay_ms(self, attempt: int, close_code: int, hint_ms: int | None, chance: Callable[[], float]) -> float:
        """How long to wait before attempt number ``attempt`` (0 is the first after a connection that worked).

        Full jitter: a uniform draw below the bound, so that clients that fell together do not come back together.
        ``hint_ms`` is the least wait the edge asked for; ``chance`` draws from [0, 1).
        """
        bound = min(self.max_ms, self.first_ms << min(attempt, 20))
        if close_code in _SPREAD:
            bound = max(bound, self.restart_ms)
        return (hint_ms or 0) + bound * chance()


def may_return(close_code: int) -> bool:
    """Whether a client may reconnect after this close code by itself."""
    return close_code != GOODBYE and close_code not in _TERMINAL and close_code not in _TERMINAL_RANGE


def may_retry_handshake(http_status: int) -> bool:
    """Whether a refused handshake is worth another try."""
    return http_status >= 500 or http_status in _RETRYABLE_HTTP
