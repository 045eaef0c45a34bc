#!/bin/bash
# A database and a role for each service, on the first start of an empty server: a service cannot connect to the
# database of another. Later starts leave everything as it is.
set -euo pipefail

for service in inventory orders reviews payments shipping notifications billing gateway sandbox; do
  variable="${service^^}_DATABASE_PASSWORD"
  psql --set ON_ERROR_STOP=1 --set name="olms_$service" --set password="${!variable}" \
    --username "$POSTGRES_USER" --dbname postgres <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke all on database :"name" from public;
SQL
done
