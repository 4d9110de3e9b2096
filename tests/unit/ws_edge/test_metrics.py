"""Metrics of an edge belong to one registry, and their labels are bounded."""

from prometheus_client import CollectorRegistry

from ws_edge.metrics import EdgeMetrics


def test_two_edges_in_a_process_have_metrics_of_their_own() -> None:
    one, two = CollectorRegistry(), CollectorRegistry()
    EdgeMetrics(one).opened.inc()
    EdgeMetrics(two)

    assert one.get_sample_value("presence_edge_opened_total") == 1
    assert two.get_sample_value("presence_edge_opened_total") == 0


def test_no_label_names_a_user_a_session_or_a_connection() -> None:
    registry = CollectorRegistry()
    labels = {name for metric in vars(EdgeMetrics(registry)).values() for name in metric._labelnames}

    assert labels == {"status", "code", "type", "outcome"}
