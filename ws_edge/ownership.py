"""Whether a connection still holds its session, judged by what the fold says."""

from presence.domain.commands import Attachment
from presence.domain.state import UserPresence
from ws_edge.codes import Code


def judge(state: UserPresence | None, own: Attachment, opened_offset: int) -> Code | None:
    """The close code for a connection whose session is no longer its own; None while it is.

    ``opened_offset`` is where its `SessionOpened` stands in the log: a row folded before that knows nothing of it.

    A session that is gone ran out: this node was frozen, its lease was lost and the grace is over. Its client did
    nothing wrong and must come back. `Code.KICKED` needs more than a row: who closed it, which the admin API will say.
    """
    if state is None or state.offset < opened_offset:
        return None
    session = state.sessions.get(own.session)
    if session is None:
        return Code.RESTART
    return None if session.life.connection == own.connection else Code.REPLACED
