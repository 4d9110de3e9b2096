"""A whole client: print who is in the room `lobby`, who comes and who leaves."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def main(url: str, token: str) -> None:
    """Follow the room until the server closes."""
    async with connect(url, subprotocols=["presence.v1"]) as socket:
        await socket.send(json.dumps({"t": "hello", "token": token, "device": "terminal"}))
        await socket.send(json.dumps({"t": "watch", "id": "1", "rooms": ["lobby"]}))
        async for text in socket:
            match json.loads(text):
                case {"t": "snapshot", "rooms": {"lobby": present}}:
                    print("here now:", ", ".join(present) or "nobody")
                case {"t": "diff", "rooms": {"lobby": changes}}:
                    for kind, users in changes.items():
                        print(kind, {user: presence["status"] for user, presence in users.items()})
                case {"t": "error" | "bye"} as problem:
                    print(problem)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
