-- Until when no process may answer from the shared cache: set by one that could not tell the cache of a change.
create table orders.cache_switch (
  only_row boolean primary key default true check (only_row),
  off_until timestamptz not null
);
insert into orders.cache_switch (off_until) values ('-infinity');
