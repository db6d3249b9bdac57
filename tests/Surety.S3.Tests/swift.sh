#!/usr/bin/env bash
# swift.sh FOLDER PORT: an OpenStack Swift of one disk with its S3 API (signature version 4) on 127.0.0.1:PORT, in the foreground.
# Access key test:tester, secret testing. It takes the three ports after PORT, too. Everything it has is in FOLDER. Ends with its standard
# input.
set -euo pipefail
folder=$1 port=$2
mkdir -p "$folder/devices/d1"
cd "$folder"
who=$(id -un)

server() { # TYPE PORT
  cat > "$1.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
swift_dir = $folder
devices = $folder/devices
mount_check = false
user = $who
workers = 0
log_level = ERROR
log_address = /nowhere
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
fallocate_reserve = 0
CONF
}

# One process for the three rings: starting Python takes longer than making one.
/usr/bin/python3 - "$port" <<'RINGS'
import sys
from swift.common.ring import RingBuilder
for offset, kind in enumerate(['object', 'container', 'account'], 1):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': int(sys.argv[1]) + offset, 'device': 'd1', 'weight': 1})
    builder.rebalance()
    builder.get_ring().save(kind + '.ring.gz')
RINGS
server object $((port + 1))
server container $((port + 2))
server account $((port + 3))
cat > proxy.conf <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
swift_dir = $folder
user = $who
workers = 0
log_level = ERROR
log_address = /nowhere
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
# There is one server of each kind. Left alone, the proxy asks a server that failed ten times not again for a minute.
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
allow_multipart_uploads = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
CONF

children=()
for type in object container account; do
  "swift-$type-server" "$type.conf" </dev/null & children+=($!)
done
trap 'kill -9 "${children[@]}" 2>/dev/null' EXIT
# The proxy comes last: a request that it passes on to a server that does not listen yet may fail for longer than the server takes to start.
for offset in 1 2 3; do
  until (: >"/dev/tcp/127.0.0.1/$((port + offset))") 2>/dev/null; do
    kill -0 "${children[@]}" || exit 1
    sleep 0.1
  done
done
swift-proxy-server proxy.conf </dev/null & children+=($!)
cat >/dev/null
