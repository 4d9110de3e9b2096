"""What can go wrong between a client and an edge."""

from presence.domain.errors import NotAllowed, Unavailable


class EdgeUnavailable(Unavailable):
    """No edge answers, or the connection broke before the answer came."""

    code = "edge_unavailable"

    def __init__(self, url: str, detail: str) -> None:
        self.url = url
        self.detail = detail
        super().__init__(f"{url} does not answer: {detail}")


class Refused(NotAllowed):
    """The edge answered a command with an error frame."""

    def __init__(self, refusal: str, message: str, retry: bool) -> None:
        self.refusal = refusal
        self.retry = retry
        super().__init__(f"{refusal}: {message}")


class ClosedForGood(NotAllowed):
    """The edge closed the connection with a code that forbids coming back."""

    code = "closed_for_good"

    def __init__(self, close_code: int, reason: str) -> None:
        self.close_code = close_code
        self.reason = reason
        super().__init__(f"the edge closed the connection for good: {close_code} {reason}".rstrip())
