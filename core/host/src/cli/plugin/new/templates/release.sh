#!/bin/sh
# Builds the plugin and packs it for this machine's platform: dist/NAME-VERSION-TARGET.tar.gz.
set -eu
cd "$(dirname "$0")"
cargo build --release
version=$(cargo pkgid)
version=${version##*[#@]}
target=$(rustc -vV | sed -n 's/^host: //p')
stem={{short}}-$version-$target
dir=${CARGO_TARGET_DIR:-target}/release
rm -rf "dist/$stem"
mkdir -p "dist/$stem"
for library in "$dir/lib{{crate}}.so" "$dir/lib{{crate}}.dylib" "$dir/{{crate}}.dll"; do
    if [ -f "$library" ]; then
        cp "$library" "dist/$stem/"
    fi
done
cp README.md "dist/$stem/"
for licence in LICENSE*; do
    if [ -f "$licence" ]; then
        cp "$licence" "dist/$stem/"
    fi
done
tar -C dist -cf - "$stem" | gzip -n >"dist/$stem.tar.gz"
rm -r "dist/$stem"
echo "./dist/$stem.tar.gz"
