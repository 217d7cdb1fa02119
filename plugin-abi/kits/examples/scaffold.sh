#!/bin/sh
# Adds a script that runs the tests, and mentions it in the README.
set -eu
. "${0%/*}/pintle.sh"
version=1.0.0 description='A script that runs the tests'
info='
project_versions: ["3"]
scaffolds:
  - subcommand: init
    flags: [{ name: test-command, help: The command that runs the tests, default: make test }]'

scaffold() {
    name=$(pintle_get project name)
    command=$(pintle_get args test-command)
    printf '#!/bin/sh\n# Runs the tests of %s.\n%s\n' "$name" "$command" | pintle_add test.sh 0755
    if readme=$(pintle_cat README.md); then
        printf '%s\n\nRun the tests with `./test.sh`.\n' "$readme" | pintle_edit README.md
    fi
}

pintle_main "$@"
