# Makes what docker-compose.yml needs, and the functions of docs/operators-day.md. Source it with bash, in the root of a clone:
# . examples/operators-day/day.sh

# The gateways run the image dinossauro:$TAG.
export TAG=day

if docker compose version >/dev/null 2>&1; then
  compose() { docker compose -p operators-day -f examples/operators-day/docker-compose.yml "$@"; }
else
  compose() { docker-compose -p operators-day -f examples/operators-day/docker-compose.yml "$@"; }
fi

dinossauro() { compose run --rm --no-deps -T operator "$@" </dev/null; }

# ready GATEWAY…: returns once they take payments, or fails after a minute.
ready() {
  local name waited
  for name in "$@"; do
    waited=0
    until [ "$(docker inspect -f '{{.State.Health.Status}}' "$(compose ps -q "$name")")" = healthy ]; do
      [ $((waited += 1)) -le 60 ] || { compose logs --tail 20 "$name"; return 1; }
      sleep 1
    done
  done
}

# pay COUNT: posts payments of 19.90, and prints how often it got which status. A client notes its payments, as here in
# data/day/config/orders: the id, and the amount in cents.
pay() {
  for _ in $(seq "$1"); do
    id=$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen | tr A-Z a-z)
    echo "$id,1990" >>data/day/config/orders
    curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:9900/payments -H "Authorization: Bearer $SHOP_KEY" \
      -d "{\"correlationId\":\"$id\",\"amount\":19.90}"
  done | sort | uniq -c
}

# tell PROCESSOR PATH JSON: changes how a simulated processor behaves.
tell() {
  curl -s -X PUT "http://127.0.0.1:$([ "$1" = default ] && echo 9901 || echo 9902)/admin/$2" -H 'X-Rinha-Token: 123' \
    -H 'Content-Type: application/json' -d "$3"
}

if [ ! -e data/day/secrets ]; then
  (
    set -e
    made() { docker run --rm --entrypoint node dinossauro:day dist/cli/main.js "$@"; }
    umask 077
    mkdir -p data/day/config data/day/shop
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=shop \
      -addext subjectAltName=DNS:shop,IP:127.0.0.1 -keyout data/day/shop/shop.key -out data/day/shop/shop.crt 2>/dev/null
    cp examples/operators-day/{processors,webhooks}.yaml data/day/shop/shop.crt data/day/config/
    key=$(made keys new shop --scopes post,read)
    echo "${key##*$'\n'}" >data/day/config/keys
    : >data/day/config/orders
    # The gateways read these as the user 1000. There are no secrets here: of the key it is the hash.
    chmod -R a+rX data/day/config
    webhook_secret=$(made webhooks secret)
    echo "SHOP_KEY=${key%%$'\n'*} SHOP_WEBHOOK_SECRET=$webhook_secret ADMIN_TOKEN=$(openssl rand -hex 32)" >data/day/secrets
  )
fi
set -a
. data/day/secrets
set +a
