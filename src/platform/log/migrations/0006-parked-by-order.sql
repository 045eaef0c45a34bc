-- What is parked of one order, whichever service parked it.
create index parked_events_order on log.parked_events (order_id);
