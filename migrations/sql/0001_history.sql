-- History: what the log says happened, for people who ask with SQL.
-- docs/reference/history-tables.md describes every column with example questions.
-- All times are timestamptz; intervals are tstzrange: the beginning belongs to them, the end does not.

-- Ranges of text, for exclusion constraints. btree_gist would serve too, but not every server has contrib modules
-- (the embedded one has none), and the schema is to be the same everywhere.
create type textrange as range (subtype = text, collation = "C");

-- Not strict: the planner cannot inline strict functions here, and calls cost as much as the whole index.

-- One text per user, and per session, that no other has: tenants hold no slash, and the length ends the user's name.
create function history_key(tenant text, user_id text, session text default '') returns text
    language sql immutable parallel safe
    return tenant || '/' || length(user_id)::text || ':' || user_id || session;

create function key_hash(key text) returns int8range
    language sql immutable parallel safe
    return int8range(hashtextextended(key, 0), hashtextextended(key, 0), '[]');

create function key_text(key text) returns textrange
    language sql immutable parallel safe
    return textrange(key, key, '[]');

-- events ---------------------------------------------------------------------------------------------------------

create table events (
    partition  integer     not null,
    log_offset bigint      not null,
    at         timestamptz not null,
    tenant     text,
    user_id    text,
    event_id   text        not null,
    type       text        not null,
    session    text,
    node       text,
    payload    jsonb       not null,
    -- A unique index of a partitioned table must hold what it is partitioned by; a record has one time only.
    primary key (partition, log_offset, at)
) partition by range (at);

create index events_by_user on events (tenant, user_id, at);
create index events_by_time on events using brin (at);

-- Holds what no month was made for: wild clocks, mostly.
create table events_default partition of events default;

comment on table events is 'Every event of the log that could be read, one row each, in partitions by month (UTC).';
comment on column events.partition is 'Partition of the topic presence-events the event stands in.';
comment on column events.log_offset is 'Offset of the event in its partition; (partition, log_offset) names it for ever.';
comment on column events.at is 'Event time: the timestamp its author gave it.';
comment on column events.tenant is 'Tenant of the user; null for control events (node_lost), which are about many users.';
comment on column events.user_id is 'User the event is about; null for control events.';
comment on column events.event_id is 'Id its author gave it; the same id twice is one event that was appended again.';
comment on column events.type is 'session_opened, session_closed, connection_lost, grace_over, node_lost, …';
comment on column events.session is 'Session the event is about, if it is about one.';
comment on column events.node is 'Node the event names, if it names one.';
comment on column events.payload is 'The whole event as it stands in the log.';

create function ensure_events_partition(moment timestamptz) returns text
    language plpgsql
as $$
declare
    month_begin timestamptz := date_trunc('month', moment, 'UTC');
    month_end   timestamptz := date_trunc('month', month_begin + interval '32 days', 'UTC');
    name        text        := 'events_' || to_char(month_begin at time zone 'UTC', 'YYYY_MM');
begin
    -- Wild clocks must not make tables: what is older or comes later goes to events_default.
    if to_regclass(name) is not null or month_begin < '2020-01-01Z' or month_begin > now() + interval '2 months' then
        return null;
    end if;
    -- Two writers may find the month missing at once. Locking a table, unlike an advisory lock, also makes the second
    -- one see what the first has made.
    lock table events in share update exclusive mode;
    if to_regclass(name) is not null then
        return null;
    end if;
    execute format('create table %I (like events including all)', name);
    lock table events_default in access exclusive mode;
    execute format(
        'with moved as (delete from events_default where at >= %L and at < %L returning *) '
        'insert into %I select * from moved', month_begin, month_end, name);
    execute format('alter table events attach partition %I for values from (%L) to (%L)', name, month_begin, month_end);
    return name;
end
$$;

comment on function ensure_events_partition is 'Makes the monthly partition of events for a moment; null if nothing was to do.';

-- sessions -------------------------------------------------------------------------------------------------------

create table session_history (
    tenant        text        not null,
    user_id       text        not null,
    session       text        not null,
    device        text        not null,
    node          text        not null,
    opened_at     timestamptz not null,
    closed_at     timestamptz,
    period        tstzrange   not null,
    close_reason  text,
    lost_at       timestamptz,
    lost_reason   text,
    reconnects    integer     not null,
    rooms         text[]      not null,
    meta          jsonb       not null,
    partition     integer     not null,
    opened_offset bigint      not null,
    closed_offset bigint,
    primary key (tenant, user_id, session, opened_offset),
    constraint session_history_no_overlap exclude using gist (
        -- The hash makes the index narrow to search; the text makes it exact.
        key_hash(history_key(tenant, user_id, session)) with =,
        key_text(history_key(tenant, user_id, session)) with =,
        period with &&
    )
) with (fillfactor = 80);

create index session_history_by_time on session_history using brin (opened_at);

comment on table session_history is 'One row per session, from its opening to its end; reconnects within the grace are the same session.';
comment on column session_history.tenant is 'Tenant of the user.';
comment on column session_history.user_id is 'User whose session it is.';
comment on column session_history.session is 'Name of the session; may come again after it ended, as another row.';
comment on column session_history.device is 'Device the user held.';
comment on column session_history.node is 'Node that held its connection last.';
comment on column session_history.opened_at is 'Event time of the opening.';
comment on column session_history.closed_at is 'Event time of the end; null while the session is open.';
comment on column session_history.period is 'From opening to end, without the end; open above while it lasts; "empty" if it ended when it began.';
comment on column session_history.close_reason is 'goodbye, kicked, revoked, replaced, or grace_over when nobody came back; null while open.';
comment on column session_history.lost_at is 'When its connection was lost, if nobody came back since.';
comment on column session_history.lost_reason is 'socket, pong_timeout, drain, slow, policy or node_lost; null if the connection was not lost.';
comment on column session_history.reconnects is 'How often the device came back to this session.';
comment on column session_history.rooms is 'Rooms it is in, or was in at its end.';
comment on column session_history.meta is 'What the application said about it last.';
comment on column session_history.partition is 'Partition of the log it comes from.';
comment on column session_history.opened_offset is 'Offset of the event that opened it.';
comment on column session_history.closed_offset is 'Offset of the event that ended it; null while open.';

-- statuses -------------------------------------------------------------------------------------------------------

create table status_history (
    tenant       text      not null,
    user_id      text      not null,
    status       text      not null,
    period       tstzrange not null check (not isempty(period)),
    partition    integer   not null,
    began_offset bigint    not null,
    ended_offset bigint,
    primary key (tenant, user_id, began_offset),
    constraint status_history_no_overlap exclude using gist (
        key_hash(history_key(tenant, user_id)) with =,
        key_text(history_key(tenant, user_id)) with =,
        period with &&
    )
) with (fillfactor = 80);

comment on table status_history is 'Which status a user had when: the true one, so invisible is told. No two of a user overlap.';
comment on column status_history.tenant is 'Tenant of the user.';
comment on column status_history.user_id is 'User who had the status.';
comment on column status_history.status is 'online, away, busy, dnd, invisible or offline.';
comment on column status_history.period is 'From the change to the next one, without it; open above for the status that lasts.';
comment on column status_history.partition is 'Partition of the log it comes from.';
comment on column status_history.began_offset is 'Offset of the event that brought the status.';
comment on column status_history.ended_offset is 'Offset of the event that ended it; null while it lasts.';

create table last_seen (
    tenant      text not null,
    user_id     text not null,
    status      text not null,
    last_seen   timestamptz,
    last_active timestamptz,
    primary key (tenant, user_id)
) with (fillfactor = 70);

comment on table last_seen is 'One row per user ever heard of: the status now, and when seen and active last.';
comment on column last_seen.tenant is 'Tenant of the user.';
comment on column last_seen.user_id is 'The user.';
comment on column last_seen.status is 'The true status now, invisible included.';
comment on column last_seen.last_seen is 'When the user last stopped being visibly present; invisible does not move it; null if never visible.';
comment on column last_seen.last_active is 'Last sign of activity, by the minute; null if never.';

-- how the writer goes on -------------------------------------------------------------------------------------------

create table history_state (
    tenant     text    not null,
    user_id    text    not null,
    partition  integer not null,
    log_offset bigint  not null,
    nodes      text[]  not null,
    -- json, not jsonb: the bytes must come back as they were.
    state      json    not null,
    primary key (tenant, user_id)
) with (fillfactor = 60);

create index history_state_by_node on history_state using gin (nodes);

comment on table history_state is 'The writer''s own memory: each user folded up to the checkpoint. Not for analysts.';
comment on column history_state.tenant is 'Tenant of the user.';
comment on column history_state.user_id is 'The user.';
comment on column history_state.partition is 'Partition of the log that holds the user.';
comment on column history_state.log_offset is 'Offset of the last event that changed the state.';
comment on column history_state.nodes is 'Nodes that hold sessions of the user: whom a node_lost concerns.';
comment on column history_state.state is 'The folded row and the open intervals; presence null once the retention is over.';

create table history_fences (
    partition  integer not null,
    node       text    not null,
    node_epoch bigint  not null,
    log_offset bigint  not null,
    primary key (partition, node)
);

comment on table history_fences is 'Node epochs that were declared lost, per partition: their late openings do not count.';
comment on column history_fences.partition is 'Partition of the log that was told.';
comment on column history_fences.node is 'The lost node.';
comment on column history_fences.node_epoch is 'Its highest lost epoch.';
comment on column history_fences.log_offset is 'Offset of the node_lost event.';

create table checkpoints (
    projection text   not null,
    topic      text   not null,
    partition  integer not null,
    log_offset bigint not null,
    primary key (projection, topic, partition)
) with (fillfactor = 50);

comment on table checkpoints is 'How far each projection has written each partition, in the same transaction as what it wrote.';
comment on column checkpoints.projection is 'Which read model: history.';
comment on column checkpoints.topic is 'Topic of the log.';
comment on column checkpoints.partition is 'Partition of the topic.';
comment on column checkpoints.log_offset is 'Last offset written; -1 before the first.';
