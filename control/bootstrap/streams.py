"""Compose and run a stream worker."""

from control.settings.model import Settings


async def run_streams(settings: Settings) -> None:
    """Run a stream worker until cancelled."""
