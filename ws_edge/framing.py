"""WebSocket text frames as bytes: framed once, written to many."""

from presence.wire.frames import ServerFrame, encode_frame


def text_frame(payload: bytes) -> bytes:
    """One unmasked, unfragmented text frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def frame_bytes(frame: ServerFrame) -> bytes:
    """Encode and frame what goes to one client."""
    return text_frame(encode_frame(frame))


class Shared:
    """A diff that many connections get: encoded and framed at most once with its position and once without.

    Without: the connection has something older still to come, so it must not resume from here.
    """

    __slots__ = ("_bare", "_frame", "_without")

    def __init__(self, frame: bytes, without: ServerFrame) -> None:
        self._frame = frame
        self._without = without
        self._bare: bytes | None = None

    @property
    def positioned(self) -> bytes:
        """The frame that moves the client's position."""
        return self._frame

    @property
    def bare(self) -> bytes:
        """The same content with an empty position."""
        if self._bare is None:
            self._bare = frame_bytes(self._without)
        return self._bare
