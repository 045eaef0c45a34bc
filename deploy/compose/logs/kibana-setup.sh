#!/bin/bash
# The data view, searches and dashboard of OLMS. Repeating it puts them back as they are here.
set -euo pipefail

answer=$(curl --silent --show-error --fail --max-time 60 --retry 5 --retry-connrefused --user "elastic:$ELASTIC_PASSWORD" \
  --header 'kbn-xsrf: olms' --form file=@/kibana.ndjson 'http://kibana:5601/api/saved_objects/_import?overwrite=true')
case "$answer" in
  *'"success":true'*) ;;
  *)
    echo "$answer" >&2
    exit 1
    ;;
esac
