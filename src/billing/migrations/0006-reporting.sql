-- phase: expand
-- What people who count and compare read with SQL, beside the views of other services. A migration that changes what a
-- view reads drops the view before and creates it again after, with the columns that it had.
create schema if not exists reporting;

create view reporting.invoices as
  select number, kind, order_id, issued_at, (issued_at at time zone 'UTC')::date as day, currency,
    case kind when 'invoice' then net else -net end as net, case kind when 'invoice' then tax else -tax end as tax,
    case kind when 'invoice' then total else -total end as total
  from billing.documents;
create view reporting.invoice_taxes as
  select t.number, d.kind, d.order_id, (d.issued_at at time zone 'UTC')::date as day, d.currency, t.category, t.rate,
    case d.kind when 'invoice' then t.base else -t.base end as net,
    case d.kind when 'invoice' then t.tax else -t.tax end as tax
  from billing.document_taxes t join billing.documents d on d.number = t.number;
comment on view reporting.invoices is 'Invoices and credit notes';
comment on column reporting.invoices.number is 'Number of the invoice or credit note';
comment on column reporting.invoices.kind is 'invoice or credit-note';
comment on column reporting.invoices.order_id is 'Id of the order';
comment on column reporting.invoices.issued_at is 'When it was issued';
comment on column reporting.invoices.day is 'The day of that, in UTC';
comment on column reporting.invoices.currency is 'Of the amounts';
comment on column reporting.invoices.net is 'Without tax; negative in a credit note';
comment on column reporting.invoices.tax is 'Tax; negative in a credit note';
comment on column reporting.invoices.total is 'With tax; negative in a credit note';
comment on view reporting.invoice_taxes is 'Revenue and tax of documents by rate';
comment on column reporting.invoice_taxes.number is 'Number of the invoice or credit note; one row for each rate';
comment on column reporting.invoice_taxes.kind is 'invoice or credit-note';
comment on column reporting.invoice_taxes.order_id is 'Id of the order';
comment on column reporting.invoice_taxes.day is 'The day it was issued, in UTC';
comment on column reporting.invoice_taxes.currency is 'Of the amounts';
comment on column reporting.invoice_taxes.category is 'S standard rate, Z zero rate, E exempt';
comment on column reporting.invoice_taxes.rate is 'Percent';
comment on column reporting.invoice_taxes.net is 'What is taxed at the rate; negative in a credit note';
comment on column reporting.invoice_taxes.tax is 'The tax; negative in a credit note';
