"""Which processes and ports make up what ``presence up`` runs: pure decisions, but for the look at ports."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from control.devstack.config import Addresses
from control.devstack.ports import is_free
from control.runfile import Running
from control.settings.fields import env_name
from control.settings.model import Settings
from presence.domain.errors import SetupError

_OPTION = {"edge.port": "--edge-port or "}

_TELEMETRY_STEP = 10
"""Distance between the telemetry ports of two edges: there is room for the other tiers between them."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What ``presence up`` was asked for beyond the settings."""

    edges: int = 1
    """How many edge processes share the port."""
    with_history: bool = True


def check_ports(settings: Settings, options: UpOptions) -> None:
    """Raise `SetupError` when a port that will be needed is in use."""
    wanted = {"edge.port": settings.edge.port, "streams.telemetry_port": settings.streams.telemetry_port}
    if options.with_history:
        wanted["history.telemetry_port"] = settings.history.telemetry_port
    edges = [settings.edge.telemetry_port + number * _TELEMETRY_STEP for number in range(options.edges)]
    for name, port in [*wanted.items(), *(("edge.telemetry_port", port) for port in edges)]:
        if not is_free(port):
            raise SetupError(
                f"port {port} ({name}) is in use by another program",
                f"Stop that program, or choose another port by {_OPTION.get(name, '')}{env_name(name)}.",
            )


def telemetry_urls(settings: Settings, options: UpOptions) -> dict[str, str]:
    """Where each process will report: name -> base URL."""
    urls = {"streams": _url(settings.streams.telemetry_port)}
    if options.with_history:
        urls["history"] = _url(settings.history.telemetry_port)
    for number in range(1, options.edges + 1):
        urls[edge_name(number)] = _url(settings.edge.telemetry_port + (number - 1) * _TELEMETRY_STEP)
    return urls


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def edge_name(number: int) -> str:
    """The name of the edge with a number, counted from 1."""
    return f"edge-{number}"


def edge_environment(settings: Settings, name: str, telemetry_url: str) -> dict[str, str]:
    """What one edge is told beyond what all are told."""
    node = f"{settings.edge.node}-{name}" if settings.edge.node else name
    return {env_name("edge.node"): node, env_name("edge.telemetry_port"): telemetry_url.rpartition(":")[2]}


def describe(settings: Settings, addresses: Addresses, telemetry: Mapping[str, str]) -> Running:
    """What other commands are told of this system."""
    host = "127.0.0.1" if settings.edge.host in {"0.0.0.0", "::"} else settings.edge.host  # noqa: S104 - compared only
    return Running(
        pid=os.getpid(),
        kafka=addresses.kafka,
        postgres=addresses.postgres,
        valkey=addresses.valkey,
        edge=f"ws://{host}:{settings.edge.port}{settings.edge.path}",
        telemetry=dict(telemetry),
        tenant=settings.tenant,
        topic_prefix=settings.topics.prefix,
    )
