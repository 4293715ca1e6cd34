# The deployment of docs/operators-day.md: two gateways on one LMDB ledger, two simulated processors, and a shop that is told of
# events. Source it with bash, in the root of a clone: . examples/operators-day/day.sh

export PAYMENT_PROCESSOR_URL_DEFAULT=http://127.0.0.1:8001
export PAYMENT_PROCESSOR_URL_FALLBACK=http://127.0.0.1:8002
export PROCESSOR_TOKENS=default=123,fallback=123
export LEDGER_URL=lmdb:./data/day/ledger
# Who is on this machine may operate. Elsewhere, operators have an API key.
export OPERATOR_ACCESS=loopback
export EVENTS=true
export WEBHOOKS_FILE=examples/operators-day/webhooks.yaml
export SHOP_WEBHOOK_SECRET_FILE=./data/day/shop-secret
# By default the journal of each instance: ./data/journal/gateway-1, ./data/journal/gateway-2.
export INSTANCE_ID=operator

dinossauro() { node bin/dinossauro.js "$@"; }

# start NAME COMMAND…: in the background, with its output in data/day/NAME.log.
start() {
  "${@:2}" >>"data/day/$1.log" 2>&1 &
  echo $! >"data/day/$1.pid"
}

# stop NAME…: by SIGTERM, and waits until it has ended.
stop() {
  local name
  for name in "$@"; do
    kill "$(cat "data/day/$name.pid")" && while kill -0 "$(cat "data/day/$name.pid")" 2>/dev/null; do sleep 0.1; done
  done
}

# processor NAME PORT FEE
processor() {
  NAME=$1 LISTEN=127.0.0.1:$2 FEE=$3 BOOKS_FILE=data/day/$1.books start "$1" node bin/dinossauro.js processor
}

# gateway NUMBER PORT: returns once it takes payments.
gateway() {
  INSTANCE_ID=gateway-$1 LISTEN=127.0.0.1:$2 start "gateway-$1" node bin/dinossauro.js gateway
  until curl -sf "http://127.0.0.1:$2/readyz" >/dev/null; do sleep 0.2; done
}

shop() { start shop node --experimental-strip-types --disable-warning=ExperimentalWarning examples/operators-day/shop.ts; }

# pay COUNT [PORT]: posts payments of 19.90, and prints how often it got which status. A client notes its payments, as here in
# data/day/orders: the id, and the amount in cents.
pay() {
  for _ in $(seq "$1"); do
    id=$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen | tr A-Z a-z)
    echo "$id,1990" >>data/day/orders
    curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:${2:-9999}/payments" -d "{\"correlationId\":\"$id\",\"amount\":19.90}"
  done | sort | uniq -c
}

# tell PORT PATH JSON: changes how a simulated processor behaves.
tell() {
  curl -s -X PUT "http://127.0.0.1:$1/admin/$2" -H 'X-Rinha-Token: 123' -H 'Content-Type: application/json' -d "$3"
}

mkdir -p data/day
[ -s data/day/shop-secret ] || (umask 077 && dinossauro webhooks secret >data/day/shop-secret)
