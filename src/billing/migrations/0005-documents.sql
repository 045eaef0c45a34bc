-- phase: expand
-- Documents as they were issued. Never changed: the triggers see to it, and the hash proves it.
create table billing.documents (
  number text primary key,
  kind text not null check (kind in ('invoice', 'credit-note')),
  order_id uuid not null,
  issued_at timestamptz not null,
  currency text not null,
  net numeric not null,
  tax numeric not null,
  total numeric not null,
  content text not null,
  hash text not null
);
create index documents_order on billing.documents (order_id);
create index documents_issued on billing.documents (issued_at);

-- Base and tax of a document by rate.
create table billing.document_taxes (
  number text not null,
  category text not null,
  rate numeric not null,
  base numeric not null,
  tax numeric not null,
  primary key (number, category, rate)
);

create function billing.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'what was issued is not changed: %', tg_table_name;
end $$;
create trigger documents_stay before update or delete on billing.documents
  for each row execute function billing.refuse_change();
create trigger documents_stay_all before truncate on billing.documents
  for each statement execute function billing.refuse_change();
create trigger document_taxes_stay before update or delete on billing.document_taxes
  for each row execute function billing.refuse_change();
create trigger document_taxes_stay_all before truncate on billing.document_taxes
  for each statement execute function billing.refuse_change();
