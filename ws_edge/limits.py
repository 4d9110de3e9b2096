"""Pure counters behind the limits: a token bucket and errors within a window. Time is an argument."""

from ws_edge.codes import ERROR_CODES, Code
from ws_edge.config import EdgeLimits

_SUBSCRIPTION_STRIKES = 3
"""Attempts to watch too much within the errors' window that end the connection."""


class TokenBucket:
    """``burst`` messages at once, ``per_s`` in the long run. Knows since when it has been overdrawn."""

    __slots__ = ("_burst", "_filled_at", "_per_ms", "_refused_at", "_tokens", "over_since")

    def __init__(self, per_s: int, burst: int, now: int) -> None:
        self._per_ms = per_s / 1000
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at = now
        self._refused_at = now
        self.over_since: int | None = None
        """When the refusals began that have gone on since; None when within the rate."""

    def take(self, now: int) -> bool:
        """Take one token; False when there is none."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_ms)
        self._filled_at = now
        # A second without a refusal ends an overdraft: at the rate itself single messages still pass.
        if self.over_since is not None and now - self._refused_at >= 1000:
            self.over_since = None
        if self._tokens >= 1:
            self._tokens -= 1
            return True
        self._refused_at = now
        if self.over_since is None:
            self.over_since = now
        return False


class ErrorCounter:
    """Errors of one client within a sliding window."""

    __slots__ = ("_limit", "_times", "_within")

    def __init__(self, limit: int, within_ms: int) -> None:
        self._limit = limit
        self._within = within_ms
        self._times: list[int] = []

    def add(self, now: int) -> bool:
        """Count an error; True when the limit is reached."""
        self._times = [t for t in self._times if now - t < self._within]
        self._times.append(now)
        return len(self._times) >= self._limit


class Conduct:
    """How one client behaves: its message rate and its errors, and the close code when it went too far."""

    __slots__ = ("_bucket", "_errors", "_limits", "_strikes")

    def __init__(self, limits: EdgeLimits, now: int) -> None:
        self._limits = limits
        self._bucket = TokenBucket(limits.messages_per_s, limits.message_burst, now)
        # Made when needed: most clients never err.
        self._errors: ErrorCounter | None = None
        self._strikes: ErrorCounter | None = None

    def admit(self, now: int) -> bool:
        """Whether one more message is within the rate."""
        return self._bucket.take(now)

    def is_over_rate_for_long(self, now: int) -> bool:
        """Whether it has been over its rate for as long as is borne."""
        since = self._bucket.over_since
        return since is not None and now - since >= self._limits.over_rate_ms

    def blame(self, code: str, now: int) -> Code | None:
        """Count an error; the close code when it is one too many."""
        if not ERROR_CODES[code].counts:
            return None
        if code == "subscription_limit":
            self._strikes = self._strikes or ErrorCounter(_SUBSCRIPTION_STRIKES, self._limits.errors_within_ms)
            if self._strikes.add(now):
                return Code.SUBSCRIPTION_LIMIT
        self._errors = self._errors or ErrorCounter(self._limits.errors, self._limits.errors_within_ms)
        return Code.TOO_MANY_ERRORS if self._errors.add(now) else None
