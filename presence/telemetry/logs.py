"""Structured logs: one event a line, fixed lower-case messages, facts as keywords; JSON or, for people, colour."""

import logging
import sys
import time

import structlog

REPEAT_S = 10.0
"""How often a library may say the same: while Kafka is away aiokafka repeats itself forty times a second."""

_REMEMBERED = 1_000


class SeldomRepeated(logging.Filter):
    """Lets a library's message through once per `REPEAT_S`, whatever its arguments; debug and info always."""

    def __init__(self) -> None:
        super().__init__()
        # By logger and template: about as many as there are places in the code that log.
        self._said_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record."""
        if record.levelno < logging.WARNING or not isinstance(record.msg, str):
            return True
        key, now = (record.name, record.msg), time.monotonic()
        said_at = self._said_at.get(key)
        if said_at is not None and now - said_at < REPEAT_S:
            return False
        if len(self._said_at) >= _REMEMBERED:
            # Somebody puts facts into templates; forgetting only lets a repetition through.
            self._said_at.clear()
        self._said_at[key] = now
        return True


def configure_logs(tier: str, level: str = "info", *, as_json: bool = True) -> None:
    """Set up structlog for this process and send what libraries log the same way, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(SeldomRepeated())
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    logging.getLogger().setLevel(number)
    for chatty in ("aiokafka", "faust", "mode", "websockets", "asyncio"):
        logging.getLogger(chatty).setLevel(max(number, logging.WARNING))
    structlog.contextvars.bind_contextvars(tier=tier)
