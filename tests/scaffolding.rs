//! Scaffolding from the command line: chains, output, undoing, upgrading.

use crate::support::{Sandbox, built, fixture, install};
use expect_test::{Expect, expect};
use std::fs;

const CREATE: &str = "create api --group crew --version v1 --kind";
const DELETE: &str = "delete api --group crew --version v1 --kind";

/// Returns a sandbox with a shipyard and a painter.
fn yard() -> Sandbox {
    Sandbox::new().plugin("shipyard").plugin("painter")
}

/// Returns a project with only the shipyard and a kind.
#[track_caller]
fn project() -> Sandbox {
    let sandbox = Sandbox::new().plugin("shipyard");
    let _ = sandbox.run(words("init --plugins shipyard --project-name demo")).success();
    let _ = sandbox.run(words(&format!("{CREATE} Captain"))).success();
    sandbox
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[track_caller]
fn check(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

fn read(sandbox: &Sandbox, path: &str) -> String {
    fs::read_to_string(sandbox.work().join(path)).unwrap_or_else(|err| format!("{path}: {err}"))
}

fn write(sandbox: &Sandbox, path: &str, text: &str) {
    fs::write(sandbox.work().join(path), text).expect("the project is writable");
}

/// Returns the paths in the project, except the host's own.
fn tree(sandbox: &Sandbox) -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![sandbox.work()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the project is readable") {
            let path = entry.expect("the project is readable").path();
            let name = path.strip_prefix(sandbox.work()).expect("it is inside");
            match path.is_dir() {
                _ if name.starts_with(".pintle") => {}
                true => folders.push(path.clone()),
                false => paths.push(name.display().to_string()),
            }
        }
    }
    paths.sort();
    paths
}

#[test]
fn a_chain_makes_a_project_and_each_plugin_knows_its_place() {
    let sandbox = yard();
    let init = "init --plugins shipyard,painter --project-name demo --port west";
    check(
        &sandbox,
        &[init, &format!("{CREATE} Captain")],
        expect![[r#"
        $ pintle init --plugins shipyard,painter --project-name demo --port west
        + README.md
        + fleet.txt
        + log.txt
        + sail.sh
        + PROJECT
        --- stderr ---
        warning: plugin `painter.example.org/v1.0.0` is deprecated: paint is out of fashion
        [exit 0]
        $ pintle create api --group crew --version v1 --kind Captain
        ~ fleet.txt
        + ships/captain.txt
        ~ PROJECT
        --- stderr ---
        warning: plugin `painter.example.org/v1.0.0` is deprecated: paint is out of fashion
        [exit 0]
    "#]],
    );
    expect![[r#"
        version: "3"
        domain: my.domain
        projectName: demo
        cliVersion: "0.1.0"
        layout:
        - shipyard.example.org/v1.0.0
        - painter.example.org/v1.0.0
        plugins:
          shipyard.example.org/v1.0.0:
            port: west
            flag: white
        resources:
        - api:
            crdVersion: v1
            namespaced: true
          controller: true
          domain: my.domain
          group: crew
          kind: Captain
          version: v1
    "#]]
    .assert_eq(&read(&sandbox, "PROJECT"));
    expect![[r#"
        painted by 2 of 2
        port west

        ship captain
        # +pintle:scaffold:ships
    "#]]
    .assert_eq(&read(&sandbox, "fleet.txt"));
    expect![[r#"
        painted by 2 of 2
        Captain of one sea
    "#]]
    .assert_eq(&read(&sandbox, "ships/captain.txt"));
}

#[test]
fn looking_changes_nothing() {
    let sandbox = project();
    let before = (tree(&sandbox), read(&sandbox, "fleet.txt"));
    let dry_run = format!("{CREATE} Sailor --dry-run");
    let json = format!("{CREATE} Sailor --dry-run -o json");
    let diff = format!("{CREATE} Sailor --diff");
    let lines = [dry_run.as_str(), &json, &diff, "edit --admiral ada --dry-run"];
    check(
        &sandbox,
        &lines,
        expect![[r#"
        $ pintle create api --group crew --version v1 --kind Sailor --dry-run
        ~ fleet.txt
        + ships/sailor.txt
        ~ PROJECT
        [exit 0]
        $ pintle create api --group crew --version v1 --kind Sailor --dry-run -o json
        {
          "subcommand": "create api",
          "chain": [
            "shipyard.example.org/v1.0.0"
          ],
          "dry_run": true,
          "changes": [
            {
              "change": "replace",
              "path": "fleet.txt",
              "plugin": "shipyard.example.org/v1.0.0"
            },
            {
              "change": "add",
              "path": "ships/sailor.txt",
              "plugin": "shipyard.example.org/v1.0.0"
            },
            {
              "change": "replace",
              "path": "PROJECT",
              "plugin": null
            }
          ],
          "left": [],
          "notices": []
        }
        [exit 0]
        $ pintle create api --group crew --version v1 --kind Sailor --diff
        --- a/fleet.txt
        +++ b/fleet.txt
        @@ -1,4 +1,5 @@
         port home

         ship captain
        +ship sailor
         # +pintle:scaffold:ships
        --- /dev/null
        +++ b/ships/sailor.txt
        @@ -0,0 +1 @@
        +Sailor of one sea
        --- a/PROJECT
        +++ b/PROJECT
        @@ -17,3 +17,11 @@
           group: crew
           kind: Captain
           version: v1
        +- api:
        +    crdVersion: v1
        +    namespaced: true
        +  controller: true
        +  domain: my.domain
        +  group: crew
        +  kind: Sailor
        +  version: v1
        [exit 0]
        $ pintle edit --admiral ada --dry-run
        + admiral.txt
        [exit 0]
    "#]],
    );
    assert_eq!((tree(&sandbox), read(&sandbox, "fleet.txt")), before);
}

#[test]
fn the_universe_can_be_seen_also_when_something_fails() {
    let sandbox = project();
    let ok = format!("{CREATE} Sailor --dry-run --dump-universe=paths");
    check(
        &sandbox,
        &[&ok],
        expect![[r#"
        $ pintle create api --group crew --version v1 --kind Sailor --dry-run --dump-universe=paths
        {
          "subcommand": "create api",
          "chain": [
            "shipyard.example.org/v1.0.0"
          ],
          "failed": null,
          "summary": {
            "nodes": 6,
            "bytes": 185,
            "added": 1,
            "replaced": 1,
            "deleted": 0,
            "origins": {
              "": 4,
              "shipyard.example.org/v1.0.0": 2
            }
          },
          "nodes": [
            {
              "path": "README.md",
              "plugin": null,
              "subcommand": null,
              "mode": "644",
              "size": 58
            },
            {
              "path": "fleet.txt",
              "plugin": "shipyard.example.org/v1.0.0",
              "subcommand": "create api",
              "mode": "644",
              "size": 61
            },
            {
              "path": "log.txt",
              "plugin": null,
              "subcommand": null,
              "mode": "644",
              "size": 6
            },
            {
              "path": "sail.sh",
              "plugin": null,
              "subcommand": null,
              "mode": "755",
              "size": 23
            },
            {
              "path": "ships/captain.txt",
              "plugin": null,
              "subcommand": null,
              "mode": "644",
              "size": 19
            },
            {
              "path": "ships/sailor.txt",
              "plugin": "shipyard.example.org/v1.0.0",
              "subcommand": "create api",
              "mode": "644",
              "size": 18
            }
          ],
          "deleted": []
        }
        [exit 0]
    "#]],
    );
    write(&sandbox, "ships/sailor.txt", "mine");
    check(
        &sandbox,
        &[&format!("{CREATE} Sailor --dump-universe")],
        expect![[r#"
            $ pintle create api --group crew --version v1 --kind Sailor --dump-universe
            {
              "subcommand": "create api",
              "chain": [
                "shipyard.example.org/v1.0.0"
              ],
              "failed": {
                "plugin": "shipyard.example.org/v1.0.0",
                "step": "scaffold",
                "node": "ships/sailor.txt",
                "error": "`create api` failed in `shipyard.example.org/v1.0.0` while scaffolding: `shipyard.example.org/v1.0.0` adds `ships/sailor.txt`, which already exists"
              },
              "summary": {
                "nodes": 6,
                "bytes": 159,
                "added": 0,
                "replaced": 0,
                "deleted": 0,
                "origins": {
                  "": 6
                }
              }
            }
            --- stderr ---
            error: `create api` failed in `shipyard.example.org/v1.0.0` while scaffolding
              caused by: `shipyard.example.org/v1.0.0` adds `ships/sailor.txt`, which already exists
            hint: use `--force` to overwrite `ships/sailor.txt`, or `--skip-existing` to keep it
            [exit 1]
        "#]],
    );
    write(&sandbox, "fleet.txt", "no marker\n");
    check(
        &sandbox,
        &[&format!("{CREATE} Pilot")],
        expect![[r#"
        $ pintle create api --group crew --version v1 --kind Pilot
        --- stderr ---
        error: `create api` failed in `shipyard.example.org/v1.0.0` while scaffolding
          caused by: `fleet.txt` has no line `# +pintle:scaffold:ships`
        [exit 1]
    "#]],
    );
}

#[test]
fn webhooks_are_made_and_undone() {
    let sandbox = project();
    add_versions(&sandbox);
    let create = "create webhook --group crew --version v1 --kind Captain";
    let delete = "delete webhook --group crew --version v1 --kind Captain";
    let lines = [
        create.to_owned(),
        format!("{create} --defaulting --conversion --spoke v1alpha1,v1beta1"),
        format!("{create} --validation"),
        "project show".to_owned(),
        format!("{delete} --defaulting"),
        delete.to_owned(),
        "project show".to_owned(),
        "create webhook --group crew --version v1 --kind Nobody --validation".to_owned(),
    ];
    check(
        &sandbox,
        &lines.each_ref().map(String::as_str),
        expect![[r#"
            $ pintle create webhook --group crew --version v1 --kind Captain
            --- stderr ---
            error: no webhook is selected
            hint: use at least one of `--defaulting`, `--validation` and `--conversion`
            [exit 2]
            $ pintle create webhook --group crew --version v1 --kind Captain --defaulting --conversion --spoke v1alpha1,v1beta1
            + hooks/captain-conversion.txt
            + hooks/captain-defaulting.txt
            ~ PROJECT
            [exit 0]
            $ pintle create webhook --group crew --version v1 --kind Captain --validation
            + hooks/captain-validation.txt
            ~ PROJECT
            [exit 0]
            $ pintle project show
            name      demo
            domain    my.domain
            version   3
            plugin    shipyard.example.org/v1.0.0
            resource  crew.my.domain/v1beta1/Captain:
            resource  crew.my.domain/v1alpha1/Captain:
            resource  crew.my.domain/v1/Captain: api, controller, defaulting webhook, validation webhook, conversion webhook
            command   1 init
            command   2 create api --group crew --version v1 --kind Captain
            command   3 create webhook --group crew --version v1 --kind Captain --defaulting --conversion --spoke v1alpha1,v1beta1
            command   4 create webhook --group crew --version v1 --kind Captain --validation
            files     8 scaffolded
            [exit 0]
            $ pintle delete webhook --group crew --version v1 --kind Captain --defaulting
            - hooks/captain-defaulting.txt
            ~ PROJECT
            [exit 0]
            $ pintle delete webhook --group crew --version v1 --kind Captain
            - hooks/captain-conversion.txt
            - hooks/captain-validation.txt
            ~ PROJECT
            [exit 0]
            $ pintle project show
            name      demo
            domain    my.domain
            version   3
            plugin    shipyard.example.org/v1.0.0
            resource  crew.my.domain/v1beta1/Captain:
            resource  crew.my.domain/v1alpha1/Captain:
            resource  crew.my.domain/v1/Captain: api, controller
            command   1 init
            command   2 create api --group crew --version v1 --kind Captain
            files     5 scaffolded
            [exit 0]
            $ pintle create webhook --group crew --version v1 --kind Nobody --validation
            --- stderr ---
            error: the project has no resource `crew.my.domain/v1/Nobody`
            hint: run `pintle project show` to list the project's resources
            [exit 1]
        "#]],
    );
    expect![[r#"
        version: "3"
        domain: my.domain
        projectName: demo
        cliVersion: "0.1.0"
        layout:
        - shipyard.example.org/v1.0.0
        plugins:
          shipyard.example.org/v1.0.0:
            port: home
            flag: white
        resources:
        - domain: my.domain
          group: crew
          kind: Captain
          version: v1beta1
        - domain: my.domain
          group: crew
          kind: Captain
          version: v1alpha1
        - api:
            crdVersion: v1
            namespaced: true
          controller: true
          domain: my.domain
          group: crew
          kind: Captain
          version: v1
    "#]]
    .assert_eq(&read(&sandbox, "PROJECT"));
}

#[test]
fn deleting_an_api_says_what_it_left() {
    let sandbox = project();
    let _ = sandbox.run(words(&format!("{CREATE} Sailor"))).success();
    write(&sandbox, "ships/captain.txt", "mine\n");
    let lines = [
        format!("{DELETE} Captain --dry-run"),
        format!("{DELETE} Captain"),
        format!("{DELETE} Captain"),
    ];
    check(
        &sandbox,
        &lines.each_ref().map(String::as_str),
        expect![[r#"
            $ pintle delete api --group crew --version v1 --kind Captain --dry-run
            ~ fleet.txt
            + wrecks.txt
            ~ PROJECT
            --- stderr ---
            warning: `ships/captain.txt` is left as it is: it has changed since it was scaffolded
            [exit 1]
            $ pintle delete api --group crew --version v1 --kind Captain
            ~ fleet.txt
            + wrecks.txt
            ~ PROJECT
            --- stderr ---
            warning: `ships/captain.txt` is left as it is: it has changed since it was scaffolded
            [exit 1]
            $ pintle delete api --group crew --version v1 --kind Captain
            --- stderr ---
            error: the project has no resource `crew.my.domain/v1/Captain`
            hint: run `pintle project show` to list the project's resources
            [exit 1]
        "#]],
    );
    assert_eq!(read(&sandbox, "ships/captain.txt"), "mine\n");
    expect![[r#"
        port home

        ship sailor
        # +pintle:scaffold:ships
    "#]]
    .assert_eq(&read(&sandbox, "fleet.txt"));
    check(
        &sandbox,
        &[&format!("{DELETE} Sailor"), "project blame", "project check"],
        expect![[r#"
            $ pintle delete api --group crew --version v1 --kind Sailor
            ~ fleet.txt
            - ships/sailor.txt
            ~ wrecks.txt
            ~ PROJECT
            [exit 0]
            $ pintle project blame
            PATH       STATE      BY
            README.md  unchanged  shipyard.example.org/v1.0.0 (1 init)
            fleet.txt  unchanged  shipyard.example.org/v1.0.0 (1 init)
            log.txt    unchanged  shipyard.example.org/v1.0.0 (1 init)
            sail.sh    unchanged  shipyard.example.org/v1.0.0 (1 init)
            [exit 0]
            $ pintle project check
            ok  shipyard.example.org/v1.0.0  installed and compatible
            ok  files                        4 scaffolded, 0 changed since then
            ok  plugins                      would create the same files today
            [exit 0]
        "#]],
    );
}

#[test]
fn blame_names_plugins_and_commands() {
    let sandbox = yard();
    let _ = sandbox.run(words("init --plugins shipyard,painter --project-name demo")).success();
    let _ = sandbox.run(words(&format!("{CREATE} Captain"))).success();
    write(&sandbox, "README.md", "mine\n");
    write(&sandbox, "own.txt", "mine\n");
    fs::remove_file(sandbox.work().join("sail.sh")).expect("the file is there");
    let lines = [
        "project blame",
        "project blame ships",
        "project blame ./fleet.txt -o json",
        "project blame own.txt",
        "project blame nowhere",
        "project blame ../out",
        "project check",
        "project check -o yaml",
    ];
    check(
        &sandbox,
        &lines,
        expect![[r#"
        $ pintle project blame
        PATH               STATE      BY
        README.md          changed    shipyard.example.org/v1.0.0 (1 init)
        fleet.txt          unchanged  shipyard.example.org/v1.0.0 (1 init), painter.example.org/v1.0.0 (1 init), shipyard.example.org/v1.0.0 (2 create api)
        log.txt            unchanged  shipyard.example.org/v1.0.0 (1 init), painter.example.org/v1.0.0 (1 init)
        sail.sh            deleted    shipyard.example.org/v1.0.0 (1 init)
        ships/captain.txt  unchanged  shipyard.example.org/v1.0.0 (2 create api), painter.example.org/v1.0.0 (2 create api)
        [exit 0]
        $ pintle project blame ships
        PATH               STATE      BY
        ships/captain.txt  unchanged  shipyard.example.org/v1.0.0 (2 create api), painter.example.org/v1.0.0 (2 create api)
        [exit 0]
        $ pintle project blame ./fleet.txt -o json
        [
          {
            "path": "fleet.txt",
            "state": "unchanged",
            "by": [
              {
                "plugin": "shipyard.example.org/v1.0.0",
                "command": 1,
                "subcommand": "init"
              },
              {
                "plugin": "painter.example.org/v1.0.0",
                "command": 1,
                "subcommand": "init"
              },
              {
                "plugin": "shipyard.example.org/v1.0.0",
                "command": 2,
                "subcommand": "create api"
              }
            ]
          }
        ]
        [exit 0]
        $ pintle project blame own.txt
        --- stderr ---
        error: `own.txt` was not scaffolded
        hint: run `pintle project blame` to list all scaffolded files
        [exit 1]
        $ pintle project blame nowhere
        --- stderr ---
        error: `nowhere` does not exist
        hint: run `pintle project blame` to list all scaffolded files
        [exit 1]
        $ pintle project blame ../out
        --- stderr ---
        error: `../out` is not in the project
        [exit 2]
        $ pintle project check
        ok    shipyard.example.org/v1.0.0  installed and compatible
        note  painter.example.org/v1.0.0   it is deprecated: paint is out of fashion
        note  sail.sh                      has been deleted since it was scaffolded
        ok    files                        5 scaffolded, 1 changed since then
        ok    plugins                      would create the same files today
        [exit 0]
        $ pintle project check -o yaml
        - level: ok
          subject: shipyard.example.org/v1.0.0
          message: installed and compatible
        - level: note
          subject: painter.example.org/v1.0.0
          message: "it is deprecated: paint is out of fashion"
        - level: note
          subject: sail.sh
          message: has been deleted since it was scaffolded
        - level: ok
          subject: files
          message: 5 scaffolded, 1 changed since then
        - level: ok
          subject: plugins
          message: would create the same files today
        [exit 0]
    "#]],
    );
}

#[test]
fn a_newer_plugin_is_merged_with_what_the_user_changed() {
    let sandbox = project();
    let edited = read(&sandbox, "README.md").replace("3. No song.", "3. No song.\n4. No rum.");
    write(&sandbox, "README.md", &edited);
    install(&fixture("shipyard-next"), &sandbox.plugins().join("shipyard-next.so"));
    check(
        &sandbox,
        &[
            "project upgrade shipyard@1.1 --dry-run",
            "project upgrade --diff",
            "project upgrade nobody",
            "project upgrade shipyard@7",
            "project check",
            "project upgrade",
            "project upgrade",
            "project show",
        ],
        expect![[r#"
            $ pintle project upgrade shipyard@1.1 --dry-run
            ~ README.md
            + chart.txt
            - log.txt
            ~ PROJECT
            [exit 0]
            $ pintle project upgrade --diff
            --- a/README.md
            +++ b/README.md
            @@ -1,6 +1,6 @@
             # demo

            -Fair winds.
            +Fair winds, always.

             1. No fire.
             2. No sleep.
            --- /dev/null
            +++ b/chart.txt
            @@ -0,0 +1 @@
            +here be dragons
            --- a/log.txt
            +++ /dev/null
            @@ -1 +0,0 @@
            -empty
            --- a/PROJECT
            +++ b/PROJECT
            @@ -3,9 +3,9 @@
             projectName: demo
             cliVersion: "0.1.0"
             layout:
            -- shipyard.example.org/v1.0.0
            +- shipyard.example.org/v1.1.0
             plugins:
            -  shipyard.example.org/v1.0.0:
            +  shipyard.example.org/v1.1.0:
                 port: home
                 flag: white
             resources:
            [exit 0]
            $ pintle project upgrade nobody
            --- stderr ---
            error: the project does not use plugin `nobody`
            hint: run `pintle project show` to list the project's plugins
            [exit 2]
            $ pintle project upgrade shipyard@7
            --- stderr ---
            error: no version of plugin `shipyard.example.org` matches `shipyard.example.org/v7`; installed versions: `shipyard.example.org/v1.1.0`, `shipyard.example.org/v1.0.0`
            hint: use `shipyard.example.org/v1.1.0` or `shipyard.example.org/v1.0.0`
            [exit 3]
            $ pintle project check
            ok  shipyard.example.org/v1.0.0  installed and compatible
            ok  files                        5 scaffolded, 1 changed since then
            ok  plugins                      would create the same files today
            [exit 0]
            $ pintle project upgrade
            ~ README.md
            + chart.txt
            - log.txt
            ~ PROJECT
            [exit 0]
            $ pintle project upgrade
            --- stderr ---
            the plugins create the same files as before
            [exit 0]
            $ pintle project show
            name      demo
            domain    my.domain
            version   3
            plugin    shipyard.example.org/v1.1.0
            resource  crew.my.domain/v1/Captain: api, controller
            command   1 init
            command   2 create api --group crew --version v1 --kind Captain
            files     5 scaffolded
            [exit 0]
        "#]],
    );
    expect![[r#"
        # demo

        Fair winds, always.

        1. No fire.
        2. No sleep.
        3. No song.
        4. No rum.
    "#]]
    .assert_eq(&read(&sandbox, "README.md"));
}

#[test]
fn both_sides_changing_a_line_leaves_markers() {
    let sandbox = project();
    write(&sandbox, "README.md", &read(&sandbox, "README.md").replace("Fair", "Foul"));
    write(&sandbox, "log.txt", "day one\n");
    install(&fixture("shipyard-next"), &sandbox.plugins().join("shipyard-next.so"));
    check(
        &sandbox,
        &["project upgrade", "project check"],
        expect![[r#"
        $ pintle project upgrade
        ~ README.md
        + chart.txt
        ~ PROJECT
        --- stderr ---
        error: `README.md` contains conflict markers: the lines to change have been edited since they were scaffolded
        warning: `log.txt` is left as it is: it has changed since it was scaffolded
        [exit 1]
        $ pintle project check
        ok       shipyard.example.org/v1.1.0  installed and compatible
        problem  README.md                    contains conflict markers; see `project repair`
        ok       files                        5 scaffolded, 0 changed since then
        ok       plugins                      would create the same files today
        [exit 1]
    "#]],
    );
    expect![[r#"
        # demo

        <<<<<<< ours
        Foul winds.
        ||||||| original
        Fair winds.
        =======
        Fair winds, always.
        >>>>>>> theirs

        1. No fire.
        2. No sleep.
        3. No song.
    "#]]
    .assert_eq(&read(&sandbox, "README.md"));
}

#[test]
fn edit_takes_more_plugins_into_the_project() {
    let sandbox = Sandbox::new().plugin("shipyard").plugin("painter");
    let _ = sandbox.run(words("init --plugins shipyard --project-name demo")).success();
    let lines = [
        "edit --admiral ada",
        "edit --plugins painter",
        "edit --plugins painter,painter",
        "create api --group crew --version v1 --kind Captain",
        "project show",
    ];
    check(
        &sandbox,
        &lines,
        expect![[r#"
        $ pintle edit --admiral ada
        + admiral.txt
        [exit 0]
        $ pintle edit --plugins painter
        ~ PROJECT
        --- stderr ---
        warning: plugin `painter.example.org/v1.0.0` is deprecated: paint is out of fashion
        warning: `painter.example.org/v1.0.0` does not implement `edit`; it takes effect with the next command
        [exit 0]
        $ pintle edit --plugins painter,painter
        --- stderr ---
        error: the chain contains plugin `painter.example.org/v1.0.0` twice
        [exit 2]
        $ pintle create api --group crew --version v1 --kind Captain
        ~ fleet.txt
        + ships/captain.txt
        ~ PROJECT
        --- stderr ---
        warning: plugin `painter.example.org/v1.0.0` is deprecated: paint is out of fashion
        [exit 0]
        $ pintle project show
        name      demo
        domain    my.domain
        version   3
        plugin    shipyard.example.org/v1.0.0
        plugin    painter.example.org/v1.0.0
        resource  crew.my.domain/v1/Captain: api, controller
        command   1 init
        command   2 edit --admiral ada
        command   3 edit
        command   4 create api --group crew --version v1 --kind Captain
        files     6 scaffolded
        [exit 0]
    "#]],
    );
    assert_eq!(read(&sandbox, "ships/captain.txt"), "painted by 2 of 2\nCaptain of one sea\n");
}

#[test]
fn files_of_the_user_stay_unless_said_otherwise() {
    let sandbox = Sandbox::new().plugin("shipyard");
    write(&sandbox, "README.md", "mine\n");
    let init = "init --plugins shipyard --project-name demo";
    check(
        &sandbox,
        &[init, &format!("{init} --force --skip-existing")],
        expect![[r#"
            $ pintle init --plugins shipyard --project-name demo
            --- stderr ---
            error: `init` failed in `shipyard.example.org/v1.0.0` while scaffolding
              caused by: `shipyard.example.org/v1.0.0` adds `README.md`, which already exists
            hint: use `--force` to overwrite `README.md`, or `--skip-existing` to keep it
            [exit 1]
            $ pintle init --plugins shipyard --project-name demo --force --skip-existing
            --- stderr ---
            error: the argument '--force' cannot be used with '--skip-existing'

            Usage: pintle init --plugins <KEY,…> --project-name <NAME> --force

            For more information, try '--help'.
            [exit 2]
        "#]],
    );
    assert_eq!(tree(&sandbox), ["README.md"]);
    check(
        &sandbox,
        &[&format!("{init} --skip-existing"), "project blame README.md"],
        expect![[r#"
            $ pintle init --plugins shipyard --project-name demo --skip-existing
            + fleet.txt
            + log.txt
            + sail.sh
            + PROJECT
            --- stderr ---
            warning: `README.md` already exists and is kept
            [exit 0]
            $ pintle project blame README.md
            PATH       STATE    BY
            README.md  changed  shipyard.example.org/v1.0.0 (1 init)
            [exit 0]
        "#]],
    );
    assert_eq!(read(&sandbox, "README.md"), "mine\n");
}

#[test]
fn outside_a_project_the_project_is_missed_not_the_default_plugin() {
    let commands = ["edit", "create api --group crew --version v1 --kind Captain", "init"];
    check(
        &Sandbox::new(),
        &commands,
        expect![[r#"
            $ pintle edit
            --- stderr ---
            error: there is no `[SANDBOX]/desk/PROJECT`: the project is not initialized
            hint: run `pintle init` first
            [exit 1]
            $ pintle create api --group crew --version v1 --kind Captain
            --- stderr ---
            error: there is no `[SANDBOX]/desk/PROJECT`: the project is not initialized
            hint: run `pintle init` first
            [exit 1]
            $ pintle init
            --- stderr ---
            error: plugin `rust.pintle.dev/v1` is not installed
            hint: install the plugin in a directory that `pintle plugin abi` lists
            [exit 3]
        "#]],
    );
}

#[test]
fn a_plugin_that_has_left_is_missed_by_name() {
    let sandbox = project();
    fs::remove_file(sandbox.plugins().join("shipyard.so")).expect("it is there");
    let lines =
        ["project check", "project upgrade", "project show -o json", &format!("{DELETE} Captain")];
    check(
        &sandbox,
        &lines,
        expect![[r#"
            $ pintle project check
            problem  shipyard.example.org/v1.0.0  plugin `shipyard.example.org/v1.0.0` is not installed
            ok       files                        5 scaffolded, 0 changed since then
            [exit 1]
            $ pintle project upgrade
            --- stderr ---
            error: plugin `shipyard.example.org` is not installed
            hint: install the plugin in a directory that `pintle plugin abi` lists
            [exit 3]
            $ pintle project show -o json
            {
              "version": "3",
              "name": "demo",
              "domain": "my.domain",
              "repo": "",
              "layout": [
                "shipyard.example.org/v1.0.0"
              ],
              "resources": [
                {
                  "group": "crew",
                  "domain": "my.domain",
                  "version": "v1",
                  "kind": "Captain",
                  "plural": "captains",
                  "path": "",
                  "api": true,
                  "controller": true,
                  "namespaced": true,
                  "webhooks": {
                    "defaulting": false,
                    "validation": false,
                    "conversion": false,
                    "spoke": []
                  },
                  "external": false,
                  "core": false,
                  "module": "",
                  "crdVersion": "v1"
                }
              ],
              "commands": [
                {
                  "id": 1,
                  "subcommand": "init",
                  "project_version": "3",
                  "date": "[DATE]",
                  "plugins": [
                    "shipyard.example.org/v1.0.0"
                  ],
                  "args": {},
                  "project": {
                    "domain": "my.domain",
                    "projectName": "demo",
                    "repo": ""
                  },
                  "answers": [
                    {
                      "question": "Which flag?",
                      "answer": "white"
                    }
                  ]
                },
                {
                  "id": 2,
                  "subcommand": "create api",
                  "project_version": "3",
                  "date": "[DATE]",
                  "plugins": [
                    "shipyard.example.org/v1.0.0"
                  ],
                  "args": {},
                  "resource": {
                    "api": {
                      "crdVersion": "v1",
                      "namespaced": true
                    },
                    "controller": true,
                    "domain": "my.domain",
                    "group": "crew",
                    "kind": "Captain",
                    "version": "v1"
                  }
                }
              ],
              "files": 5
            }
            [exit 0]
            $ pintle delete api --group crew --version v1 --kind Captain
            --- stderr ---
            error: plugin `shipyard.example.org/v1.0.0` is not installed
            hint: install the plugin in a directory that `pintle plugin abi` lists
            [exit 3]
        "#]],
    );
}

#[test]
fn a_command_is_carried_out_again_on_the_day_of_the_first_time() {
    let sandbox = Sandbox::new().library("license.so", &built("libpintle_plugin_license.so"));
    let line = "init --plugins license --license mit --project-name demo";
    let _ = sandbox.run(words(line)).success();
    let record = read(&sandbox, ".pintle/scaffold.jsonl");
    let (_, rest) = record.split_once(r#""date":""#).expect("the day is recorded");
    let (date, _) = rest.split_once('"').expect("it is a string");
    let year = date.split('-').next().expect("it begins with the year");
    assert!(read(&sandbox, "LICENSE").contains(&format!("(c) {year} The demo authors")));

    // As if the project had been created on another day.
    let text = record.replace(&format!(r#""date":"{date}""#), r#""date":"1999-12-31""#);
    write(&sandbox, ".pintle/scaffold.jsonl", &text);
    check(
        &sandbox,
        &["project check"],
        expect![[r#"
        $ pintle project check
        ok    license.pintle.dev/v1.0.0  installed and compatible
        ok    files                      1 scaffolded, 0 changed since then
        note  LICENSE                    its plugin would create it differently today; see `project upgrade --diff`
        [exit 0]
    "#]],
    );
}

#[test]
fn a_plugin_of_the_past_is_missed_too() {
    let sandbox = Sandbox::new().plugin("shipyard").plugin("painter");
    let _ = sandbox.run(words("init --plugins shipyard,painter --project-name demo")).success();
    // After a user removes a plugin from the layout, it is still required to undo what it created.
    let project = read(&sandbox, "PROJECT").replace("- painter.example.org/v1.0.0\n", "");
    write(&sandbox, "PROJECT", &project);
    fs::remove_file(sandbox.plugins().join("painter.so")).expect("it is there");
    check(
        &sandbox,
        &["project check"],
        expect![[r#"
        $ pintle project check
        ok       shipyard.example.org/v1.0.0  installed and compatible
        ok       files                        4 scaffolded, 0 changed since then
        problem  plugins                      plugin `painter.example.org` is not installed
        [exit 1]
    "#]],
    );
}

#[test]
fn quiet_shows_errors_and_what_was_asked_for() {
    let sandbox = project();
    let quiet = format!("{CREATE} Sailor -q");
    let dry_run = format!("-q {CREATE} Cook --dry-run");
    let json = format!("-q {CREATE} Cook -o json");
    check(
        &sandbox,
        &[&quiet, &quiet, &dry_run, &json, "-q project blame ships/sailor.txt"],
        expect![[r#"
            $ pintle create api --group crew --version v1 --kind Sailor -q
            [exit 0]
            $ pintle create api --group crew --version v1 --kind Sailor -q
            --- stderr ---
            error: the project already has the resource `crew.my.domain/v1/Sailor`
            hint: choose another kind or version, or use `--force` to scaffold it again
            [exit 1]
            $ pintle -q create api --group crew --version v1 --kind Cook --dry-run
            ~ fleet.txt
            + ships/cook.txt
            ~ PROJECT
            [exit 0]
            $ pintle -q create api --group crew --version v1 --kind Cook -o json
            {
              "subcommand": "create api",
              "chain": [
                "shipyard.example.org/v1.0.0"
              ],
              "dry_run": false,
              "changes": [
                {
                  "change": "replace",
                  "path": "fleet.txt",
                  "plugin": "shipyard.example.org/v1.0.0"
                },
                {
                  "change": "add",
                  "path": "ships/cook.txt",
                  "plugin": "shipyard.example.org/v1.0.0"
                },
                {
                  "change": "replace",
                  "path": "PROJECT",
                  "plugin": null
                }
              ],
              "left": [],
              "notices": []
            }
            [exit 0]
            $ pintle -q project blame ships/sailor.txt
            PATH              STATE      BY
            ships/sailor.txt  unchanged  shipyard.example.org/v1.0.0 (3 create api)
            [exit 0]
        "#]],
    );
    write(&sandbox, "README.md", &read(&sandbox, "README.md").replace("Fair", "Foul"));
    write(&sandbox, "log.txt", "day one\n");
    install(&fixture("shipyard-next"), &sandbox.plugins().join("shipyard-next.so"));
    check(
        &sandbox,
        &["-q project upgrade"],
        expect![[r#"
        $ pintle -q project upgrade
        --- stderr ---
        error: `README.md` contains conflict markers: the lines to change have been edited since they were scaffolded
        [exit 1]
    "#]],
    );
}

#[cfg(unix)]
#[test]
fn a_project_may_have_paths_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = project();
    let odd = OsStr::from_bytes(b"odd\xff");
    fs::write(sandbox.work().join(odd), "mine").expect("the project is writable");
    for words in ["project show -o json", "project check -o json", "edit --dry-run -o json"] {
        let _ = sandbox.run(words.split(' ')).success();
    }
    let blame = ["project", "blame", "-o", "json"].map(OsStr::new);
    expect![[r#"
        --- stderr ---
        {
          "code": 1,
          "message": "`odd\\xff` was not scaffolded",
          "causes": [],
          "hint": "run `pintle project blame` to list all scaffolded files"
        }
        [exit 1]
    "#]]
    .assert_eq(&sandbox.run(blame.iter().chain([&odd])).to_string());

    // The project itself is in such a directory.
    let folder = sandbox.path("").join(OsStr::from_bytes(b"yard\xff"));
    fs::create_dir(&folder).expect("the sandbox is writable");
    let script = r#"
        cd ../yard*
        "$PINTLE" project show -o json || true
        "$PINTLE" init --plugins shipyard -o json
        "$PINTLE" project show -o json >/dev/null
        "$PINTLE" init --plugins shipyard -o json
    "#;
    expect![[r#"
        {
          "subcommand": "init",
          "chain": [
            "shipyard.example.org/v1.0.0"
          ],
          "dry_run": false,
          "changes": [
            {
              "change": "add",
              "path": "README.md",
              "plugin": "shipyard.example.org/v1.0.0"
            },
            {
              "change": "add",
              "path": "fleet.txt",
              "plugin": "shipyard.example.org/v1.0.0"
            },
            {
              "change": "add",
              "path": "log.txt",
              "plugin": "shipyard.example.org/v1.0.0"
            },
            {
              "change": "add",
              "path": "sail.sh",
              "plugin": "shipyard.example.org/v1.0.0"
            },
            {
              "change": "add",
              "path": "PROJECT",
              "plugin": null
            }
          ],
          "left": [],
          "notices": []
        }
        --- stderr ---
        {
          "code": 1,
          "message": "there is no `[SANDBOX]/yard�/PROJECT`: the project is not initialized",
          "causes": [],
          "hint": "run `pintle init` first"
        }
        {
          "code": 1,
          "message": "`[SANDBOX]/yard�/PROJECT` exists: the project is already initialized",
          "causes": [],
          "hint": "use `pintle create` to add to the project, or `pintle edit` to change it"
        }
        [exit 1]
    "#]]
    .assert_eq(&sandbox.script(&[], script).to_string());
}

#[test]
fn an_error_for_programs_has_its_causes_one_by_one() {
    let sandbox = project();
    fs::create_dir_all(sandbox.work().join("ships")).expect("the project is writable");
    write(&sandbox, "ships/sailor.txt", "mine");
    let create = format!("{CREATE} Sailor -o json");
    check(
        &sandbox,
        &[&create],
        expect![[r#"
        $ pintle create api --group crew --version v1 --kind Sailor -o json
        --- stderr ---
        {
          "code": 1,
          "message": "`create api` failed in `shipyard.example.org/v1.0.0` while scaffolding",
          "causes": [
            "`shipyard.example.org/v1.0.0` adds `ships/sailor.txt`, which already exists"
          ],
          "hint": "use `--force` to overwrite `ships/sailor.txt`, or `--skip-existing` to keep it"
        }
        [exit 1]
    "#]],
    );
}

#[test]
fn a_fifo_in_the_place_of_any_file_of_a_project_is_not_waited_for() {
    let commands = ["project check", "project blame", "project show", "delete api --group crew"];
    let fifos = ["README.md", "PROJECT", ".gitignore", ".pintle/scaffold.jsonl"];
    for fifo in fifos.into_iter().chain([".pintle/run/journal"]) {
        let sandbox = project();
        let path = sandbox.work().join(fifo);
        fs::create_dir_all(path.parent().expect("it is in a directory"))
            .expect("the project is writable");
        let _ = fs::remove_file(&path);
        let status = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(status.is_ok_and(|it| it.success()));
        let mut said = String::new();
        for command in commands {
            // Runs that take too long end the test.
            let output = sandbox.run(words(command));
            said += &format!("{}{}", output.stdout, output.stderr);
        }
        let expected = match fifo {
            "README.md" => "5 scaffolded, 1 changed since then",
            ".gitignore" => "5 scaffolded, 0 changed since then",
            _ => "it is a FIFO, not a regular file",
        };
        assert!(said.contains(expected), "{fifo}: {said}");
    }
}

#[test]
fn a_conversion_names_versions_that_the_project_has() {
    let sandbox = project();
    let create = "create webhook --group crew --version v1 --kind Captain --conversion --spoke";
    let before = read(&sandbox, "PROJECT");
    for (spoke, expected) in [
        (",,", "error: invalid version ``: "),
        (",v1alpha1", "error: invalid version ``: "),
        ("../x", "error: invalid version `../x`: "),
        ("v1\n", "error: invalid version `v1\\n`: "),
        ("v2", "error: the project has no resource `crew.my.domain/v2/Captain` to convert"),
        ("v1", "error: `v1` is the version that the others are converted to and from"),
    ] {
        let output = sandbox.run(create.split(' ').chain([spoke]));
        assert_eq!(output.code(), 2, "{spoke:?}: {output}");
        assert!(output.stderr.contains(expected), "{spoke:?}: {output}");
        assert!(output.stderr.contains("\nhint: "), "{spoke:?}: {output}");
    }
    assert_eq!(read(&sandbox, "PROJECT"), before);
    add_versions(&sandbox);
    let output = sandbox.run(words(&format!("{create} v1alpha1,v1beta1,v1alpha1")));
    assert_eq!(output.code(), 2, "{output}");
    assert!(output.stderr.contains("error: the version `v1alpha1` is specified twice"), "{output}");
    let _ = sandbox.run(words(&format!("{create} v1alpha1,v1beta1"))).success();
    assert!(read(&sandbox, "PROJECT").contains("spoke:"));
}

/// Adds two more versions of the captain to PROJECT.
fn add_versions(sandbox: &Sandbox) {
    let mut text = read(sandbox, "PROJECT");
    for version in ["v1alpha1", "v1beta1"] {
        let entry = "\n- domain: my.domain\n  group: crew\n  kind: Captain\n  version: ";
        text = text.replacen("resources:", &format!("resources:{entry}{version}"), 1);
    }
    write(sandbox, "PROJECT", &text);
}

#[test]
fn a_plugin_of_the_project_that_is_missing_is_not_a_wrong_line() {
    let sandbox = project();
    let line = format!("{CREATE} Sailor");
    let delete = format!("{DELETE} Captain");
    let unplug = || {
        for entry in fs::read_dir(sandbox.plugins()).expect("the directory is readable") {
            fs::remove_file(entry.expect("the directory is writable").path())
                .expect("it is accessible");
        }
    };
    unplug();
    for line in [line.as_str(), delete.as_str(), "edit", "project upgrade"] {
        let output = sandbox.run(words(line));
        assert_eq!(output.code(), 3, "{line}: {output}");
        assert!(output.stderr.contains("plugin `shipyard.example.org"), "{output}");
        assert!(output.stderr.contains("\nhint: "), "{line}: {output}");
    }
    // Names in the line itself are a different case.
    let output = sandbox.run(words(&format!("{line} --plugins nobody")));
    assert_eq!(output.code(), 2, "{output}");
}

#[test]
fn a_name_on_the_line_that_breaks_a_rule_is_wrong_usage() {
    let sandbox = Sandbox::new().plugin("shipyard");
    for (option, value) in [("--domain", "UPPER"), ("--project-name", "a/b"), ("--domain", "a..b")]
    {
        let output = sandbox.run(["init", "--plugins", "shipyard", option, value]);
        assert_eq!(output.code(), 2, "{option} {value}: {output}");
        assert!(output.stderr.contains("\nhint: use a value such as `"), "{output}");
    }
    assert!(tree(&sandbox).is_empty());
}

#[test]
fn an_invalid_domain_in_project_is_the_projects_fault() {
    let sandbox = project();
    let text = read(&sandbox, "PROJECT").replacen("domain: my.domain", "domain: My_Domain", 1);
    write(&sandbox, "PROJECT", &text);
    check(
        &sandbox,
        &[&format!("{CREATE} Sailor"), "project check"],
        expect![[r#"
        $ pintle create api --group crew --version v1 --kind Sailor
        --- stderr ---
        error: invalid project file `[SANDBOX]/desk/PROJECT`
          caused by: invalid domain `My_Domain`: it must consist of dot-separated parts of at most 63 lower-case letters, digits and `-`, each starting and ending with a letter or digit, and have at most 253 characters in total
        hint: use a value such as `example.org`
        [exit 1]
        $ pintle project check
        problem  PROJECT                      invalid domain `My_Domain`: it must consist of dot-separated parts of at most 63 lower-case letters, digits and `-`, each starting and ending with a letter or digit, and have at most 253 characters in total
        ok       shipyard.example.org/v1.0.0  installed and compatible
        ok       files                        5 scaffolded, 0 changed since then
        ok       plugins                      would create the same files today
        [exit 1]
    "#]],
    );
}

#[test]
fn a_record_that_cannot_be_read_is_no_matter_of_permission_unless_it_is() {
    let sandbox = project();
    let path = sandbox.work().join(".pintle/scaffold.jsonl");
    let show = || {
        let output = sandbox.run(["project", "show"]);
        assert_eq!(output.code(), 1, "{output}");
        assert!(!output.stderr.contains("permission"), "{output}");
        output.stderr
    };
    fs::write(&path, [0xff]).expect("it is accessible");
    assert!(show().contains("it is not valid UTF-8"));
    fs::remove_file(&path).expect("it is accessible");
    fs::create_dir(&path).expect("the directory is writable");
    assert!(show().contains("it is a directory, not a regular file"));
}

#[test]
fn a_project_file_that_is_a_dangling_link_is_called_that() {
    let sandbox = Sandbox::new().plugin("shipyard");
    std::os::unix::fs::symlink("nowhere", sandbox.work().join("PROJECT"))
        .expect("it is accessible");
    check(
        &sandbox,
        &["project show", "init --plugins shipyard", &format!("{CREATE} Sailor")],
        expect![[r#"
            $ pintle project show
            --- stderr ---
            error: failed to read `[SANDBOX]/desk/PROJECT`
              caused by: it is a symbolic link to a file that does not exist
            [exit 1]
            $ pintle init --plugins shipyard
            --- stderr ---
            error: failed to read `[SANDBOX]/desk/PROJECT`
              caused by: it is a symbolic link to a file that does not exist
            [exit 1]
            $ pintle create api --group crew --version v1 --kind Sailor
            --- stderr ---
            error: failed to read `[SANDBOX]/desk/PROJECT`
              caused by: it is a symbolic link to a file that does not exist
            [exit 1]
        "#]],
    );
}

#[test]
fn an_option_of_a_plugin_that_takes_no_part_names_the_plugin() {
    let library = built("libpintle_plugin_license.so");
    let sandbox = Sandbox::new().plugin("shipyard").library("license.so", &library);
    check(
        &sandbox,
        &[
            "init --plugins shipyard --project-name demo --license mit",
            "init --plugins shipyard --project-name demo --licence mit",
            "init --plugins shipyard --project-name demo --license mit -o json",
            "init --plugins shipyard,license.pintle.dev --project-name demo --license=mit -q",
        ],
        expect![[r#"
            $ pintle init --plugins shipyard --project-name demo --license mit
            --- stderr ---
            error: unexpected argument '--license' found
            hint: plugin `license.pintle.dev/v1.0.0` has the option `--license`: add it with `--plugins shipyard,license.pintle.dev`
            [exit 2]
            $ pintle init --plugins shipyard --project-name demo --licence mit
            --- stderr ---
            error: unexpected argument '--licence' found

            Usage: pintle init --plugins <KEY,…> --project-name <NAME>

            For more information, try '--help'.
            [exit 2]
            $ pintle init --plugins shipyard --project-name demo --license mit -o json
            --- stderr ---
            {
              "code": 2,
              "message": "unexpected argument '--license' found",
              "causes": [],
              "hint": "plugin `license.pintle.dev/v1.0.0` has the option `--license`: add it with `--plugins shipyard,license.pintle.dev`"
            }
            [exit 2]
            $ pintle init --plugins shipyard,license.pintle.dev --project-name demo --license=mit -q
            [exit 0]
        "#]],
    );
    // Also in a project that was created without it.
    let sandbox = project();
    let sandbox = sandbox.library("license.so", &library);
    check(
        &sandbox,
        &["edit --license=mit", "edit --plugins license.pintle.dev --license=mit -q"],
        expect![[r#"
            $ pintle edit --license=mit
            --- stderr ---
            error: unexpected argument '--license' found
            hint: plugin `license.pintle.dev/v1.0.0` has the option `--license`: add it with `--plugins license.pintle.dev`
            [exit 2]
            $ pintle edit --plugins license.pintle.dev --license=mit -q
            [exit 0]
        "#]],
    );
}

#[test]
fn an_option_of_a_plugin_of_the_index_names_the_plugin() {
    let sandbox = Sandbox::new().plugin("shipyard");
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the directory is new");
    fs::write(config.join("plugins.toml"), "index = \"index.json\"").expect("it is accessible");
    let index = r#"{"format": 1, "plugins": [{"name": "license.pintle.dev", "version": "1.0.0",
        "source": "pintle-dev/license", "subcommands": ["init", "edit"]}]}"#;
    fs::write(config.join("index.json"), index).expect("it is accessible");
    check(
        &sandbox,
        &[
            "init --plugins shipyard --project-name demo --license mit",
            "init --plugins shipyard --project-name demo --owner me",
        ],
        expect![[r#"
            $ pintle init --plugins shipyard --project-name demo --license mit
            --- stderr ---
            error: unexpected argument '--license' found
            hint: plugin `license.pintle.dev` in the index takes part in `pintle init`: run `pintle plugin install pintle-dev/license`, and add it to `--plugins`
            [exit 2]
            $ pintle init --plugins shipyard --project-name demo --owner me
            --- stderr ---
            error: unexpected argument '--owner' found

            Usage: pintle init --plugins <KEY,…> --project-name <NAME>

            For more information, try '--help'.
            [exit 2]
        "#]],
    );
}
