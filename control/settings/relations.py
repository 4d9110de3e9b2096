"""What must hold between settings, checked before anything starts. Each message names every setting it is about."""

from collections.abc import Callable, Iterator
from itertools import combinations

from control.settings.fields import env_name, value_of
from control.settings.model import MIN_SECRET_BYTES, Settings

Relation = Callable[[Settings], str | None]


def violations(settings: Settings) -> list[str]:
    """Everything that does not hold, in words; empty when all is well."""
    found = [broken for relation in _RELATIONS if (broken := relation(settings))]
    return found + list(_shared_ports(settings))


def _at_least(greater: str, times: int, smaller: str, why: str) -> Relation:
    def check(settings: Settings) -> str | None:
        high, low = value_of(settings, greater), value_of(settings, smaller)
        if high >= times * low:
            return None
        factor = f"{times} x " if times > 1 else ""
        return f"{_shown(greater, high)} must be at least {factor}{_shown(smaller, low)}: {why}"

    return check


def _below(smaller: str, greater: str, why: str) -> Relation:
    def check(settings: Settings) -> str | None:
        low, high = value_of(settings, smaller), value_of(settings, greater)
        if low < high:
            return None
        return f"{_shown(smaller, low)} must be below {_shown(greater, high)}: {why}"

    return check


def _secret_is_long(settings: Settings) -> str | None:
    secret = settings.token.secret
    if secret is None or len(secret.get_secret_value().encode()) >= MIN_SECRET_BYTES:
        return None
    size = len(secret.get_secret_value().encode())
    return (
        f"token.secret ({env_name('token.secret')}) has {size} bytes and must have {MIN_SECRET_BYTES} at least: "
        "shorter ones can be guessed"
    )


def _shared_ports(settings: Settings) -> Iterator[str]:
    names = ("edge.port", "edge.telemetry_port", "streams.telemetry_port", "history.telemetry_port")
    for one, other in combinations(names, 2):
        port = value_of(settings, one)
        if port and port == value_of(settings, other):
            yield f"{_shown(one, port)} and {_shown(other, port)} must differ: a port has one listener"


def _shown(name: str, value: object) -> str:
    return f"{name} ({env_name(name)}) = {value}"


_RELATIONS: tuple[Relation, ...] = (
    _at_least("lease_ms", 2, "heartbeat_ms", "one lost heartbeat must not cost a node its sessions"),
    _at_least("streams.session_timeout_ms", 3, "streams.heartbeat_ms", "a worker may miss two heartbeats"),
    _at_least("drain_grace_ms", 1, "grace_ms", "a restart on purpose must not be harder on sessions than a failure"),
    _below("streams.drain_ms", "streams.session_timeout_ms", "a worker that waits for its batch must not be given up"),
    _below("edge.pong_wait_ms", "edge.ping_ms", "a ping must be answered before the next one is due"),
    _below("edge.send_high_water", "edge.send_cut", "a connection must be coalesced before it is cut"),
    _secret_is_long,
)
