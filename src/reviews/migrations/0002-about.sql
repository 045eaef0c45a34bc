-- phase: expand
-- What the order is about, as it was when the review was opened, for whoever decides: total, currency, customer, reference
-- and number. Null where a version before this one opened it.
alter table reviews.reviews add column about json;
