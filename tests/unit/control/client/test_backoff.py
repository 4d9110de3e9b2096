"""Tests of `control.client.backoff`."""

import pytest

from control.client.backoff import Backoff, may_retry_handshake, may_return


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013, 4001, 4002, 4003, 4099])
def test_a_client_comes_back_after_codes_that_allow_it(code: int) -> None:
    assert may_return(code)


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1007, 1008, 1009, 4500, 4501, 4510, 4599])
def test_a_client_stays_away_after_codes_that_forbid_coming_back(code: int) -> None:
    assert not may_return(code)


def test_waits_grow_from_try_to_try_up_to_their_bound() -> None:
    backoff = Backoff(first_ms=100, max_ms=1_000)

    longest = [backoff.delay_ms(attempt, 1006, None, lambda: 1.0) for attempt in range(6)]

    assert longest == [100, 200, 400, 800, 1_000, 1_000]


def test_a_wait_may_be_nothing_because_jitter_is_full() -> None:
    assert Backoff().delay_ms(3, 1006, None, lambda: 0.0) == 0


def test_clients_of_a_restarting_edge_spread_even_at_their_first_try() -> None:
    assert Backoff(first_ms=100, restart_ms=1_000).delay_ms(0, 1012, None, lambda: 1.0) == 1_000


def test_the_wait_an_edge_asks_for_is_the_least() -> None:
    assert Backoff(first_ms=100).delay_ms(0, 1006, 5_000, lambda: 0.5) == 5_050


def test_many_tries_do_not_overflow() -> None:
    assert Backoff(max_ms=10_000).delay_ms(10_000, 1006, None, lambda: 1.0) == 10_000


@pytest.mark.parametrize(("status", "may"), [(503, True), (429, True), (500, True), (401, False), (404, False)])
def test_only_a_handshake_that_may_succeed_later_is_tried_again(status: int, may: bool) -> None:
    assert may_retry_handshake(status) is may
