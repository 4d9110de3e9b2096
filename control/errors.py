"""Setup errors of what `control` starts."""

from presence.domain.errors import PresenceError, SetupError


class ServerAway(SetupError):
    """A server that is needed does not answer; trying again later may help."""

    code = "server_away"
    retryable = True


class ServerDied(PresenceError):
    """An embedded server keeps ending though nobody asks it to."""

    code = "server_died"
    retryable = True


class NoSecret(SetupError):
    """There is no secret to sign or check tokens with."""

    code = "no_secret"

    def __init__(self, data_dir: str) -> None:
        super().__init__(
            f"there is no secret for tokens: none is set, and {data_dir} has none",
            "Start `presence up` there first, name its --data-dir, or set PRESENCE_TOKEN_SECRET.",
        )


class NoEdge(SetupError):
    """No edge is named, and none was found."""

    code = "no_edge"
    retryable = True

    def __init__(self, data_dir: str) -> None:
        super().__init__(
            f"no `presence up` runs on {data_dir}",
            "Start it in another terminal, name its --data-dir, or name an edge by --url ws://host:port/v1/ws.",
        )
