"""Every statement of the history adapter. Rows come as one array per column."""

LOCK_CHECKPOINTS = """
select partition, log_offset from checkpoints
where projection = $1 and topic = $2 and partition = any($3::int[])
order by partition
for update
"""

MAKE_CHECKPOINTS = """
insert into checkpoints (projection, topic, partition, log_offset)
select $1, $2, p, -1 from unnest($3::int[]) as p
on conflict do nothing
"""

MOVE_CHECKPOINTS = """
update checkpoints as c set log_offset = u.log_offset
from unnest($3::int[], $4::bigint[]) as u (partition, log_offset)
where c.projection = $1 and c.topic = $2 and c.partition = u.partition
"""

ENSURE_PARTITION = "select ensure_events_partition($1)"

LOAD_STATES = """
select tenant, user_id, partition, log_offset, nodes, state from history_state
where (tenant, user_id) in (select * from unnest($1::text[], $2::text[]))
"""

LOAD_STATES_BY_NODE = """
select s.tenant, s.user_id, s.partition, s.log_offset, s.nodes, s.state
from unnest($1::int[], $2::text[]) as lost (partition, node)
join history_state as s on s.partition = lost.partition and s.nodes @> array[lost.node]
"""

LOAD_FENCES = "select partition, node, node_epoch, log_offset from history_fences where partition = any($1::int[])"

EVENT_COLUMNS = (
    "partition",
    "log_offset",
    "at",
    "tenant",
    "user_id",
    "event_id",
    "type",
    "session",
    "node",
    "payload",
)

UPSERT_SESSIONS = """
insert into session_history (
    tenant, user_id, session, opened_offset, partition, device, node, opened_at, period, reconnects, rooms, meta,
    lost_at, lost_reason, closed_at, close_reason, closed_offset
)
select
    tenant, user_id, session, opened_offset, partition, device, node, opened_at, tstzrange(began, ended), reconnects,
    rooms::text[], meta, lost_at, lost_reason, closed_at, close_reason, closed_offset
from unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::int[], $6::text[], $7::text[], $8::timestamptz[],
    $9::timestamptz[], $10::timestamptz[], $11::int[], $12::text[], $13::jsonb[], $14::timestamptz[], $15::text[],
    $16::timestamptz[], $17::text[], $18::bigint[]
) as u (
    tenant, user_id, session, opened_offset, partition, device, node, opened_at, began, ended, reconnects, rooms, meta,
    lost_at, lost_reason, closed_at, close_reason, closed_offset
)
on conflict (tenant, user_id, session, opened_offset) do update set
    device = excluded.device,
    node = excluded.node,
    period = excluded.period,
    reconnects = excluded.reconnects,
    rooms = excluded.rooms,
    meta = excluded.meta,
    lost_at = excluded.lost_at,
    lost_reason = excluded.lost_reason,
    closed_at = excluded.closed_at,
    close_reason = excluded.close_reason,
    closed_offset = excluded.closed_offset
"""

DELETE_STATUSES = """
delete from status_history as s using unnest($1::text[], $2::text[], $3::bigint[]) as u (tenant, user_id, began_offset)
where s.tenant = u.tenant and s.user_id = u.user_id and s.began_offset = u.began_offset
"""

UPSERT_STATUSES = """
insert into status_history (tenant, user_id, began_offset, partition, status, period, ended_offset)
select tenant, user_id, began_offset, partition, status, tstzrange(began, ended), ended_offset
from unnest(
    $1::text[], $2::text[], $3::bigint[], $4::int[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::bigint[]
) as u (tenant, user_id, began_offset, partition, status, began, ended, ended_offset)
on conflict (tenant, user_id, began_offset) do update set
    period = excluded.period,
    ended_offset = excluded.ended_offset
"""

UPSERT_LAST_SEEN = """
insert into last_seen (tenant, user_id, status, last_seen, last_active)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
on conflict (tenant, user_id) do update set
    status = excluded.status,
    last_seen = excluded.last_seen,
    last_active = excluded.last_active
"""

UPSERT_STATES = """
insert into history_state (tenant, user_id, partition, log_offset, nodes, state)
select tenant, user_id, partition, log_offset, nodes::text[], state::json
from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[])
    as u (tenant, user_id, partition, log_offset, nodes, state)
on conflict (tenant, user_id) do update set
    log_offset = excluded.log_offset,
    nodes = excluded.nodes,
    state = excluded.state
"""

UPSERT_FENCES = """
insert into history_fences (partition, node, node_epoch, log_offset)
select * from unnest($1::int[], $2::text[], $3::bigint[], $4::bigint[])
on conflict (partition, node) do update set
    node_epoch = excluded.node_epoch,
    log_offset = excluded.log_offset
"""
