#!/bin/bash
# Users of Kibana and Logstash, what a log line is, and how long it is kept. Repeating it changes nothing.
set -euo pipefail

call() {
  curl --silent --show-error --fail --max-time 30 --retry 5 --retry-connrefused --user "elastic:$ELASTIC_PASSWORD" \
    --header 'Content-Type: application/json' --request "$1" "http://elasticsearch:9200$2" --data "$3" > /dev/null
}

call POST /_security/user/kibana_system/_password "{\"password\": \"$KIBANA_PASSWORD\"}"
call PUT /_security/role/olms_logs '{
  "cluster": ["monitor"],
  "indices": [{"names": ["logs-olms-*"], "privileges": ["auto_configure", "create_doc"]}]
}'
call PUT /_security/user/olms_logs "{\"password\": \"$LOGS_PASSWORD\", \"roles\": [\"olms_logs\"]}"
call PUT /_ilm/policy/olms-logs @/lifecycle.json
call PUT /_index_template/logs-olms @/index-template.json
