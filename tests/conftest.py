"""What every test may use: hypothesis profiles, and the embedded servers, started once per run when first wanted."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from control.devstack.config import Addresses

# On shared machines a slow example says nothing about the code.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("ci", _PATIENT, derandomize=True, max_examples=60, stateful_step_count=40)
settings.register_profile("dev", _PATIENT, max_examples=60, stateful_step_count=40, print_blob=True)
settings.register_profile("nightly", _PATIENT, max_examples=3_000, stateful_step_count=120, print_blob=True)
settings.load_profile(os.environ.get("PRESENCE_HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def devstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Addresses"]:
    """Addresses of real servers that live as long as the test run."""
    # Imported here: unit tests must not need what the servers need.
    from tests.support.devstack import run_devstack  # noqa: PLC0415

    yield from run_devstack(tmp_path_factory.mktemp("servers"))
