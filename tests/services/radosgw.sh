#!/usr/bin/env bash
# A whole Ceph cluster of one node with its S3 gateway, in one folder, on loopback:
#   radosgw.sh up DIR     starts it and prints {"endpoint", "region", "access_key", "secret_key"}
#   radosgw.sh down DIR   stops it and removes DIR
# Objects live in memory. DIR should be short: the socket paths in it may have 107 bytes.
set -euo pipefail

action=${1:?up or down}
dir=$(mkdir -p "${2:?a folder}" && cd "$2" && pwd)
conf=$dir/ceph.conf
access_key=RADOSGWACCESSKEY
secret_key=radosgw/secret+key # a slash and a plus, as AWS makes them

free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))
PYTHON
}

wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { echo "radosgw.sh: timed out: $*" >&2; return 1; }
        sleep 0.2
    done
}

write_configuration() { # fsid, monitor's two ports, gateway's port
    cat >"$conf" <<CONF
[global]
fsid = $1
mon host = [v2:127.0.0.1:$2,v1:127.0.0.1:$3]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = $dir
keyring = $dir/keyring
mon data = $dir/mon
mgr data = $dir/mgr
osd data = $dir/osd
log file = $dir/\$name.log
pid file = $dir/\$name.pid
admin socket = $dir/\$name.asok
mon allow pool size one = true
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$4
rgw thread pool size = 64
CONF
}

write_keyring() {
    local all=(--cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *')
    ceph-authtool --create-keyring "$dir/keyring" --gen-key -n mon. --cap mon 'allow *'
    for name in client.admin mgr.x osd.0 client.rgw; do
        ceph-authtool "$dir/keyring" --gen-key -n "$name" "${all[@]}"
    done
}

start_monitor() { # fsid, monitor's two ports
    monmaptool --create --fsid "$1" --addv a "[v2:127.0.0.1:$2,v1:127.0.0.1:$3]" "$dir/monmap"
    ceph-mon -c "$conf" --mkfs -i a --monmap "$dir/monmap" --keyring "$dir/keyring"
    ceph-mon -c "$conf" -i a
    ceph -c "$conf" mon enable-msgr2
}

start_storage() {
    local id uuid
    uuid=$(python3 -c 'import uuid; print(uuid.uuid4())')
    id=$(ceph -c "$conf" osd new "$uuid")
    ceph-osd -c "$conf" -i "$id" --mkfs --osd-uuid "$uuid"
    ceph-osd -c "$conf" -i "$id"
    wait_until 60 bash -c "ceph -c '$conf' osd stat | grep -q '1 up'"
}

start_all() { # monitor's two ports, gateway's port
    local fsid
    fsid=$(python3 -c 'import uuid; print(uuid.uuid4())')
    write_configuration "$fsid" "$1" "$2" "$3"
    write_keyring
    start_monitor "$fsid" "$1" "$2"
    ceph-mgr -c "$conf" -i x
    start_storage
    radosgw -c "$conf" -n client.rgw
    wait_until 60 curl -sf "http://127.0.0.1:$3/"
    radosgw-admin -c "$conf" user create --uid=casgate --display-name=casgate \
        --access-key="$access_key" --secret-key="$secret_key"
}

up() {
    local mon_v2 mon_v1 port
    mkdir -p "$dir"/{mon,mgr,osd}
    read -r mon_v2 mon_v1 port < <(free_ports 3)
    trap 'tail -n 40 "$dir/up.log" >&2; down' EXIT
    start_all "$mon_v2" "$mon_v1" "$port" >"$dir/up.log" 2>&1 </dev/null
    trap - EXIT
    printf '{"endpoint":"http://127.0.0.1:%s","region":"us-east-1","access_key":"%s","secret_key":"%s"}\n' \
        "$port" "$access_key" "$secret_key"
}

# Kills the processes whose ids stand in DIR. None of their data is to last, so none has to close
# it.
down() {
    local pid file
    for file in "$dir"/*.pid; do
        [ -s "$file" ] || continue
        pid=$(cat "$file")
        # The id may belong to somebody else by now; ours has this folder's file on its command
        # line.
        if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$conf"; then
            kill -9 "$pid" || true
        fi
    done
    rm -rf "$dir"
}

case $action in
up | down) "$action" ;;
*) echo "usage: radosgw.sh up|down DIR" >&2; exit 64 ;;
esac
