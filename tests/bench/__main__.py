"""`make bench`: every scenario in a process of its own; JSON in bench-results/ and a short table.

python -m tests.bench [scenario ...]; without names all of them, which takes about five minutes.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SCENARIOS: dict[str, list[str]] = {
    "startup": ["tests.bench.startup"],
    "socket_to_socket": ["tests.bench.socket_to_socket"],
    "idle_memory": ["tests.bench.idle_memory"],
    "ingest": ["tests.bench.ingest"],
    "history": ["tests.bench.history"],
    "first_diff": ["tests.bench.first_diff"],
}

_RESULTS = Path("bench-results")


def main() -> int:
    """Run the scenarios; 1 when one of them failed."""
    wanted = sys.argv[1:] or list(SCENARIOS)
    unknown = [name for name in wanted if name not in SCENARIOS]
    if unknown:
        print(f"no such scenario: {', '.join(unknown)}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    results: dict[str, Any] = {}
    for number, name in enumerate(wanted, 1):
        print(f"[{number}/{len(wanted)}] {name} ...", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, "-m", *SCENARIOS[name]], stdout=subprocess.PIPE, check=False)
        try:
            results[name] = json.loads(done.stdout)
        except json.JSONDecodeError:
            results[name] = {"failed": done.returncode}
        for key, value in _flat(results[name]):
            print(f"  {key:<40} {value}")
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {path}", file=sys.stderr)
    return 1 if any("failed" in result for result in results.values()) else 0


def _flat(result: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """The figures as dotted names, without the machine's facts and long lists."""
    if not isinstance(result, dict):
        return [] if isinstance(result, list) else [(prefix.removesuffix("."), result)]
    pairs = [_flat(value, f"{prefix}{key}.") for key, value in result.items() if key != "machine"]
    return [pair for part in pairs for pair in part]


if __name__ == "__main__":
    sys.exit(main())
