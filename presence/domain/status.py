"""The closed vocabularies: what others see of a user, what a device says, who may override."""

from enum import StrEnum


class Status(StrEnum):
    """What others may see of a user."""

    ONLINE = "online"
    AWAY = "away"
    BUSY = "busy"
    DND = "dnd"
    INVISIBLE = "invisible"
    OFFLINE = "offline"

    @property
    def is_visible(self) -> bool:
        """Whether watchers without special rights see this user as present."""
        return self not in _HIDDEN


_HIDDEN = frozenset({Status.INVISIBLE, Status.OFFLINE})


class Activity(StrEnum):
    """What one device says its holder is doing."""

    ACTIVE = "active"
    IDLE = "idle"
    BUSY = "busy"

    @property
    def status(self) -> Status:
        """The status this activity stands for when no override applies."""
        return _STATUS_OF[self]


_STATUS_OF = {Activity.ACTIVE: Status.ONLINE, Activity.IDLE: Status.AWAY, Activity.BUSY: Status.BUSY}


class Layer(StrEnum):
    """Who set an override. Declared from the strongest to the weakest."""

    ADMIN = "admin"
    USER = "user"
    APP = "app"


class CloseReason(StrEnum):
    """Why a session ended at once, without grace."""

    GOODBYE = "goodbye"
    KICKED = "kicked"
    REVOKED = "revoked"
    REPLACED = "replaced"


class LostReason(StrEnum):
    """Why a connection was lost while its session goes on for its grace."""

    SOCKET = "socket"  # the peer vanished or closed without a goodbye
    PONG_TIMEOUT = "pong_timeout"
    DRAIN = "drain"  # the node is being restarted on purpose
    SLOW = "slow"
    POLICY = "policy"  # we closed it: limits, bad messages, token over
