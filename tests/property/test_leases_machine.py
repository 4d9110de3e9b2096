"""The failure detector under nodes, ticks and clocks that do as they please: nobody is lost unjustly, nobody forgotten.

By the second opinion an epoch is lost at a tick exactly when, in the unbroken watch of one detector, more than the
lease went by since the epoch's last heartbeat. Times are round, so that they meet the limits exactly.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from presence.domain.ids import Millis, NodeEpoch, NodeId
from presence.domain.leases import Heartbeat, LeaseLost, Leases, NodeRecord, NodeStopped, Tick, observe

LEASE, GAP = Millis(10_000), Millis(5_000)
NODES = [NodeId("n1"), NodeId("n2")]
T0 = 1_000_000

nodes = st.sampled_from(NODES)
# An epoch before the present one, the present one, a restart.
epochs_from_present = st.sampled_from([0, 0, 0, -1, 1])

EpochOf = tuple[NodeId, int]


class DetectorMachine(RuleBasedStateMachine):
    """Rules append to ``presence-nodes``; the leases and the second opinion follow."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.leases = Leases()
        self.present = dict.fromkeys(NODES, 1)
        self.alive: dict[EpochOf, int] = {}
        """Since when each has been silent, as far as the present detector can say."""
        self.over: set[EpochOf] = set()
        self.owed: set[EpochOf] = set()
        self.last_tick: tuple[str, int] | None = None

    def append(self, record: NodeRecord, back_ms: int = 0) -> int:
        """Append at the broker's time, which may be behind for a record."""
        at = self.now - back_ms
        self.leases = observe(self.leases, record, Millis(at), LEASE, GAP)
        return at

    def end(self, node: NodeId, epoch: int) -> None:
        """An epoch is over, and owed to those who must hear of it."""
        self.alive.pop((node, epoch), None)
        self.over.add((node, epoch))
        self.owed.add((node, epoch))

    def end_up_to(self, node: NodeId, epoch: int) -> None:
        """All lives up to this one are over; the loss of the last speaks for the earlier ones too."""
        self.over |= {(n, e) for n, e in self.alive if n == node and e <= epoch} | {(node, epoch)}
        self.alive = {k: at for k, at in self.alive.items() if k not in self.over}

    def highest(self, node: NodeId) -> int:
        """The highest epoch heard of."""
        return max((e for n, e in self.over.union(self.alive) if n == node), default=-1)

    @rule(node=nodes, ahead=epochs_from_present, back_ms=st.sampled_from([0, 0, 2_000]))
    def beat(self, node: NodeId, ahead: int, back_ms: int) -> None:
        """A node renews; it may be a zombie or have restarted."""
        epoch = self.present[node] + ahead
        self.present[node] = max(epoch, self.present[node])
        is_news, is_alive = epoch > self.highest(node), (node, epoch) in self.alive
        at = self.append(Heartbeat(node, NodeEpoch(epoch)), back_ms)
        if is_news:
            for earlier in [e for n, e in self.alive if n == node]:
                self.end(node, earlier)
        if is_news or is_alive:
            self.alive[node, epoch] = max(at, self.alive.get((node, epoch), at))

    @rule(node=nodes, ahead=epochs_from_present)
    def stop(self, node: NodeId, ahead: int) -> None:
        """A node gives its lease back, maybe not for the first time."""
        epoch = self.present[node] + min(ahead, 0)
        is_news = epoch > self.highest(node) or (node, epoch) in self.alive
        self.append(NodeStopped(node, NodeEpoch(epoch)))
        if is_news:
            self.end_up_to(node, epoch)
            self.owed.add((node, epoch))

    @rule(ms=st.sampled_from([500, 3_000, 5_000, 6_000, 10_000]))
    def pass_time(self, ms: int) -> None:
        """Nobody says anything."""
        self.now += ms

    @rule(
        detector=st.sampled_from(["d", "d", "d", "e"]),
        ms=st.sampled_from([0, 500, 1_000]),
        times=st.integers(1, 12),
        back_ms=st.sampled_from([0, 0, 0, 2_000]),
    )
    def tick(self, detector: str, ms: int, times: int, back_ms: int) -> None:
        """A detector watches for a while."""
        for _ in range(times):
            self.now += ms
            self.tick_once(detector, back_ms)

    @precondition(lambda self: self.alive and self.last_tick)
    @rule(over_ms=st.sampled_from([0, 1]))
    def watch_to_the_limit(self, over_ms: int) -> None:
        """The present detector watches until a lease is used up exactly, or a moment longer."""
        assert self.last_tick is not None
        end = min(self.alive.values()) + LEASE + over_ms
        while self.now < end:
            self.now = min(self.now + 1_000, end)
            self.tick_once(self.last_tick[0])

    @precondition(lambda self: self.last_tick)
    @rule(over_ms=st.sampled_from([0, 1]))
    def sleep_to_the_limit(self, over_ms: int) -> None:
        """The present detector sleeps for as long as it may, or a moment longer."""
        assert self.last_tick is not None
        detector, at = self.last_tick
        self.now = max(self.now, at + GAP + over_ms)
        self.tick_once(detector)

    def tick_once(self, detector: str, back_ms: int = 0) -> None:
        """One tick, and what the second opinion makes of it."""
        at = self.append(Tick(detector), back_ms)
        before, self.last_tick = self.last_tick, (detector, at)
        if before is None or before[0] != detector or at - before[1] > GAP:
            # It was not watching, so it cannot say who was silent.
            self.alive = {key: max(at, since) for key, since in self.alive.items()}
        for node, epoch in [key for key, since in self.alive.items() if at - since > LEASE]:
            self.end(node, epoch)

    @precondition(lambda self: self.leases.owed)
    @rule(all_of_them=st.booleans())
    def confirm(self, all_of_them: bool) -> None:
        """The detector has told everybody; its confirmation comes back through the log."""
        for loss in self.leases.owed if all_of_them else self.leases.owed[:1]:
            self.append(loss)
            self.owed = {(n, e) for n, e in self.owed if n != loss.node or e > loss.node_epoch}

    @rule(node=nodes, ahead=epochs_from_present)
    def hear_of_a_loss(self, node: NodeId, ahead: int) -> None:
        """Another detector found it, or tells again what everybody knows."""
        epoch = self.present[node] + ahead
        self.append(LeaseLost(node, NodeEpoch(epoch)))
        self.end_up_to(node, epoch)
        self.owed = {(n, e) for n, e in self.owed if n != node or e > epoch}

    @invariant()
    def who_is_watched_is_who_should_be(self) -> None:
        """As the second opinion says."""
        held = {(node, lease.node_epoch): lease.renewed_at for node, lease in self.leases.by_node.items()}
        assert held == self.alive

    @invariant()
    def what_is_owed_is_what_is_over_and_not_confirmed(self) -> None:
        """Once each."""
        owed = [(loss.node, loss.node_epoch) for loss in self.leases.owed]
        assert len(owed) == len(set(owed))
        assert set(owed) == self.owed

    @invariant()
    def no_life_comes_back(self) -> None:
        """An epoch that is over is over, and its successor knows it."""
        assert not self.over.intersection(self.alive)
        for node, epoch in self.over.union(self.alive):
            assert self.leases.last_epoch[node] >= epoch


TestDetector = DetectorMachine.TestCase
# A step is cheap, and limits are met exactly only now and then.
TestDetector.settings = settings(max_examples=settings().max_examples * 5)
