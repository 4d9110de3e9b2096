"""Compose and run a history writer."""

from control.settings.model import Settings


async def run_history(settings: Settings) -> None:
    """Run a history writer until cancelled."""
