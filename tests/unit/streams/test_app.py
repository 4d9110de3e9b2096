"""The apps are made by factories, any number of them."""

from streams.app import create_history_app, create_tables_app
from streams.config import StreamsConfig

CONFIG = StreamsConfig("h1:9092, h2:9093", partitions=3, instance="w/ö 1")


async def test_settings_of_the_worker_reach_faust() -> None:
    app, table = create_tables_app(CONFIG, lambda *_: None)
    app.finalize()

    assert [str(url) for url in app.conf.broker] == ["presence://h1:9092", "presence://h2:9093"]
    assert app.conf.id == "presence"
    assert table.changelog_topic_name == CONFIG.names.users_changelog
    assert app.conf.consumer_group_instance_id == "w/ö 1"
    assert app.conf.broker_session_timeout == 6.0
    assert app.conf.producer_request_timeout < app.conf.broker_session_timeout
    assert app.batching.batch_size == 500


async def test_apps_do_not_share_tables_or_groups() -> None:
    first, _ = create_tables_app(CONFIG, lambda *_: None)
    second, _ = create_tables_app(CONFIG, lambda *_: None)
    history = create_history_app(CONFIG)

    assert first is not second
    assert len(first.tables) == len(second.tables) == 1
    assert len(history.tables) == 0
    assert history.conf.id == "presence-history"
