"""Keep the tiers running as child processes: start, restart with back-off, give up, stop. None outlives us."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from control.devstack import child
from presence.domain.errors import PresenceError

TAIL_LINES = 20
"""How much of a failed tier's log is shown: a traceback's cause is in its last lines."""

Announce = Callable[[str, str], None]
"""Is told (tier, what happened)."""


class TierFailed(PresenceError):
    """A tier keeps dying; its last words are in the message."""

    code = "tier_failed"

    def __init__(self, tier: str, exit_code: int, log: Path, tail: str) -> None:
        self.tier = tier
        self.exit_code = exit_code
        super().__init__(f"{tier} keeps dying ({_how(exit_code)}); its last words:\n{tail}\n  The whole log is {log}.")


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often a tier may die, and how long it waits before it is started again."""

    first_s: float = 0.5
    """Wait after the first death; doubles with each one that follows. Half: a tight loop of starts of a second each."""
    max_s: float = 10.0
    """Longest wait: below the time people need to look at the screen."""
    deaths: int = 5
    """So many deaths within ``within_s`` are not bad luck."""
    within_s: float = 60.0

    def delay_s(self, died_at: Sequence[float]) -> float | None:
        """The wait before the next start, given the times of all deaths so far; None to give up."""
        recent = [at for at in died_at if died_at[-1] - at <= self.within_s]
        if len(recent) >= self.deaths:
            return None
        return min(self.max_s, self.first_s * 2.0 ** (len(recent) - 1))


@dataclass(frozen=True, slots=True)
class Tier:
    """One child process to keep running."""

    name: str
    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def tail(self) -> str:
        """The last lines of its log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError as exc:
            return f"  (no log: {exc})"
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


class Supervisor:
    """Keeps any number of tiers running. `stop` must be called at the end."""

    def __init__(self, announce: Announce, policy: RestartPolicy = RestartPolicy()) -> None:
        self._announce = announce
        self._policy = policy
        self._keepers: dict[str, _Keeper] = {}
        self._failure: asyncio.Future[TierFailed] = asyncio.get_running_loop().create_future()

    def start(self, tier: Tier) -> None:
        """Start a tier and keep it running."""
        self._keepers[tier.name] = _Keeper(tier, self._policy, self._announce, self._fail)

    async def stop(self, names: Iterable[str] | None = None, within_s: float = 15.0) -> None:
        """Ask some tiers, or all, to stop; kill those that take longer than ``within_s``."""
        keepers = [keeper for name, keeper in self._keepers.items() if names is None or name in names]
        await asyncio.gather(*(keeper.stop(within_s) for keeper in keepers))

    def kill_now(self) -> None:
        """Send SIGKILL to all; wait for nothing."""
        for keeper in self._keepers.values():
            keeper.kill_now()

    def pids(self) -> dict[str, int]:
        """The process of each tier that runs now."""
        return {name: pid for name, keeper in self._keepers.items() if (pid := keeper.pid) is not None}

    async def failed(self) -> TierFailed:
        """Return when a tier was given up."""
        return await asyncio.shield(self._failure)

    def _fail(self, failure: TierFailed) -> None:
        if not self._failure.done():
            self._failure.set_result(failure)


class _Keeper:
    """Keeps one tier running."""

    def __init__(
        self, tier: Tier, policy: RestartPolicy, announce: Announce, fail: Callable[[TierFailed], None]
    ) -> None:
        self._tier = tier
        self._policy = policy
        self._announce = announce
        self._fail = fail
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        # More deaths than the policy counts tell nothing new.
        self._died_at: deque[float] = deque(maxlen=policy.deaths)
        self._task = asyncio.create_task(self._keep(), name=f"keep {tier.name}")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def stop(self, within_s: float) -> None:
        self._stopping.set()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(self._task)
        except TimeoutError:
            self._announce(self._tier.name, f"did not stop within {within_s:g} s, killed")
            self.kill_now()
            await self._task
        except asyncio.CancelledError:
            self.kill_now()
            raise

    def kill_now(self) -> None:
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            self._process = await self._spawn()
            if self._stopping.is_set():
                # Told to stop while it was being started.
                self._signal(signal.SIGTERM)
            exit_code = await self._process.wait()
            if self._stopping.is_set():
                return
            self._died_at.append(asyncio.get_running_loop().time())
            delay_s = self._policy.delay_s(list(self._died_at))
            if delay_s is None:
                self._fail(TierFailed(self._tier.name, exit_code, self._tier.log, self._tier.tail()))
                return
            what = f"died ({_how(exit_code)}), starting again in {delay_s:g} s; its log is {self._tier.log}"
            self._announce(self._tier.name, what)
            try:
                async with asyncio.timeout(delay_s):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def _spawn(self) -> asyncio.subprocess.Process:
        tier = self._tier
        # SIGKILL: when we die the servers die with us, and a tier could only wait for them in vain.
        shim = (os.getpid(), int(signal.SIGKILL), -1, -1, 0, Path.cwd())
        with tier.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", child.__file__, *map(str, shim)),
                *tier.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop the tiers in order.
                start_new_session=True,
                env=dict(tier.environment),
            )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


def _how(exit_code: int) -> str:
    return f"signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"
