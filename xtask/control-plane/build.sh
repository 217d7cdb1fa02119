# Builds the programs of a Kubernetes control plane, kustomize, kubebuilder and oras.
#
# Runs in this directory or in a copy of it. $1 is the directory for the programs, $2 an empty
# directory to work in; both are absolute. Nothing is installed, and apt uses separate package
# lists.
set -eu
bin=$1
work=$2

echo "downloading etcd"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
printf 'deb [signed-by=%s] http://deb.debian.org/debian bookworm main\n' \
    /usr/share/keyrings/debian-archive-keyring.gpg > "$work/sources.list"
apt() {
    apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" \
        -o "APT::Sandbox::User=$(id -un)" "$@"
}
apt update
(cd "$work/debs" && apt download etcd-server)
dpkg -x "$work"/debs/etcd-server_*.deb "$work/root"
cp "$work/root/usr/bin/etcd" "$bin/"

# The user's settings and workspaces are not used; the module proxy and the caches are.
export GOFLAGS= GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0
version=$(go list -mod=readonly -m -f '{{.Version}}' k8s.io/kubernetes)
echo "building Kubernetes $version, which takes about eleven minutes of CPU time"
minor=${version#v1.}
package=k8s.io/component-base/version
go build -mod=readonly -buildvcs=false -trimpath -o "$bin/" -ldflags "-s -w \
    -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" ./...
for program in sigs.k8s.io/kustomize/kustomize/v5@v5.8.1 sigs.k8s.io/kubebuilder/v4@v4.16.0 \
    oras.land/oras/cmd/oras@v1.3.0; do
    GOBIN=$bin go install -trimpath -ldflags "-s -w" "$program"
done
