#!/usr/bin/env bash
# Posts one payment with curl and waits for its outcome: post-and-wait.sh AMOUNT. GATEWAY_URL says where the gateway is.
set -euo pipefail

url=${GATEWAY_URL:-http://127.0.0.1:9999}
amount=${1:-19.90}
if [[ -r /proc/sys/kernel/random/uuid ]]; then id=$(</proc/sys/kernel/random/uuid); else id=$(uuidgen | tr A-Z a-z); fi

# After 503, or no answer at all, the same id is posted again: it is never charged twice.
curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 10 \
  --data "{\"correlationId\":\"$id\",\"amount\":$amount}" "$url/payments"
echo "$id accepted"

for _ in $(seq 150); do
  payment=$(curl --silent --max-time 10 "$url/payments/$id")
  status=$(sed -n 's/.*"status":"\([a-z]*\)".*/\1/p' <<<"$payment")
  case $status in
    '' | accepted | dispatched) sleep 0.2 ;;
    *)
      echo "$id $status"
      exit 0
      ;;
  esac
done
echo "$id is still open after 30 s: it is not lost, ask again later" >&2
exit 1
