# Builds the programs of a Kubernetes control plane from Debian's packages.
#
# $1 is an empty folder to work in; the programs end up in its folder `bin`.
# Nothing is installed: packages are unpacked, and apt has its own lists here.
set -eu
work=$1
mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/debs" "$work/root"

# The binary package of kubernetes has the client only; the source has all of it.
suite="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main"
printf 'deb %s\ndeb-src %s\n' "$suite" "$suite" > "$work/apt/sources.list"
apt() {
    apt-get -qq -o "Dir::Etc::SourceList=$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" \
        -o "APT::Sandbox::User=$(id -un)" "$@"
}
echo "downloading"
apt update
cd "$work/debs"
apt download golang-1.19-go golang-1.19-src etcd-server rsync libpopt0 libxxhash0 \
    golang-github-modern-go-reflect2-dev
for package in *.deb; do dpkg -x "$package" "$work/root"; done
cd "$work"
apt source --download-only kubernetes
mkdir tree
tar xzf kubernetes_*.orig.tar.gz -C tree --strip-components=1

# The vendored reflect2 crashes the server at the first custom resource when it is built
# with Go 1.18 or later.
old=tree/vendor/github.com/modern-go/reflect2
rm -f "$old"/*.go "$old"/*.s
cp root/usr/share/gocode/src/github.com/modern-go/reflect2/*.go \
    root/usr/share/gocode/src/github.com/modern-go/reflect2/*.s "$old/"
rm -f "$old"/*_test.go

cat > version <<'VERSION'
KUBE_GIT_COMMIT=faecb196815e248d3ecfb03c680a4507229c2a56
KUBE_GIT_TREE_STATE=archive
KUBE_GIT_VERSION=v1.20.2
KUBE_GIT_MAJOR=1
KUBE_GIT_MINOR=20
VERSION

echo "building kube-apiserver, kube-controller-manager and kube-scheduler: about five minutes"
cd tree
mkdir -p .go/src/k8s.io
ln -s "$work/tree" .go/src/k8s.io/kubernetes
export GOROOT="$work/root/usr/lib/go-1.19" GOPATH="$work/tree/.go" GOCACHE="$work/gocache"
export CGO_ENABLED=0 GOPROXY=off GOFLAGS= KUBE_GIT_VERSION_FILE="$work/version"
export PATH="$GOROOT/bin:$work/root/usr/bin:$PATH"
export LD_LIBRARY_PATH="$work/root/usr/lib/$(gcc -dumpmachine)"
make WHAT="cmd/kube-apiserver cmd/kube-controller-manager cmd/kube-scheduler"
mkdir "$work/bin"
cp _output/local/go/bin/kube-* "$work/root/usr/bin/etcd" "$work/bin/"
# Go makes its caches read-only.
chmod -R u+w "$work"
