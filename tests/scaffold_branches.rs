//! Projects on git branches: merged in both directions, rebased, squashed, and then edited.

use crate::support::{Output, Sandbox, fixture, install};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

const RECORD: &str = ".pintle/scaffold.jsonl";

/// A project of the shipyard in a repository of git.
struct Repository(Sandbox);

impl Repository {
    /// Returns a project with a kind, on the branch `main`.
    #[track_caller]
    fn new() -> Self {
        let repository = Self::empty();
        repository.commit("init --plugins shipyard --project-name demo");
        repository.commit("create Captain");
        repository
    }

    #[track_caller]
    fn empty() -> Self {
        let repository = Self(Sandbox::new().plugin("shipyard"));
        repository.git("init -q -b main");
        for setting in ["user.name Ada", "user.email ada@example.org", "core.editor true"] {
            repository.git(&format!("config {setting}"));
        }
        repository
    }

    /// Runs git, and expects it to succeed.
    #[track_caller]
    fn git(&self, words: &str) {
        let _ = self.try_git(words).success();
    }

    #[track_caller]
    fn try_git(&self, words: &str) -> Output {
        self.0.script(&[], &format!("git {words}"))
    }

    /// Runs the host, with short forms of the most frequent commands.
    #[track_caller]
    fn pintle(&self, line: &str) -> Output {
        let words: Vec<&str> = line.split(' ').collect();
        let api = |verb| [verb, "api", "--group", "crew", "--version", "v1", "--kind"];
        match words[..] {
            ["create", kind] => self.0.run([&api("create")[..], &[kind]].concat()),
            ["delete", kind] => self.0.run([&api("delete")[..], &[kind]].concat()),
            _ => self.0.run(words),
        }
    }

    /// Runs the host, and commits the result.
    #[track_caller]
    fn commit(&self, line: &str) {
        let _ = self.pintle(line).success();
        self.commit_all();
    }

    #[track_caller]
    fn commit_all(&self) {
        self.git("add --all");
        self.git("commit -q -m work");
    }

    /// Does something on a new branch of `main`.
    #[track_caller]
    fn branch(&self, name: &str, lines: &[&str]) {
        self.git("checkout -q main");
        self.git(&format!("checkout -q -b {name}"));
        lines.iter().for_each(|line| self.commit(line));
    }

    #[track_caller]
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.work().join(path)).unwrap_or_else(|err| panic!("{path}: {err}"))
    }

    #[track_caller]
    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.work().join(path), text).expect("the project is writable");
    }

    /// Returns the kinds in PROJECT, in the record, and in the file that lists them.
    #[track_caller]
    fn kinds(&self) -> [Vec<String>; 3] {
        let shown = self.pintle("project show -o json").success().stdout;
        let shown: Value = serde_json::from_str(&shown).expect("it is JSON");
        let kinds = |values: &Value, kind: fn(&Value) -> &Value| -> Vec<String> {
            let values = values.as_array().expect("it is a list");
            let kinds = values.iter().filter_map(|it| kind(it).as_str()).map(str::to_lowercase);
            kinds.collect()
        };
        let fleet = self.read("fleet.txt");
        [
            kinds(&shown["resources"], |it| &it["kind"]),
            kinds(&shown["commands"], |it| &it["resource"]["kind"]),
            fleet.lines().filter_map(|it| it.strip_prefix("ship ")).map(str::to_owned).collect(),
        ]
    }

    /// Checks that the project is as if its kinds had been created one after another, and that it
    /// can still be edited.
    #[track_caller]
    fn is_whole(&self, kinds: &[&str]) {
        let mut expected: Vec<String> = kinds.iter().map(|it| (*it).to_owned()).collect();
        expected.sort();
        for mut found in self.kinds() {
            found.sort();
            found.dedup();
            assert_eq!(found, expected, "{}\n{}", self.read("PROJECT"), self.read("fleet.txt"));
        }
        for kind in kinds {
            self.read(&format!("ships/{kind}.txt"));
        }
        self.is_fine();
        let _ = self.pintle("create Gull").success();
        let _ = self
            .pintle("create webhook --group crew --version v1 --kind Gull --defaulting")
            .success();
        self.is_fine();
        let _ = self.pintle("delete Gull").success();
        self.is_fine();
        let upgrade = self.pintle("project upgrade").success();
        assert_eq!(upgrade.stderr, "the plugins create the same files as before\n");
        for kind in kinds {
            let kind = format!("{}{}", kind[..1].to_uppercase(), &kind[1..]);
            let _ = self.pintle(&format!("delete {kind}")).success();
        }
        assert_eq!(self.kinds(), [const { Vec::<String>::new() }; 3]);
        self.is_fine();
    }

    #[track_caller]
    fn is_fine(&self) {
        let check = self.pintle("project check").success();
        assert!(check.stdout.contains("would create the same files today"), "{check}");
        assert!(check.stdout.contains(" 0 changed since then"), "{check}");
    }
}

/// Returns a record in the first version of the format: with counted commands.
fn in_format_1(record: &str) -> String {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("it is JSON");
        if let Some(format) = line.get_mut("format") {
            *format = json!(1);
        }
        if let Some(Value::Object(command)) = line.get_mut("command") {
            let id = command["id"].as_str().expect("it is a string").to_owned();
            let number = numbers.len() + 1;
            numbers.insert(id, number);
            command.insert("id".to_owned(), number.into());
            command.remove("at");
        }
        if let Some(Value::Array(by)) = line.pointer_mut("/file/by") {
            for origin in by {
                let id = origin["command"].as_str().expect("it is a string");
                origin["command"] = numbers[id].into();
            }
        }
        line.to_string() + "\n"
    };
    record.lines().map(line).collect()
}

#[test]
fn two_branches_that_add_a_kind_each_merge_both_ways() {
    for (ours, theirs) in [("a", "b"), ("b", "a")] {
        let repository = Repository::new();
        repository.branch("a", &["create Sailor"]);
        repository.branch("b", &["create Mate"]);
        repository.git(&format!("checkout -q {ours}"));
        let merge = repository.try_git(&format!("merge {theirs}"));
        assert_eq!(merge.code(), 1, "{merge}");
        assert!(!merge.stdout.contains(&format!("conflict in {RECORD}")), "{merge}");
        let _ = repository.pintle("project repair").success();
        repository.commit_all();
        // In order of time, regardless of the direction of the merge.
        assert_eq!(repository.kinds(), [["captain", "sailor", "mate"]; 3]);
        repository.is_whole(&["captain", "sailor", "mate"]);
    }
}

#[test]
fn a_branch_is_rebased_and_squashed() {
    let repository = Repository::new();
    repository.branch("a", &["create Sailor", "create Cook"]);
    repository.branch("b", &["create Mate"]);
    assert_eq!(repository.try_git("rebase a").code(), 1);
    let _ = repository.pintle("project repair").success();
    repository.git("add --all");
    repository.git("rebase --continue");
    repository.is_whole(&["captain", "sailor", "cook", "mate"]);

    let repository = Repository::new();
    repository.branch("a", &["create Sailor"]);
    repository.branch("b", &["create Mate", "create Cook", "delete Mate"]);
    let mut is_done = repository.try_git("rebase a").code() == 0;
    for _ in 0..3 {
        if !is_done {
            let _ = repository.pintle("project repair").success();
            repository.git("add --all");
            is_done = repository.try_git("rebase --continue").code() == 0;
        }
    }
    assert!(is_done);
    repository.is_whole(&["captain", "sailor", "cook"]);

    let repository = Repository::new();
    repository.branch("a", &["create Sailor", "create Cook"]);
    repository.branch("b", &["create Mate"]);
    assert_eq!(repository.try_git("merge --squash a").code(), 1);
    let _ = repository.pintle("project repair").success();
    repository.commit_all();
    repository.is_whole(&["captain", "sailor", "cook", "mate"]);
}

#[test]
fn what_one_branch_deletes_does_not_come_back_with_another() {
    for (ours, theirs) in [("a", "b"), ("b", "a")] {
        for deleted in ["Captain", "Cook", "Mate"] {
            let repository = Repository::new();
            repository.commit("create Cook");
            repository.commit("create Mate");
            repository.branch("a", &[&format!("delete {deleted}")]);
            repository.branch("b", &["create Sailor"]);
            repository.git(&format!("checkout -q {ours}"));
            let _ = repository.try_git(&format!("merge {theirs}"));
            let _ = repository.pintle("project repair").success();
            repository.commit_all();
            let kinds = ["captain", "cook", "mate", "sailor"];
            let kinds: Vec<_> =
                kinds.into_iter().filter(|it| *it != deleted.to_lowercase()).collect();
            repository.is_whole(&kinds);
        }
    }
}

#[test]
fn what_one_branch_deletes_of_a_kind_does_not_come_back_either() {
    let repository = Repository::new();
    repository.commit(
        "create webhook --group crew --version v1 --kind Captain --defaulting --validation",
    );
    let delete = "delete webhook --group crew --version v1 --kind Captain --validation";
    repository.branch("a", &[delete]);
    repository.branch("b", &["create Sailor"]);
    let _ = repository.try_git("merge a");
    let _ = repository.pintle("project repair").success();
    let shown = repository.pintle("project show").success().stdout;
    let captain: Vec<_> = shown.lines().filter(|it| it.contains("Captain")).collect();
    assert_eq!(
        captain,
        [
            "resource  crew.my.domain/v1/Captain: api, controller, defaulting webhook",
            "command   2 create api --group crew --version v1 --kind Captain",
            "command   3 create webhook --group crew --version v1 --kind Captain --defaulting",
        ]
    );
    repository.is_whole(&["captain", "sailor"]);
}

#[test]
fn a_kind_that_both_branches_have_added_is_one() {
    let repository = Repository::new();
    repository.branch("a", &["create Sailor"]);
    repository.branch("b", &["create Sailor", "create Mate"]);
    let _ = repository.try_git("merge a");
    let _ = repository.pintle("project repair").success();
    repository.commit_all();
    repository.is_whole(&["captain", "sailor", "mate"]);
}

#[test]
fn an_upgrade_on_one_branch_is_one_of_both() {
    let repository = Repository::new();
    repository.branch("b", &["create Sailor"]);
    let next = repository.0.plugins().join("next.so");
    install(&fixture("shipyard-next"), &next);
    repository.branch("a", &["project upgrade"]);
    let _ = repository.try_git("merge b");
    let _ = repository.pintle("project repair").success();
    repository.commit_all();
    let shown = repository.pintle("project show").success().stdout;
    assert!(shown.contains("plugin    shipyard.example.org/v1.1.0\n"), "{shown}");
    assert!(!shown.contains("v1.0.0"), "{shown}");
    // The new kind is updated by the next upgrade.
    let _ = repository.pintle("project upgrade").success();
    repository.is_whole(&["captain", "sailor"]);
}

#[test]
fn what_the_user_has_changed_on_either_branch_stays() {
    let repository = Repository::new();
    repository.branch("a", &["create Sailor"]);
    let fleet = repository.read("fleet.txt");
    repository.write("fleet.txt", &fleet.replace("port home\n", "port home\nport of Ada\n"));
    repository.commit_all();
    repository.branch("b", &["create Mate"]);
    let fleet = repository.read("fleet.txt");
    repository.write("fleet.txt", &format!("{fleet}end of the fleet\n"));
    repository.write("README.md", "mine\n");
    repository.commit_all();
    assert_eq!(repository.try_git("merge a").code(), 1);
    let _ = repository.pintle("project repair").success();
    assert_eq!(repository.read("README.md"), "mine\n");
    expect![[r#"
        port home
        port of Ada

        ship captain
        ship sailor
        ship mate
        # +pintle:scaffold:ships
        end of the fleet
    "#]]
    .assert_eq(&repository.read("fleet.txt"));
}

#[test]
fn what_cannot_be_resolved_stays_and_is_named() {
    let repository = Repository::new();
    for (branch, line) in [("a", "port of Ada"), ("b", "port of Bob")] {
        repository.branch(branch, &[&format!("create {}", branch.to_uppercase())]);
        let fleet = repository.read("fleet.txt");
        repository.write("fleet.txt", &fleet.replace("port home", line));
        repository.commit_all();
    }
    assert_eq!(repository.try_git("merge a").code(), 1);
    let before = repository.read("fleet.txt");
    let repair = repository.pintle("project repair");
    expect![[r#"
        ~ .pintle/scaffold.jsonl
        ~ PROJECT
        --- stderr ---
        error: `fleet.txt` contains conflict markers: the lines to change have been edited since they were scaffolded
        [exit 1]
    "#]]
    .assert_eq(&repair.to_string());
    assert_eq!(repository.read("fleet.txt"), before);
    // The user resolves it, and nothing is left to do.
    repository.write(
        "fleet.txt",
        "port of both\n\nship captain\nship a\nship b\n# +pintle:scaffold:ships\n",
    );
    let repair = repository.pintle("project repair").success();
    assert_eq!(repair.stderr, "there is nothing to repair\n");
    let _ = repository.pintle("project check").success();
    let _ = repository.pintle("create Sailor").success();
    let _ = repository.pintle("delete A").success();
    let expected = "port of both\n\nship captain\nship b\nship sailor\n# +pintle:scaffold:ships\n";
    assert_eq!(repository.read("fleet.txt"), expected);
}

#[track_caller]
fn check(repository: &Repository, lines: &[&str], expected: Expect) {
    let said = lines.iter().map(|it| format!("$ {it}\n{}", repository.pintle(it)));
    expected.assert_eq(&said.collect::<String>());
}

#[test]
fn a_conflict_is_an_error_of_every_command_until_it_is_repaired() {
    let repository = Repository::new();
    repository.branch("a", &["create Sailor"]);
    repository.branch("b", &["create Mate"]);
    assert_eq!(repository.try_git("merge a").code(), 1);
    let before = repository.read("PROJECT");
    check(
        &repository,
        &[
            "project show",
            "project check",
            "project blame",
            "project upgrade",
            "create Gull",
            "delete Captain",
            "project repair --dry-run",
            "project repair --diff",
        ],
        expect![[r#"
            $ project show
            --- stderr ---
            error: invalid project file `[SANDBOX]/desk/PROJECT`
              caused by: line 26 is a merge conflict marker
            hint: run `pintle project repair` to combine the changes of both sides
            [exit 1]
            $ project check
            --- stderr ---
            error: invalid project file `[SANDBOX]/desk/PROJECT`
              caused by: line 26 is a merge conflict marker
            hint: run `pintle project repair` to combine the changes of both sides
            [exit 1]
            $ project blame
            --- stderr ---
            error: invalid project file `[SANDBOX]/desk/PROJECT`
              caused by: line 26 is a merge conflict marker
            hint: run `pintle project repair` to combine the changes of both sides
            [exit 1]
            $ project upgrade
            --- stderr ---
            error: invalid project file `[SANDBOX]/desk/PROJECT`
              caused by: line 26 is a merge conflict marker
            hint: run `pintle project repair` to combine the changes of both sides
            [exit 1]
            $ create Gull
            --- stderr ---
            error: invalid project file `[SANDBOX]/desk/PROJECT`
              caused by: line 26 is a merge conflict marker
            hint: run `pintle project repair` to combine the changes of both sides
            [exit 1]
            $ delete Captain
            --- stderr ---
            error: invalid project file `[SANDBOX]/desk/PROJECT`
              caused by: line 26 is a merge conflict marker
            hint: run `pintle project repair` to combine the changes of both sides
            [exit 1]
            $ project repair --dry-run
            ~ fleet.txt
            ~ .pintle/scaffold.jsonl
            ~ PROJECT
            [exit 0]
            $ project repair --diff
            --- a/fleet.txt
            +++ b/fleet.txt
            @@ -1,9 +1,6 @@
             port home

             ship captain
            -<<<<<<< HEAD
            -ship mate
            -=======
             ship sailor
            ->>>>>>> a
            +ship mate
             # +pintle:scaffold:ships
            --- a/PROJECT
            +++ b/PROJECT
            @@ -23,9 +23,13 @@
               controller: true
               domain: my.domain
               group: crew
            -<<<<<<< HEAD
            +  kind: Sailor
            +  version: v1
            +- api:
            +    crdVersion: v1
            +    namespaced: true
            +  controller: true
            +  domain: my.domain
            +  group: crew
               kind: Mate
            -=======
            -  kind: Sailor
            ->>>>>>> a
               version: v1
            [exit 0]
        "#]],
    );
    assert_eq!(repository.read("PROJECT"), before);
    check(
        &repository,
        &["project repair", "project repair"],
        expect![[r#"
        $ project repair
        ~ fleet.txt
        ~ .pintle/scaffold.jsonl
        ~ PROJECT
        [exit 0]
        $ project repair
        --- stderr ---
        there is nothing to repair
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
        plugins:
          shipyard.example.org/v1.0.0:
            port: home
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
        - api:
            crdVersion: v1
            namespaced: true
          controller: true
          domain: my.domain
          group: crew
          kind: Sailor
          version: v1
        - api:
            crdVersion: v1
            namespaced: true
          controller: true
          domain: my.domain
          group: crew
          kind: Mate
          version: v1
    "#]]
    .assert_eq(&repository.read("PROJECT"));
}

#[test]
fn a_record_with_conflict_markers_is_an_error_until_it_is_repaired() {
    for style in ["merge", "diff3", "zdiff3"] {
        let repository = Repository::new();
        repository.git(&format!("config merge.conflictStyle {style}"));
        // As if the project were older than the attributes.
        repository.write(".pintle/.gitattributes", "");
        repository.commit_all();
        repository.branch("a", &["create Sailor"]);
        repository.branch("b", &["create Mate"]);
        assert_eq!(repository.try_git("merge a").code(), 1);
        let record = repository.read(RECORD);
        let line = 1 + record.lines().position(|it| it.starts_with("<<<<<<< ")).expect(style);
        repository.git("checkout -q --ours PROJECT");
        for command in ["project show", "project check", "create Gull", "delete Captain"] {
            let said = repository.pintle(command);
            let expected = format!(
                "error: line {line} of `[SANDBOX]/desk/{RECORD}` is a merge conflict marker\n\
                 hint: run `pintle project repair` to combine the changes of both sides\n"
            );
            assert_eq!((said.code(), said.stderr), (1, expected), "{command}");
        }
        let _ = repository.try_git("checkout -q --merge PROJECT");
        let _ = repository.pintle("project repair").success();
        repository.is_whole(&["captain", "sailor", "mate"]);
    }
}

#[test]
fn records_of_the_time_of_counters_are_read_and_merged() {
    // The same host on both branches, or a newer one on the second.
    for is_renewed in [false, true] {
        let repository = Repository::new();
        let age = |repository: &Repository| {
            repository.write(RECORD, &in_format_1(&repository.read(RECORD)));
            let _ = fs::remove_file(repository.0.work().join(".pintle/.gitattributes"));
            repository.commit_all();
        };
        age(&repository);
        repository.is_fine();
        repository.branch("a", &["create Sailor"]);
        age(&repository);
        let blame = repository.pintle("project blame fleet.txt").success().stdout;
        assert!(
            blame.contains("(1 init), shipyard.example.org/v1.0.0 (2 create api), "),
            "{blame}"
        );
        repository.branch("b", &["create Mate"]);
        if !is_renewed {
            age(&repository);
        }
        assert_eq!(repository.try_git("merge a").code(), 1);
        let _ = repository.pintle("project repair").success();
        assert!(repository.read(RECORD).starts_with("{\"format\":2}\n"));
        repository.is_whole(&["captain", "sailor", "mate"]);
    }
}

#[test]
fn a_merge_that_is_resolved_by_hand_needs_no_repair() {
    let repository = Repository::new();
    repository.branch("a", &["create Sailor"]);
    let [project_of_a, fleet_of_a] = ["PROJECT", "fleet.txt"].map(|it| repository.read(it));
    repository.branch("b", &["create Mate"]);
    assert_eq!(repository.try_git("merge a").code(), 1);
    repository.git("checkout --ours PROJECT");
    let (_, resources) = project_of_a.split_once("resources:\n").expect("there are some");
    let (_, sailor) = resources.split_at(resources.rfind("- api:").expect("it has two"));
    repository.write("PROJECT", &format!("{}{sailor}", repository.read("PROJECT")));
    let fleet = fleet_of_a.replace("ship sailor\n", "ship sailor\nship mate\n");
    repository.write("fleet.txt", &fleet);
    repository.commit_all();
    repository.is_whole(&["captain", "sailor", "mate"]);
}

#[test]
fn what_is_not_recorded_from_the_start_is_repaired_in_project_alone() {
    let repository = Repository::new();
    fs::remove_file(repository.0.work().join(RECORD)).expect("it is there");
    repository.commit_all();
    repository.branch("a", &["create Sailor"]);
    repository.branch("b", &["create Mate"]);
    assert_eq!(repository.try_git("merge a").code(), 1);
    repository.git("checkout --ours fleet.txt");
    let _ = repository.pintle("project repair").success();
    let mut kinds = repository.kinds();
    kinds[1].sort();
    let expected: [&[_]; 3] =
        [&["captain", "sailor", "mate"], &["mate", "sailor"], &["captain", "mate"]];
    assert_eq!(kinds, expected);
}

#[test]
fn a_record_with_other_line_endings_is_read() {
    let repository = Repository::new();
    repository.write(RECORD, &repository.read(RECORD).replace('\n', "\r\n"));
    repository.is_whole(&["captain"]);
    assert!(!repository.read(RECORD).contains('\r'));
}

#[test]
fn what_contradicts_is_named_and_nothing_is_written() {
    let repository = Repository::new();
    for (branch, domain) in [("a", "sea.example"), ("b", "land.example")] {
        repository.branch(branch, &[]);
        let project = repository.read("PROJECT");
        repository.write("PROJECT", &project.replacen("my.domain", domain, 1));
        repository.commit_all();
    }
    assert_eq!(repository.try_git("merge a").code(), 1);
    let before = repository.read("PROJECT");
    check(
        &repository,
        &["project repair"],
        expect![[r#"
        $ project repair
        --- stderr ---
        error: invalid project file `[SANDBOX]/desk/PROJECT`
          caused by: the sides of the merge differ in `domain`: "land.example" and "sea.example"
        hint: write the correct `domain` on both sides, then try again
        [exit 1]
    "#]],
    );
    assert_eq!(repository.read("PROJECT"), before);

    repository.write("PROJECT", &before.replace(">>>>>>> a\n", ""));
    check(
        &repository,
        &["project repair"],
        expect![[r#"
        $ project repair
        --- stderr ---
        error: invalid project file `[SANDBOX]/desk/PROJECT`
          caused by: line 2 is a merge conflict marker without its counterpart
        hint: resolve this conflict manually
        [exit 1]
    "#]],
    );
    fs::remove_file(repository.0.work().join("PROJECT")).expect("it is there");
    check(
        &repository,
        &["project repair"],
        expect![[r#"
        $ project repair
        --- stderr ---
        error: there is no `[SANDBOX]/desk/PROJECT`: the project is not initialized
        hint: run `pintle init` first
        [exit 1]
    "#]],
    );
}

/// A line of the user at the place where a plugin inserts one on another branch.
#[test]
fn a_line_of_the_users_at_the_marker_stays_beside_what_the_other_branch_inserts() {
    for (ours, theirs) in [("a", "b"), ("b", "a")] {
        for mine in ["mine\n# +pintle:scaffold:ships\n", "# +pintle:scaffold:ships\nmine\n"] {
            let repository = Repository::new();
            repository.branch("a", &["create Sailor", "create Mate"]);
            repository.branch("b", &[]);
            let fleet = repository.read("fleet.txt");
            repository.write("fleet.txt", &fleet.replace("# +pintle:scaffold:ships\n", mine));
            repository.commit_all();
            repository.git(&format!("checkout -q {ours}"));
            let _ = repository.try_git(&format!("merge {theirs}"));
            let repair = repository.pintle("project repair").success();
            let fleet = repository.read("fleet.txt");
            let n_lines = fleet.lines().count();
            assert!(fleet.contains("\nmine\n") && n_lines == 7, "{repair}\n{fleet}");
            // Git may have merged it all.
            let _ = repository.try_git("commit -q -a -m work");
            let _ = repository.pintle("create Gull").success();
            let _ = repository.pintle("delete Gull").success();
            assert_eq!(repository.read("fleet.txt"), fleet);
            for kind in ["Sailor", "Captain", "Mate"] {
                let _ = repository.pintle(&format!("delete {kind}")).success();
            }
            let left = repository.read("fleet.txt");
            assert!(left.contains("\nmine\n") && !left.contains("ship "), "{left}");
        }
    }
}

/// If the common ancestor of both branches is unknown, nothing is guessed.
#[test]
fn a_conflict_of_the_users_with_one_branch_needs_what_both_have_come_from() {
    for (style, is_known) in [("merge", false), ("diff3", true), ("zdiff3", true)] {
        let repository = Repository::new();
        repository.git(&format!("config merge.conflictStyle {style}"));
        repository.branch("a", &["create Sailor"]);
        repository.branch("b", &[]);
        let fleet = repository.read("fleet.txt");
        repository.write("fleet.txt", &fleet.replace("# +", "mine\n# +"));
        repository.commit_all();
        assert_eq!(repository.try_git("merge a").code(), 1);
        fs::remove_dir_all(repository.0.work().join(".git")).expect("it is a repository");
        let repair = repository.pintle("project repair");
        assert_eq!(repair.code(), i32::from(!is_known), "{style}: {repair}");
        let fleet = repository.read("fleet.txt");
        assert!(fleet.contains("ship sailor\n") && fleet.contains("mine\n"), "{style}: {fleet}");
        assert_eq!(fleet.contains("<<<<<<<"), !is_known, "{style}: {fleet}");
    }
}
