-- Why a follow-up order could not be placed when that was tried last, for the people who have to see to it.
alter table orders.follow_ups add column refusal text;
