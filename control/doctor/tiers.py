"""The tiers: what each says of its own readiness, and whether the edge takes WebSockets."""

from collections.abc import Mapping

import aiohttp

from control.client.connection import open_connection
from control.client.errors import ClosedForGood, EdgeUnavailable, Refused
from control.doctor.findings import Finding, fail, ok
from control.readiness import Readiness, ask_readiness
from presence.wire.frames import Hello

_NOT_A_TOKEN = "doctor"  # noqa: S105 - on purpose: it must be refused


async def examine_tiers(telemetry: Mapping[str, str]) -> list[Finding]:
    """Ask each tier (name -> base URL of its telemetry)."""
    async with aiohttp.ClientSession() as http:
        return [_readiness(name, url, await ask_readiness(http, url)) for name, url in telemetry.items()]


async def examine_edge(url: str) -> list[Finding]:
    """Try to get into an edge with a token that proves nothing: it must answer, and must refuse."""
    try:
        async with open_connection(url, Hello(_NOT_A_TOKEN), lambda _: None):
            return [fail("edge", f"{url} let in a token that proves nothing", "Stop it and look at its settings.")]
    except EdgeUnavailable as exc:
        if "4501" in exc.detail:
            return [ok("edge", f"{url} answers and refuses bad tokens")]
        return [fail("edge", f"{url}: {exc.detail}", "Start `presence run edge`, or correct the address.")]
    except Refused:
        return [ok("edge", f"{url} answers and refuses bad tokens")]
    except ClosedForGood as exc:
        return [fail("edge", f"{url}: {exc}", "This address is no edge of ours.")]


def _readiness(name: str, url: str, report: Readiness) -> Finding:
    if report.ready:
        return ok(name, f"ready ({url})")
    text = "; ".join(f"{check}: {why}" for check, why in report.missing.items())
    return fail(name, f"not ready ({url}): {text}", f"Look into the log of {name}.")
