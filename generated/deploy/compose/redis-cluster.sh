#!/bin/sh
# Makes one cluster of Redis servers, or tells those that have other addresses now where they are.
#
#   redis-cluster.sh REPLICAS NAME NAME NAME…
set -eu

replicas=$1
shift
keys=/run/protonats

ask() {
  host=$1
  shift
  redis-cli --tls --cacert "$keys/ca.pem" --cert "$keys/cert.pem" --key "$keys/key.pem" \
    -h "$host" "$@"
}

address() {
  getent hosts "$1" | cut -d ' ' -f 1 | head -n 1
}

# What refuses is told at once, and not waited for.
for name in "$@"; do
  answer=$(ask "$name" ping)
  if [ "$answer" != PONG ]; then
    echo "$name: $answer" >&2
    exit 1
  fi
done

first=$1
if ask "$first" cluster info | grep -q '^cluster_known_nodes:1[^0-9]*$'; then
  nodes=""
  for name in "$@"; do
    nodes="$nodes $(address "$name"):6379"
  done
  # shellcheck disable=SC2086
  ask "$first" --cluster create $nodes --cluster-replicas "$replicas" --cluster-yes
else
  for name in "$@"; do
    ask "$first" cluster meet "$(address "$name")" 6379
  done
fi

for name in "$@"; do
  until ask "$name" cluster info | grep -q '^cluster_state:ok'; do
    sleep 0.2
  done
done
echo "The cluster is ready: $*"
