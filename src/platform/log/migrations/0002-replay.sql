-- A consumer that a replay set back stood here before: up to this place it reads again what it has read.
alter table log.consumer_offsets add column again_txid bigint, add column again_position bigint;

-- Who set a consumer back or rebuilt a projection, and what that was.
create table log.replay_audit (
  number bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null check (action in ('set back', 'rebuild')),
  consumer text not null,
  detail json not null
);
