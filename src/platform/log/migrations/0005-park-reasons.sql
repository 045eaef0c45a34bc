-- Why an operator left a parked event out, or tried it again.
alter table log.park_audit add column reason text;
