#!/bin/sh
# Signs the archives in dist with minisign; MINISIGN_KEY_FILE is the file of the secret key.
# The comment binds each signature to its archive: `{{host}} plugin install` requires it.
set -eu
cd "$(dirname "$0")"
[ -f Cargo.lock ] || cargo generate-lockfile
version=$(cargo pkgid)
version=${version##*[#@]}
for archive in dist/{{short}}-"$version"-*.tar.gz; do
    file=${archive##*/}
    target=${file#"{{short}}-$version-"}
    target=${target%.tar.gz}
    minisign -S -s "$MINISIGN_KEY_FILE" -m "$archive" \
        -t "pintle-plugin name={{name}} version=$version target=$target file=$file"
done
rm -f dist/minisign.pub
minisign -R -s "$MINISIGN_KEY_FILE" -p dist/minisign.pub
