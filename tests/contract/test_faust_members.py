"""Streams rely on private members of pinned libraries: this fails first when one of them changes.

Each entry is used by streams/batching or presence/adapters/kafka; the docstrings there say what for.
"""

import inspect
from importlib.metadata import version
from typing import Any

import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.producer.sender import Sender
from aiokafka.protocol.group import LeaveGroupRequest
from faust.app.base import App
from faust.stores.memory import Store
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.topics import Topic
from faust.transport.conductor import Conductor
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from mode.threads import ServiceThread

VERSIONS = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}

METHODS: dict[Any, dict[str, list[str]]] = {
    Consumer: {
        "getmany": ["timeout"],
        "_wait_next_records": ["timeout"],
        "_add_gap": ["tp", "offset_from", "offset_to"],
        "_new_offset": ["tp"],
        "_commit_offsets": ["offsets", "start_new_transaction"],
        "_clean_unacked_messages": [],
        "commit_and_end_transactions": [],
        "maybe_wait_for_commit_to_finish": [],
        "perform_seek": [],
        "seek": ["partition", "offset"],
        "on_partitions_revoked": ["revoked"],
        "wait_empty": [],
        "pause_partitions": ["tps"],
        "resume_partitions": ["tps"],
        "_is_changelog_tp": ["tp"],
        "stop_flow": [],
    },
    driver.Consumer: {"_new_consumer_thread": [], "_to_message": ["tp", "record"]},
    driver.AIOKafkaConsumerThread: {
        "on_thread_stop": [],
        "_ensure_consumer": [],
        "_create_worker_consumer": ["transport"],
    },
    driver.Producer: {"flush": [], "_ensure_producer": []},
    Recovery: {
        "_add": ["table", "tp", "offsets"],
        "on_recovery_completed": ["generation_id"],
        "_resume_streams": ["generation_id"],
    },
    Collection: {
        "_new_changelog_topic": ["retention", "compacting", "deleting"],
        "apply_changelog_batch": ["batch"],
        "persisted_offset": ["tp"],
        "on_rebalance": ["assigned", "revoked", "newly_assigned", "generation_id"],
        "on_recovery_completed": ["active_tps", "standby_tps"],
    },
    App: {"_create_directories": []},
    Topic: {"_compile_decode": []},
    AIOKafkaClient: {"_wait_on_metadata": ["topic"], "force_metadata_update": []},
    AIOKafkaConsumer: {"pause": ["partitions"], "resume": ["partitions"], "seek_to_committed": ["partitions"]},
    AIOKafkaProducer: {"create_batch": [], "send_batch": ["batch", "topic", "partition"]},
    BatchBuilder: {"append": ["timestamp", "key", "value", "headers"]},
    MessageAccumulator: {"fail_all": ["exception"]},
    GroupCoordinator: {"_send_req": ["request"]},
    LeaveGroupRequest: {"__init__": ["group", "member_id"]},
    ServiceThread: {"on_thread_stop": []},
    faust.Schema: {"compile": ["app", "on_key_decode_error", "on_value_decode_error", "default_propagate"]},
}

# Attributes that only exist on instances, by the source that sets or reads them.
IN_SOURCE: list[tuple[Any, str]] = [
    (Consumer, "self._acked = defaultdict(list)"),
    (Consumer, "self._acked_index = defaultdict(set)"),
    (Consumer, "self._read_offset = defaultdict(lambda: None)"),
    (Consumer, "self._committed_offset = defaultdict(lambda: None)"),
    (Consumer, "self._unacked_messages = WeakSet()"),
    (Consumer, "self._buffered_partitions = set()"),
    (Consumer, "await self.app.producer.flush()"),
    (Conductor, "self._topic_name_index = defaultdict(set)"),
    (Recovery, "self.tp_to_table = {}"),
    (Recovery, "except Exception as ex:"),
    (TableManager, "_recovery: Optional[Recovery] = None"),
    (Store, "self._key_partition"),
    (AIOKafkaProducer, "self._message_accumulator = MessageAccumulator("),
    (AIOKafkaProducer, "self._sender = Sender("),
    (Sender, "def sender_task(self)"),
    (AIOKafkaConsumer, "self._client = "),
    (AIOKafkaConsumer, "fetch_max_wait_ms=self._fetch_max_wait_ms"),
    (TableManager, "await self.sleep(1.0)"),
    (AIOKafkaConsumer, "self._coordinator = "),
    (GroupCoordinator, "_group_instance_id"),
    (Fetcher, "prefetch_backoff"),
]


@pytest.mark.parametrize(("package", "pinned"), VERSIONS.items())
def test_the_pinned_version_is_installed(package: str, pinned: str) -> None:
    assert version(package) == pinned


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [(owner, name, parameters) for owner, methods in METHODS.items() for name, parameters in methods.items()],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_method_we_override_or_call_has_the_parameters_we_know(owner: Any, name: str, parameters: list[str]) -> None:
    signature = inspect.signature(getattr(owner, name))

    assert [parameter for parameter in signature.parameters if parameter != "self"] == parameters


@pytest.mark.parametrize(("owner", "text"), IN_SOURCE, ids=lambda value: getattr(value, "__name__", str(value)))
def test_what_we_read_of_an_instance_is_still_there(owner: Any, text: str) -> None:
    assert text in inspect.getsource(owner)


def test_stock_recovery_still_clears_queues_after_it_resumed() -> None:
    """When this fails, faust#596 may be mended, and `SafeRecovery` may go."""
    source = inspect.getsource(Recovery.on_recovery_completed)

    assert source.index("resume_partitions") < source.index("flow_control.resume()") < source.index("resume_flow()")
    assert "stop_flow" not in source
