#!/bin/sh
# Makes keys and certificates where there are none, renews what is due, and gives each container
# its own. What signs them stays in a volume that no other container has.
set -eu
umask 077

authority=/volumes/authority
owner=10001:10001

protonats keys create --project /srv --environment production --to "$authority"
for action in create renew; do
  protonats certs "$action" --project /srv --environment production --to "$authority" \
    --san localhost --san 127.0.0.1 --node redis-1 --node redis-2 --node redis-3 --node redis-4 --node redis-5 --node redis-6
done

# give FOLDER VOLUME FILE…: what a container proves with who it is.
give() {
  from=$authority/$1
  to=/volumes/$2
  shift 2
  for file in "$@"; do
    install -m 0400 -o "${owner%:*}" -g "${owner#*:}" "$from/$file" "$to/$file"
  done
}

for node in nats-1 nats-2 nats-3 nats-4 nats-5 redis-1 redis-2 redis-3 redis-4 redis-5 redis-6; do
  give "nodes/$node" "$node-keys" ca.pem cert.pem key.pem
done
for user in deployer ai_integration capability_registry ai_router auth body_broker environmental_narrative event_bus knowledge_base language_system model_mgmt npc_behavior orchestration payment performance_mode quest router settings state_manager story_teller time_manager weather_manager world_state monitor operator; do
  give "users/$user" "$user-keys" ca.pem cert.pem key.pem nkey.seed
done

# The servers' configuration, in one folder as its parts include each other.
for file in /generated/nats/*.conf /generated/routes.conf "$authority"/*.conf; do
  install -m 0444 "$file" "/volumes/nats-configuration/${file##*/}"
done

for volume in nats-1-data nats-2-data nats-3-data nats-4-data nats-5-data redis-1-data redis-2-data redis-3-data redis-4-data redis-5-data redis-6-data alertmanager-data prometheus-data; do
  install -d -m 0700 -o "${owner%:*}" -g "${owner#*:}" "/volumes/$volume/data"
done
