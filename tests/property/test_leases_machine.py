"""The failure detector under nodes, ticks and clocks that do as they please: nobody is lost unjustly, nobody forgotten.

The second opinion is declarative: an epoch is lost at a tick exactly when, in the unbroken watch of one detector, more
than the lease went by since the epoch's last heartbeat.
"""

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
        self.beats: dict[EpochOf, int] = {}
        self.alive: set[EpochOf] = set()
        self.over: set[EpochOf] = set()
        self.owed: set[EpochOf] = set()
        self.watching: tuple[str, int] | None = None
        self.last_tick = 0

    def append(self, record: NodeRecord, back_ms: int = 0) -> int:
        """Append at the broker's time, which may be behind for a record."""
        at = self.now - back_ms
        self.leases = observe(self.leases, record, Millis(at), LEASE, GAP)
        return at

    def end(self, node: NodeId, epoch: int) -> None:
        """An epoch is over, and owed to those who must hear of it."""
        self.alive.discard((node, epoch))
        self.over.add((node, epoch))
        self.owed.add((node, epoch))

    def highest(self, node: NodeId) -> int:
        """The highest epoch heard of."""
        return max((e for n, e in self.alive | self.over if n == node), default=-1)

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
            self.alive.add((node, epoch))
        if is_news or is_alive:
            self.beats[node, epoch] = max(at, self.beats.get((node, epoch), at))

    @rule(node=nodes, ahead=epochs_from_present)
    def stop(self, node: NodeId, ahead: int) -> None:
        """A node gives its lease back, maybe not for the first time."""
        epoch = self.present[node] + min(ahead, 0)
        is_news = epoch > self.highest(node) or (node, epoch) in self.alive
        self.append(NodeStopped(node, NodeEpoch(epoch)))
        if is_news:
            # The loss of a life speaks for all earlier ones too.
            earlier = {(n, e) for n, e in self.alive if n == node and e < epoch}
            self.alive -= earlier
            self.over |= earlier
            self.end(node, epoch)

    @rule(ms=st.sampled_from([1, 500, 3_000, 6_000, 10_000]))
    def pass_time(self, ms: int) -> None:
        """Nobody says anything."""
        self.now += ms

    @rule(detector=st.sampled_from(["d", "d", "d", "e"]), ms=st.integers(0, 1_500), times=st.integers(1, 12))
    def tick(self, detector: str, ms: int, times: int) -> None:
        """A detector watches for a while."""
        for _ in range(times):
            self.now += ms
            self.append(Tick(detector))
            watches_on = self.watching is not None and self.watching[0] == detector and self.now - self.last_tick <= GAP
            self.last_tick = self.now
            if not watches_on:
                self.watching = (detector, self.now)
            assert self.watching is not None
            since = self.watching[1]
            for node, epoch in sorted(self.alive):
                if self.now - max(self.beats[node, epoch], since) > LEASE:
                    self.end(node, epoch)

    @precondition(lambda self: self.leases.owed)
    @rule(all_of_them=st.booleans())
    def confirm(self, all_of_them: bool) -> None:
        """The detector has told everybody; its confirmation comes back through the log."""
        for loss in self.leases.owed if all_of_them else self.leases.owed[:1]:
            self.append(loss)
            self.owed = {(n, e) for n, e in self.owed if n != loss.node or e > loss.node_epoch}

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def confirm_again(self, data: st.DataObject) -> None:
        """Another detector tells what was told already, or what the first still owes."""
        node, epoch = data.draw(st.sampled_from(sorted(self.over)))
        self.append(LeaseLost(node, NodeEpoch(epoch)))
        self.owed = {(n, e) for n, e in self.owed if n != node or e > epoch}

    @invariant()
    def who_is_watched_is_who_should_be(self) -> None:
        """As the second opinion says."""
        assert {(node, lease.node_epoch) for node, lease in self.leases.by_node.items()} == self.alive

    @invariant()
    def what_is_owed_is_what_is_over_and_not_confirmed(self) -> None:
        """Once each."""
        owed = [(loss.node, loss.node_epoch) for loss in self.leases.owed]
        assert len(owed) == len(set(owed))
        assert set(owed) == self.owed

    @invariant()
    def no_life_comes_back(self) -> None:
        """An epoch that is over is over, and its successor knows it."""
        assert not self.alive & self.over
        for node, epoch in self.alive | self.over:
            assert self.leases.last_epoch[node] >= epoch


TestDetector = DetectorMachine.TestCase
