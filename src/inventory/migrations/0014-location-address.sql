-- phase: expand
-- Where a place is: returns are sent there, and slips say where parcels come from. Null: nobody has said.
alter table inventory.locations add column address json;
