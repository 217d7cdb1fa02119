#!/bin/sh
. "${0%/*}/pintle.sh"
version=1.0.0 description='Reports that a cluster is ready'
on_post_cluster_create() { echo "cluster $PINTLE_CLUSTER is ready"; }
pintle_main "$@"
