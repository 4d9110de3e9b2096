"""Tests of `control.doctor.findings`."""

from control.doctor.findings import Level, fail, ok, warn, worst


def test_the_worst_finding_decides() -> None:
    assert worst([ok("a", ""), warn("b", "", ""), ok("c", "")]) is Level.WARN
    assert worst([fail("a", "", ""), warn("b", "", "")]) is Level.FAIL
    assert worst([]) is Level.OK
