//! What the index contains, and which parts of the catalog it provides.

use super::super::discover;
use super::super::entry::{Entry, State};
use super::super::rules::Rules;
use super::super::search::{DirOrigin, PluginDir, SearchPath};
use super::super::testing::{elf, manifest_json};
use super::super::{Catalog, MANY, PluginKey, narrow};
use super::{Index, MIN_FILES, Wanted};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const N_FILES: usize = 2 * MIN_FILES;

/// Two directories with enough plugins for an index, and a location for the index.
struct Installed {
    home: TempDir,
    search: SearchPath,
    rules: Rules,
}

impl Installed {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dirs = ["plugins", "more"].map(|it| home.path().join(it));
        dirs.iter().for_each(|it| std::fs::create_dir(it).unwrap());
        let dirs = dirs.map(|path| PluginDir { path, origin: DirOrigin::Environment });
        let search = SearchPath::from_dirs(dirs).with_index_in(Some(home.path().join("cache")));
        let installed = Self { home, search, rules: Rules::default() };
        (0..N_FILES).for_each(|it| installed.install(it, "1.0.0"));
        installed
    }

    fn install(&self, number: usize, version: &str) {
        let command = json!([{"path": [format!("c{number}"), "do"], "about": "Does it"}]);
        let noun = json!([{"path": [format!("c{number}")], "about": "Acts", "long_about": "So"}]);
        let name = format!("p{number:02}.io");
        let file = format!("plugins/{number:02}.so");
        let events = json!([format!("e{number}")]);
        self.write(
            &file,
            &json!({"name": name, "version": version, "commands": command, "nouns": noun,
                    "events": events}),
        );
    }

    /// Writes a plugin; an existing file is overwritten in place.
    fn write(&self, file: &str, patch: &Value) {
        std::fs::write(self.home.path().join(file), elf(&[&manifest_json(patch)])).unwrap();
    }

    fn file(&self, number: usize) -> PathBuf {
        self.home.path().join(format!("plugins/{number:02}.so"))
    }

    /// Examines all files, late enough for all of them to be settled.
    fn look(&self) -> Vec<String> {
        self.look_at(later(60)).iter().map(describe).collect()
    }

    fn look_at(&self, now: SystemTime) -> Vec<Entry> {
        discover::scan(&self.search, &self.rules, now).entries
    }

    fn index(&self) -> Option<Index> {
        Index::load(self.search.index().unwrap(), &self.rules)
    }

    fn n_known(&self) -> usize {
        let index = self.index().expect("there are enough files");
        let section = index.section(&self.home.path().join("plugins")).unwrap();
        index.records(section).unwrap().count()
    }

    /// Returns the files that match, if the index alone determines them.
    fn narrow(&self, wanted: Wanted<'_>) -> Option<Catalog> {
        let (entries, _) = narrow::find(&self.search, &self.rules, wanted, later(61))?;
        Some(Catalog::settle(entries, Vec::new(), &self.rules))
    }

    #[track_caller]
    fn check_command(&self, line: &str) {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let whole = Catalog::settle(self.look_at(later(60)), Vec::new(), &self.rules);
        let found = |it: &Catalog| match it.find_command(&words) {
            Ok(it) => format!(
                "{:?}",
                it.map(|(entry, command)| (entry.path().unwrap().to_owned(), command.clone()))
            ),
            Err(err) => err.to_string(),
        };
        let narrow = self.narrow(Wanted::Command(&words)).expect("the index tells");
        assert_eq!(found(&narrow), found(&whole), "{line}");
        let below = self.narrow(Wanted::Below(&words[0])).expect("the index tells");
        assert_eq!(found(&below), found(&whole), "{line}");
        let noun = &*words[0];
        assert_eq!(below.nouns().about(noun), whole.nouns().about(noun), "{line}");
    }
}

fn later(seconds: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(seconds)
}

fn describe(entry: &Entry) -> String {
    let key = entry.key().map(ToString::to_string);
    let commands: Vec<_> = entry.commands().iter().map(|it| (&it.path, &it.about)).collect();
    let nouns: Vec<_> = entry.noun_lines().collect();
    let host = entry.manifest().map(|it| (&it.host, &it.nouns));
    let reason = entry.reason().map(|it| crate::causes::with_causes(&it));
    format!(
        "{key:?} {} {commands:?} {nouns:?} {:?} {host:?} {reason:?} {:?}",
        entry.state(),
        entry.events(),
        entry.path()
    )
}

#[test]
fn what_is_known_is_what_was_read() {
    let installed = Installed::new();
    std::fs::write(installed.home.path().join("plugins/bad.so"), "no library").unwrap();
    installed.write("plugins/old.so", &json!({"abi": {"interface": "0.9.0"}, "events": ["e1"]}));
    let read = installed.look();
    assert_eq!(installed.n_known(), N_FILES + 2);
    assert_eq!(installed.look(), read);
    assert_eq!(read.iter().filter(|it| it.contains("refused")).count(), 2);
}

#[test]
fn what_comes_later_is_known_too() {
    let installed = Installed::new();
    installed.look();
    installed.install(N_FILES, "1.0.0");
    let read = installed.look();
    assert_eq!(installed.n_known(), N_FILES + 1);
    assert_eq!(installed.look(), read);
}

#[test]
fn what_is_gone_is_known_no_more() {
    let installed = Installed::new();
    installed.look();
    std::fs::remove_file(installed.file(3)).unwrap();
    assert_eq!(installed.look().len(), N_FILES - 1);
    assert_eq!(installed.n_known(), N_FILES - 1);
}

#[test]
fn the_index_forgets_directories_that_are_gone_and_keeps_those_of_other_runs() {
    let installed = Installed::new();
    installed.look();
    let dir = |name: &str| installed.home.path().join(name);
    let other = PluginDir { path: dir("other"), origin: DirOrigin::Environment };
    std::fs::create_dir(&other.path).unwrap();
    let search = SearchPath::from_dirs([other]).with_index_in(Some(dir("cache")));
    std::fs::remove_dir(dir("more")).unwrap();
    discover::scan(&search, &installed.rules, later(60));
    let index = installed.index().unwrap();
    let has = |name: &str| index.section(&dir(name)).is_some();
    assert_eq!(["plugins", "more", "other"].map(has), [true, false, true]);
    assert_eq!(installed.n_known(), N_FILES);
}

#[test]
fn a_known_file_is_not_opened() {
    let installed = Installed::new();
    let read = installed.look();
    // From now on its records are others.
    let path = installed.search.index().unwrap();
    let bytes = std::fs::read(path).unwrap();
    let other = bytes.windows(7).position(|it| it == b"Does it").unwrap();
    let mut changed = bytes.clone();
    changed[other..other + 7].copy_from_slice(b"Was it?");
    std::fs::write(path, changed).unwrap();
    let known = installed.look();
    assert_eq!(known.iter().zip(&read).filter(|(known, read)| known != read).count(), 1);
    assert!(known.iter().any(|it| it.contains("Was it?")));
}

#[test]
fn a_changed_file_is_read_again() {
    let installed = Installed::new();
    installed.look();
    installed.install(7, "2.0.0");
    assert!(installed.look()[7].starts_with("Some(\"p07.io/v2.0.0\") ok"));
    std::fs::write(installed.file(7), "no library").unwrap();
    let entry = &installed.look()[7];
    assert!(entry.contains(&State::Refused.to_string()), "{entry}");
}

#[test]
fn fresh_files_are_not_kept() {
    let installed = Installed::new();
    installed.look_at(SystemTime::now());
    assert!(installed.index().is_none());
}

#[test]
fn a_damaged_record_costs_no_plugin() {
    let installed = Installed::new();
    installed.look();
    let path = installed.search.index().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let json = bytes.windows(9).position(|it| it == b"{\"format\"").unwrap();
    bytes[json] = b'?';
    std::fs::write(path, bytes).unwrap();
    assert!(installed.look().iter().all(|it| it.contains(" ok ")));
}

#[test]
fn an_index_of_other_rules_is_none() {
    let mut installed = Installed::new();
    installed.look();
    installed.rules.identity.name_qualifier = "example.org".to_owned();
    assert!(installed.index().is_none());
}

#[test]
fn a_damaged_index_changes_nothing() {
    let installed = Installed::new();
    let read = installed.look();
    let path = installed.search.index().unwrap().to_owned();
    let bytes = std::fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(37) {
        std::fs::write(&path, &bytes[..len]).unwrap();
        let words = ["c3".to_owned(), "do".to_owned()];
        if let Some(found) = installed.narrow(Wanted::Command(&words)) {
            assert!(found.find_command(&words).unwrap().is_some(), "{len} bytes");
        }
        let found = installed.look();
        // A truncated manifest counts as missing; everything else is read again.
        assert_eq!(found.len(), read.len(), "{len} bytes");
        assert!(found.iter().all(|it| it.contains(" ok ")), "{len} bytes");
    }
}

#[test]
fn any_byte_of_the_index_may_be_another() {
    let installed = Installed::new();
    let read = installed.look();
    let path = installed.search.index().unwrap().to_owned();
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(11) {
        let mut changed = bytes.clone();
        changed[at] ^= 0xff;
        std::fs::write(&path, changed).unwrap();
        let words = ["c3".to_owned(), "do".to_owned()];
        installed.narrow(Wanted::Command(&words));
        installed.narrow(Wanted::Below("c3"));
        assert_eq!(installed.look().len(), read.len(), "byte {at}");
    }
}

#[test]
fn a_part_of_the_catalog_is_what_the_whole_has_of_it() {
    let installed = Installed::new();
    let plugin = |file: &str, name: &str, version: &str, commands: &[&[&str]]| {
        let commands: Vec<_> =
            commands.iter().map(|it| json!({"path": it, "about": "Does"})).collect();
        let nouns = json!([{"path": ["noun"], "about": format!("By {file}")}]);
        let patch = json!({"name": name, "version": version, "commands": commands, "nouns": nouns});
        installed.write(file, &patch);
    };
    plugin("more/a1.so", "a.io", "1.0.0", &[&["noun", "one"], &["old"]]);
    plugin("more/a2.so", "a.io", "2.0.0", &[&["noun", "one"], &["noun", "two", "deep"]]);
    plugin("more/b.so", "b.io", "1.0.0", &[&["noun", "one"]]);
    plugin("plugins/c.so", "c.io", "1.0.0", &[&["noun", "two"], &["single"]]);
    plugin("more/d.so", "d.io", "2.0.0-rc.1", &[&["single"], &["pre"]]);
    plugin("plugins/d.so", "d.io", "1.0.0", &[&["stable"]]);
    plugin("more/a2-again.so", "a.io", "2.0.0", &[&["noun", "one"], &["noun", "two", "deep"]]);
    // Refused: it scaffolds, but names no version of PROJECT.
    let refused =
        json!({"name": "r.io", "events": ["e7"], "subcommands": ["init"], "project_versions": []});
    installed.write("more/r.so", &refused);
    plugin("more/e.so", "e.io", "1.0.0", &[&["noun-like"], &["noun", "last"]]);
    installed.look();
    for line in [
        "noun",
        "noun one",
        "noun one x",
        "noun two",
        "noun two deep",
        "noun two deep er",
        "old",
        "single",
        "pre",
        "stable",
        "noun last",
        "noun-like",
        "c3 do",
        "c3",
        "nothing at all",
    ] {
        installed.check_command(line);
    }
    let whole = Catalog::settle(installed.look_at(later(60)), Vec::new(), &installed.rules);
    for event in ["e3", "e7", "none"] {
        let part = installed.narrow(Wanted::Events(&["e1", event])).unwrap();
        let subscribers = |it: &Catalog| it.subscribers(event).map(describe).collect::<Vec<_>>();
        assert_eq!(subscribers(&part), subscribers(&whole), "{event}");
        let refused =
            |it: &Catalog| it.refused_subscribers(event).map(describe).collect::<Vec<_>>();
        assert_eq!(refused(&part), refused(&whole), "{event}");
        assert_eq!(refused(&whole).len(), usize::from(event == "e7"));
    }
    for key in ["a", "a.io/v1", "d", "d/v2-rc.1", "p03", "p03.io/v1.0.0", "c.io"] {
        let key = key.parse().unwrap();
        let part = installed.narrow(Wanted::Plugin(&key)).unwrap();
        let found = |it: &Catalog| it.resolve(&key, None).unwrap().path().map(ToOwned::to_owned);
        assert_eq!(found(&part), found(&whole), "{key}");
    }
}

#[test]
fn an_index_of_a_changed_directory_tells_nothing() {
    let installed = Installed::new();
    installed.look();
    let words = ["c3".to_owned(), "do".to_owned()];
    assert!(installed.narrow(Wanted::Command(&words)).is_some());
    installed.install(3, "1.0.1");
    assert!(installed.narrow(Wanted::Command(&words)).is_none(), "the file that is wanted");
    installed.look();
    assert!(installed.narrow(Wanted::Command(&words)).is_some());
    std::fs::remove_file(installed.file(5)).unwrap();
    assert!(installed.narrow(Wanted::Command(&words)).is_none(), "the directory");
    installed.look();
    assert!(installed.narrow(Wanted::Command(&words)).is_some());
    let found =
        narrow::find(&installed.search, &installed.rules, Wanted::Command(&words), later(60 + 601));
    assert!(found.is_none(), "the time");
    installed.look_at(later(60 + 601));
    let found =
        narrow::find(&installed.search, &installed.rules, Wanted::Command(&words), later(60 + 601));
    assert!(found.is_some(), "looked at again");
}

#[test]
fn very_many_are_looked_for_in_the_whole_catalog() {
    let installed = Installed::new();
    for number in 0..70 {
        let command = json!([{"path": ["same"], "about": ""}]);
        let name = format!("s{number:02}.io");
        let patch = json!({"name": name, "version": "1.0.0", "commands": command});
        installed.write(&format!("more/{number:02}.so"), &patch);
    }
    installed.look();
    assert!(installed.narrow(Wanted::Command(&["same".to_owned()])).is_none());
    assert!(installed.narrow(Wanted::Command(&["c3".to_owned(), "do".to_owned()])).is_some());
}

/// The listing of a catalog.
fn shown(catalog: &Catalog) -> Vec<String> {
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    let entries = catalog.entries().iter().map(|it| {
        let key = it.raw_key().map(|it| text(&it));
        let reason = it.raw_reason().map(|it| text(&it));
        let (state, brought, is_current) = (it.state(), text(&it.brought()), it.is_current());
        let (copies, deprecated) = (it.copies(), it.deprecated());
        let is_link = it.is_link();
        format!(
            "{key:?} {state} {brought} {reason:?} {is_current} {copies:?} {deprecated:?} {is_link}"
        )
    });
    let commands = catalog.raw_commands();
    let commands = commands.map(|(_, it)| format!("{} {}", text(it.words), text(it.about)));
    entries.chain(commands).collect()
}

/// Compares the contents of the index with a search without an index.
#[track_caller]
fn check_shown(installed: &Installed) {
    let scan = |search: &SearchPath| {
        let found = discover::scan(search, &installed.rules, later(60));
        let catalog = Catalog::of(found, search, &[], &installed.rules, |_| Vec::new());
        shown(&catalog)
    };
    let without = scan(&installed.search.clone().with_index_in(None));
    // The first run writes the index, and later runs read it.
    for _ in 0..3 {
        assert_eq!(scan(&installed.search), without);
    }
}

#[test]
fn listings_show_what_they_show_without_an_index() {
    let mut installed = Installed::new();
    check_shown(&installed);
    installed.rules.core_commands = vec![vec!["c1".to_owned()]];
    check_shown(&installed);
    let plugin = |name: &str, command: &[&str]| {
        let commands = json!([{"path": command, "about": "Gr\u{fc}\u{df}t\n"}]);
        json!({"name": name, "commands": commands, "deprecated": "use p00"})
    };
    installed.write("plugins/equal.so", &plugin("equal.io", &["c2", "do"]));
    check_shown(&installed);
    installed.write("plugins/longer.so", &plugin("longer.io", &["c3", "do", "it"]));
    check_shown(&installed);
    installed.write("plugins/newer.so", &json!({"name": "p04.io", "version": "2.0.0-rc.1"}));
    check_shown(&installed);
    installed.write("plugins/twice.so", &json!({"name": "p05.io", "version": "1.0.0"}));
    check_shown(&installed);
    installed.write("more/other.so", &plugin("other.io", &["c6", "do"]));
    check_shown(&installed);
    std::os::unix::fs::symlink(installed.file(7), installed.home.path().join("plugins/x.so"))
        .unwrap();
    installed.write("plugins/bad.so", &json!({"abi": {"interface": "0.9.0"}}));
    std::fs::write(installed.home.path().join("plugins/none.so"), "no library").unwrap();
    check_shown(&installed);
}

#[test]
fn plugins_that_have_nothing_to_do_with_each_other_are_not_compared() {
    let mut installed = Installed::new();
    let is_distinct = |it: &Installed| {
        it.look();
        discover::scan(&it.search, &it.rules, later(60)).is_distinct
    };
    assert!(is_distinct(&installed));
    installed.rules.core_commands = vec![vec!["c1".to_owned(), "do".to_owned()]];
    assert!(!is_distinct(&installed));
    installed.rules.core_commands = Vec::new();
    assert!(is_distinct(&installed));
    installed.write("plugins/equal.so", &json!({"name": "p01.io", "version": "3.0.0"}));
    assert!(!is_distinct(&installed));
    std::fs::remove_file(installed.home.path().join("plugins/equal.so")).unwrap();
    assert!(is_distinct(&installed));
    installed.write("more/other.so", &json!({"name": "other.io"}));
    assert!(!is_distinct(&installed));
}

#[test]
fn among_many_plugins_the_same_one_has_the_words_of_a_program() {
    let mut installed = Installed::new();
    (N_FILES..MANY + 1).for_each(|it| installed.install(it, "1.0.0"));
    installed.write(
        "more/refused.so",
        &json!({"name": "refused.io", "abi": {"interface": "9.0"},
        "commands": [{"path": ["odd", "end"], "about": "Ends"}]}),
    );
    installed.rules.disabled = vec!["p07.io".parse::<PluginKey>().unwrap().into()];
    let catalog = || {
        let found = discover::scan(&installed.search, &installed.rules, later(60));
        Catalog::of(found, &installed.search, &[], &installed.rules, |_| Vec::new())
    };
    drop(catalog());
    let (indexed, mut plain) = (catalog(), catalog());
    assert!(indexed.is_indexed, "all is settled");
    plain.is_indexed = false;
    let mut owners = Vec::new();
    for line in
        ["c3", "c3 do", "c3 do more", "c3 other", "c7 do", "odd", "odd end", "free", "fr ee"]
    {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let owner = |it: &Catalog| {
            let found = it.owner(&words, &installed.search, &installed.rules, later(61));
            found.and_then(|it| Some(it.path()?.file_name()?.to_string_lossy().into_owned()))
        };
        assert_eq!(owner(&indexed), owner(&plain), "{line}");
        owners.push(owner(&plain).unwrap_or_default());
    }
    let expected = ["03.so", "03.so", "03.so", "", "07.so", "refused.so", "refused.so", "", ""];
    assert_eq!(owners, expected);
    // Files that are not in the index yet are examined.
    installed.write(
        "plugins/03.so",
        &json!({"name": "p03.io", "version": "1.0.1",
        "commands": [{"path": ["free"], "about": "Frees"}]}),
    );
    let words = ["free".to_owned()];
    let changed = catalog();
    let owner = changed.owner(&words, &installed.search, &installed.rules, later(61));
    assert!(owner.is_some_and(|it| it.path().unwrap().ends_with("03.so")));
}
