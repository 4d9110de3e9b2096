"""A partition that has records waiting and does not move is told from one that is slow or idle."""

from streams.progress import Progress


def test_nothing_waiting_is_no_standing_still() -> None:
    progress = Progress()

    assert progress.observe({0: 5}, {0: 5}, now=0.0) == 0.0
    assert progress.observe({0: 5}, {0: 5}, now=100.0) == 0.0


def test_time_counts_from_when_records_began_to_wait() -> None:
    progress = Progress()
    progress.observe({0: 5}, {0: 5}, now=0.0)

    assert progress.observe({0: 5}, {0: 6}, now=50.0) == 0.0
    assert progress.observe({0: 5}, {0: 9}, now=57.0) == 7.0


def test_a_slow_partition_moves() -> None:
    progress = Progress()
    progress.observe({0: 1}, {0: 100}, now=0.0)

    assert progress.observe({0: 2}, {0: 200}, now=10.0) == 0.0
    assert progress.observe({0: 2}, {0: 200}, now=12.0) == 2.0


def test_the_slowest_partition_counts_and_lost_ones_are_forgotten() -> None:
    progress = Progress()
    progress.observe({0: 1, 1: 1}, {0: 9, 1: 9}, now=0.0)

    assert progress.observe({0: 2, 1: 1}, {0: 9, 1: 9}, now=4.0) == 4.0
    assert progress.observe({0: 2}, {0: 9}, now=5.0) == 1.0


def test_a_pardon_starts_the_count_anew() -> None:
    progress = Progress()
    progress.observe({}, {0: 9}, now=0.0)
    progress.pardon()

    assert progress.observe({}, {0: 9}, now=30.0) == 0.0
