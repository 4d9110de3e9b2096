"""How rows of the table ``users`` become bytes of its changelog, for `streams.batching.table.BatchTable`."""

from presence.wire.rows import Row, decode_row, encode_row


class UserRowCodec:
    """Rows of users and fences, as `presence.wire.rows` writes them."""

    def encode(self, row: Row) -> bytes:
        """Encode a row for the changelog."""
        return encode_row(row)

    def decode(self, key: str, value: bytes) -> Row:
        """Decode a row of the changelog. Raises `UndecodableRecord`."""
        return decode_row(key, value)

    def offset(self, row: Row) -> int:
        """Up to which event the row is folded."""
        return row.offset
