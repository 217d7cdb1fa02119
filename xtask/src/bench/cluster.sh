#!/bin/sh
# A throw-away cluster from a carefully written script: the same objects as `pintle cluster`, with
# the docker CLI, and in parallel where one step does not require another. `cargo xtask bench`
# compares its times with those of the host.
#
# Usage: cluster.sh create|start|stop|delete
#
# The environment describes the cluster:
#   CLUSTER     its name
#   JOINING     the numbers of the servers that join the first, which is number 0: "1 2"
#   AGENTS      the numbers of the agents: "0 1"
#   IMAGE       the image of the nodes
#   VERSION     the version of the host, for a label
#   KUBECONFIG  the user's kubeconfig: one file, which exists
#   WORK        a directory to work in, in the same file system
set -eu
umask 077
# Background jobs must not create anything after a failure.
trap wait EXIT

all=pintle-$CLUSTER
first=$all-server-0
own=$WORK/own.yaml
# Half of the addresses are for nodes. The host looks for a free range; a script can only hope that
# its range is free.
net=172.31.252 free=172.31.254.0/23
n_nodes=$(set -- 0 $JOINING $AGENTS && echo $#)

create() {
    run=$(od -An -N10 -tx1 /dev/urandom | tr -d ' \n')
    labels="--label app=pintle --label pintle.cluster=$CLUSTER"
    labels="$labels --label pintle.version=$VERSION --label pintle.run=$run"

    docker volume create $labels "$all-shared" & volume=$!
    docker network create --driver bridge --subnet $net.0/22 --gateway $net.1 --ip-range $free \
        $labels "$all" & network=$!
    join $volume $network

    # Agents retry until they can join; k3s servers give up, so they start later, one after another.
    node "run --detach" server 0 & started=$!
    agents= servers=
    for idx in $AGENTS; do
        node "run --detach" agent "$idx" & agents="$agents $!"
    done
    for idx in $JOINING; do
        node create server "$idx" & servers="$servers $!"
    done
    join $started
    wait_until_ready "$servers" "$agents"
}

start() {
    # Of several servers, none is ready before most of them run.
    nodes=
    for name in "$first" $(names server $JOINING) $(names agent $AGENTS); do
        docker start "$name" & nodes="$nodes $!"
    done
    JOINING='' wait_until_ready "" "$nodes"
}

# Servers stop after agents, so that agents can deregister. One `docker stop` stops all its
# arguments in parallel, as does `docker rm`.
stop() {
    [ -z "$AGENTS" ] || docker stop $(names agent $AGENTS)
    docker stop "$first" $(names server $JOINING)
}

delete() {
    forget & entries=$!
    docker rm --force --volumes "$first" $(names server $JOINING) $(names agent $AGENTS)
    docker network rm "$all" & network=$!
    docker volume rm "$all-shared" & volume=$!
    join $entries $network $volume
}

# Creates the node $2-$3 with `docker $1`.
node() {
    verb=$1 role=$2 idx=$3
    set -- "$IMAGE" "$role"
    if [ "$role" = server ]; then
        address=$net.$((2 + idx))
        set -- --publish 127.0.0.1::6443/tcp "$@" --tls-san 127.0.0.1
    else
        address=$net.$((2 + $(set -- 0 $JOINING && echo $#) + idx))
    fi
    if [ "$role-$idx" = server-0 ]; then
        set -- --label pintle.api.host=127.0.0.1 "$@" --tls-san "$first"
        [ -z "$JOINING" ] || set -- "$@" --cluster-init
    else
        set -- --env "K3S_URL=https://$first:6443" "$@"
    fi
    docker $verb \
        --name "$all-$role-$idx" --hostname "$all-$role-$idx" \
        --network "$all" --ip "$address" --label "pintle.address=$address" \
        --add-host host.pintle.internal:host-gateway \
        --volume "$all-shared:/var/lib/pintle" --volume /sys/fs/cgroup:/sys/fs/cgroup:rw \
        --device /dev/kmsg:/dev/kmsg:r --security-opt systempaths=unconfined --tmpfs /run --tmpfs /var/run \
        --restart unless-stopped \
        --cap-add ALL --cap-drop SYS_RESOURCE \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --env "K3S_TOKEN=$run" --env K3S_KUBECONFIG_OUTPUT=/output/kubeconfig.yaml \
        $labels --label "pintle.role=$role" --label "pintle.network=$all" \
        --label pintle.network.external=false --label pintle.privilege=reduced \
        "$@"
}

# Waits until the cluster is ready, and adds it to the user's kubeconfig. The first server is
# running; $1 are the background jobs that create the other servers, and $2 those that start the
# agents.
wait_until_ready() {
    n_tries=0
    until docker port "$first" 6443/tcp > "$WORK/address" 2> "$WORK/no-port"; do pause; done &
    port=$!
    until docker cp "$first:/output/kubeconfig.yaml" "$own.new" 2> "$WORK/why" &&
        grep -q client-key-data: "$own.new"; do
        pause
    done
    join $port
    read -r address < "$WORK/address"
    sed "s|server: .*|server: https://$address|; s|: default\$|: $all|" "$own.new" > "$own"
    # Prepare the user's file while the cluster becomes ready.
    KUBECONFIG=$own:$KUBECONFIG kubectl config view --flatten > "$WORK/merged" & merged=$!

    # curl is several times faster than kubectl.
    for word in certificate-authority client-certificate client-key; do
        sed -n "s/ *$word-data: //p" "$own" | base64 -d > "$WORK/$word"
    done
    until ask /readyz > "$WORK/why"; do pause; done
    join $1
    n_before=1
    for idx in $JOINING; do
        # The store accepts one new server at a time.
        until [ "$(n_ready_servers)" -ge $n_before ]; do pause; done
        docker start "$all-server-$idx"
        n_before=$((n_before + 1))
    done
    join $2
    until [ "$(n_ready)" -eq "$n_nodes" ]; do pause; done
    join $merged
    mv "$WORK/merged" "$KUBECONFIG"
}

# Requests a path from the API server.
ask() {
    curl --silent --fail --max-time 5 --cacert "$WORK/certificate-authority" \
        --cert "$WORK/client-certificate" --key "$WORK/client-key" \
        --header "Accept: application/json;as=Table;v=v1;g=meta.k8s.io" "https://$address$1"
}

# Counts the nodes that are ready. In the table format, `"Ready"` appears nowhere else.
n_ready() {
    ask /api/v1/nodes | grep -o '"Ready"' | wc -l
}

# Counts the servers that are ready: their lines contain the role.
n_ready_servers() {
    ask /api/v1/nodes | tr '{' '\n' | grep '"Ready"' | grep -c control-plane || true
}

pause() {
    n_tries=$((n_tries + 1))
    [ $n_tries -lt 3000 ] || { echo "the cluster did not become ready" >&2; exit 1; }
    sleep 0.01
}

# Removes the cluster from the user's kubeconfig: one kubectl and one jq take less time than four
# calls of `kubectl config` that would do the same.
forget() {
    kubectl config view --flatten --output json | jq --arg it "$all" '
        del(.clusters[]?, .contexts[]?, .users[]? | select(.name == $it))
        | if ."current-context" == $it then del(."current-context") else . end
    ' > "$WORK/merged"
    mv "$WORK/merged" "$KUBECONFIG"
}

# Prints the names of the nodes of the role $1 with the numbers in the other arguments.
names() {
    role=$1
    shift
    for idx; do echo "$all-$role-$idx"; done
}

# Waits for background jobs, and fails if one of them fails.
join() {
    for job; do wait "$job"; done
}

"$1"
