-- phase: expand
-- What people who count and compare read with SQL, beside the views of other services. A migration that changes what a
-- view reads drops the view before and creates it again after, with the columns that it had.
create schema if not exists reporting;

create view reporting.payments as
  select order_id, provider, status, currency, amount, authorized, captured, voided, refunded from payments.payments;
comment on view reporting.payments is 'Payments of orders';
comment on column reporting.payments.order_id is 'Id of the order';
comment on column reporting.payments.provider is 'Name of the payment provider';
comment on column reporting.payments.status is 'Where the payment stands';
comment on column reporting.payments.currency is 'Of the amounts';
comment on column reporting.payments.amount is 'What was asked for';
comment on column reporting.payments.authorized is 'What the provider set aside or took';
comment on column reporting.payments.captured is 'What was taken';
comment on column reporting.payments.voided is 'What was set aside and let go';
comment on column reporting.payments.refunded is 'What was given back';
