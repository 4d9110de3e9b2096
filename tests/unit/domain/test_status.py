"""The closed vocabularies."""

import pytest

from presence.domain.status import Activity, Layer, Status


def test_invisible_and_offline_are_the_hidden_statuses() -> None:
    assert {status for status in Status if not status.is_visible} == {Status.INVISIBLE, Status.OFFLINE}


@pytest.mark.parametrize(
    ("activity", "status"),
    [(Activity.ACTIVE, Status.ONLINE), (Activity.IDLE, Status.AWAY), (Activity.BUSY, Status.BUSY)],
)
def test_each_activity_stands_for_a_status(activity: Activity, status: Status) -> None:
    assert activity.status is status


def test_layers_are_declared_from_the_strongest_to_the_weakest() -> None:
    assert list(Layer) == [Layer.ADMIN, Layer.USER, Layer.APP]
