"""Scenario: socket to socket latency of the whole system, history included. Starts everything, measures, stops it."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from tests.support.system import SECRET, System, Tier, running_system

# The product's defaults, whatever profile the end-to-end tests use.
_DEFAULTS = {
    "PRESENCE_GRACE_MS": "15000",
    "PRESENCE_DRAIN_GRACE_MS": "60000",
    "PRESENCE_HEARTBEAT_MS": "3000",
    "PRESENCE_LEASE_MS": "10000",
    "PRESENCE_PARTITIONS": "12",
}


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Start the system and run the generator against it."""
    with tempfile.TemporaryDirectory(prefix="presence-bench-") as folder:
        async with running_system(Path(folder), _DEFAULTS) as system:
            edge, address = system.edge()
            tiers = [system.worker(), system.history(), edge]
            await asyncio.gather(*(tier.start() for tier in tiers))
            watched = {tier.name: psutil.Process(tier.pid) for tier in tiers} | _servers(system)
            before = {name: sum(process.cpu_times()[:2]) for name, process in watched.items()}
            result = await _generate(address.split(":")[2].split("/")[0], args)
            seconds = args.seconds + 2 * _WARM_UP_S
            result["cores_used"] = {
                name: round((sum(process.cpu_times()[:2]) - before[name]) / seconds, 3)
                for name, process in watched.items()
            }
            result["edge_latency"] = _histograms(edge)
            return result


_WARM_UP_S = 3.0


def _servers(system: System) -> dict[str, psutil.Process]:
    return {server.name: psutil.Process(server.pid) for server in system.stack.servers if server.pid is not None}


async def _generate(port: str, args: argparse.Namespace) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "tests.bench.latency", "--port", port, "--secret", SECRET,
        "--rate", str(args.rate), "--watchers", str(args.watchers), "--seconds", str(args.seconds),
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"the load generator failed with {process.returncode}")
    result: dict[str, Any] = json.loads(output)
    return result


def _histograms(edge: Tier) -> list[str]:
    """The edge's own sums and counts, to see where time goes."""
    lines = edge.metrics().splitlines()
    return [line for line in lines if not line.startswith("#") and ("_seconds_sum" in line or "_seconds_count" in line)]


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="changes a second")
    parser.add_argument("--watchers", type=int, default=50, help="sockets that watch each change")
    parser.add_argument("--seconds", type=float, default=20)
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
