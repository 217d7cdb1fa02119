//! The combined effects of changes.

use super::*;
use crate::signature::PublicKey;
use expect_test::expect;

#[test]
fn what_an_installation_leaves() {
    let folder = empty();
    install(&lock(folder.path()), "1.0.0").unwrap();
    let names: Vec<_> = everything(folder.path())
        .into_iter()
        .map(|(path, text)| match text.starts_with("->") {
            true => format!("{path} {text}\n"),
            false => format!("{path}\n"),
        })
        .collect();
    expect![[r#"
        .store/
        acme/
        acme/tool/
        acme/tool/.plugin.toml
        acme/tool/1.0.0/
        acme/tool/1.0.0/.receipt.toml
        acme/tool/1.0.0/lib.so
        acme/tool/1.0.0/share/
        acme/tool/1.0.0/share/run
        plugins.lock
        tool.so -> acme/tool/1.0.0/lib.so
    "#]]
    .assert_eq(&names.concat());
    let state = fs::read_to_string(folder.path().join("acme/tool/.plugin.toml")).unwrap();
    expect![[r#"
        place = "acme/tool"
        is_pinned = false
        history = ["1.0.0"]
    "#]]
    .assert_eq(&state);
}

#[test]
fn rolling_back_goes_further_back_each_time() {
    let folder = empty();
    let store = lock(folder.path());
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        install(&store, version).unwrap();
    }
    for expected in ["2.0.0", "1.0.0"] {
        let stored = tool(&store);
        let before = stored.before().unwrap().0;
        assert_eq!(before, expected);
        store.roll_back(&stored, before).unwrap();
        assert_eq!(loaded(folder.path()).unwrap(), expected);
    }
    assert!(tool(&store).before().is_none());
    // An update after that can be rolled back to the same state.
    install(&store, "3.0.0").unwrap();
    assert_eq!(tool(&store).before().unwrap().0, "1.0.0");
}

#[test]
fn a_plugin_that_is_disabled_comes_back_in_the_same_version() {
    let folder = empty();
    let store = lock(folder.path());
    install(&store, "1.0.0").unwrap();
    install(&store, "2.0.0").unwrap();
    store.switch(&place("acme/tool"), "1.0.0").unwrap();
    store.disable(&tool(&store)).unwrap();
    assert_eq!(loaded(folder.path()), None);
    let stored = tool(&store);
    assert_eq!((stored.current.as_deref(), stored.latest().unwrap().0), (None, "1.0.0"));
    let text = fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap();
    assert!(!text.contains("tool"), "{text}");
    // A version can still be added for a project.
    let staged = store.stage(&place("acme/tool"), &files("3.0.0")).unwrap();
    staged.keep(&receipt("tool", "3.0.0", "3.0.0"), None, false).unwrap();
    assert_eq!(tool(&store).latest().unwrap().0, "1.0.0");
    assert_eq!(loaded(folder.path()), None);
}

#[test]
fn an_older_version_can_follow_a_removal_and_nothing_of_before_is_known() {
    let folder = empty();
    let store = lock(folder.path());
    install(&store, "2.0.0").unwrap();
    let state = State { is_pinned: true, ..tool(&store).state };
    store.set_state(&place("acme/tool"), &state).unwrap();
    store.remove(&tool(&store)).unwrap();
    assert!(store.plugin(&place("acme/tool")).unwrap().is_none());
    install(&store, "1.0.0").unwrap();
    let stored = tool(&store);
    assert!(!stored.state.is_pinned && stored.before().is_none());
    assert_eq!(loaded(folder.path()).unwrap(), "1.0.0");
}

#[test]
fn a_version_with_other_files_gets_a_directory_of_its_own() {
    let folder = empty();
    let store = lock(folder.path());
    install(&store, "1.0.0").unwrap();
    let before = everything(&folder.path().join("acme/tool/1.0.0"));
    let other = receipt("tool", "1.0.0", "other");
    let name = keep(&store, "acme/tool", &other, "other").unwrap();
    assert_eq!(name, format!("1.0.0+{}", &other.content.hex()[..12]));
    assert_eq!(loaded(folder.path()).unwrap(), "other");
    assert_eq!(everything(&folder.path().join("acme/tool/1.0.0")), before);
    // Again, with the same directory.
    assert_eq!(keep(&store, "acme/tool", &other, "other").unwrap(), name);
    assert_eq!(tool(&store).before().unwrap().0, "1.0.0");
}

#[test]
fn a_version_whose_files_were_changed_is_repaired_by_installing_it_again() {
    for old_system in [false, true] {
        let folder = empty();
        let store = lock(folder.path());
        install(&store, "1.0.0").unwrap();
        let home = folder.path().join("acme/tool/1.0.0");
        fs::write(home.join("lib.so"), "tampered").unwrap();
        fs::write(home.join("more"), "").unwrap();
        fault::set_old_system(old_system);
        install(&store, "1.0.0").unwrap();
        fault::set_old_system(false);
        assert_eq!(loaded(folder.path()).unwrap(), "1.0.0");
        let (version, _) = tool(&store).in_use().map(|it| (it.0.to_owned(), ())).unwrap();
        assert_eq!(version == "1.0.0", !old_system, "{version}");
    }
}

#[test]
fn a_version_in_use_is_not_removed() {
    let folder = empty();
    let store = lock(folder.path());
    install(&store, "1.0.0").unwrap();
    let err = store.remove_version(&place("acme/tool"), "1.0.0").unwrap_err();
    assert_eq!(err.to_string(), "version `1.0.0` of `acme/tool` is in use");
    assert_eq!(loaded(folder.path()).unwrap(), "1.0.0");
}

#[test]
fn only_a_key_that_was_verified_replaces_a_pinned_one() {
    let key = |seed: u8| -> PublicKey {
        let mut bytes = b"Ed".to_vec();
        bytes.extend([seed; 40]);
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes).parse().unwrap()
    };
    let folder = empty();
    let store = lock(folder.path());
    let keep = |version: &str, named: u8, verified: Option<u8>| {
        let receipt = Receipt { key: Some(key(named)), ..receipt("tool", version, version) };
        let staged = store.stage(&place("acme/tool"), &files(version)).unwrap();
        staged.keep(&receipt, verified.map(key).as_ref(), true).unwrap();
        tool(&store).state.key.unwrap()
    };
    assert_eq!(keep("1.0.0", 1, None), key(1));
    assert_eq!(keep("2.0.0", 2, None), key(1));
    assert_eq!(keep("3.0.0", 2, Some(2)), key(2));
}

#[cfg(unix)]
#[test]
fn no_other_user_can_write_whatever_the_umask() {
    // The umask applies to the whole process, so this has its own process.
    const ROOT: &str = "PINTLE_TEST_STORE_UMASK";
    if let Ok(root) = std::env::var(ROOT) {
        return install(&lock(Path::new(&root)), "1.0.0").unwrap();
    }
    for (umask, dir, file) in [("000", "755", "644"), ("077", "700", "600"), ("022", "755", "644")]
    {
        let folder = empty();
        let module = module_path!().split_once("::").unwrap().1;
        let status = std::process::Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args([&format!("{module}::no_other_user_can_write_whatever_the_umask"), "--exact"])
            .env(ROOT, folder.path().join("new"))
            .output()
            .unwrap();
        assert!(status.status.success());
        let tree = everything(folder.path());
        for path in ["new/acme/", "new/acme/tool/", "new/acme/tool/1.0.0/share/", "new/.store/"] {
            assert_eq!(tree[path], dir, "{umask} {path}");
        }
        let mode = |path: &str| tree[path].split(' ').next().unwrap().to_owned();
        assert_eq!(mode("new/acme/tool/1.0.0/lib.so"), "644");
        assert_eq!(mode("new/acme/tool/1.0.0/share/run"), "755");
        assert_eq!(
            mode("new/plugins.lock"),
            if umask == "000" { "644".into() } else { file.to_owned() }
        );
    }
}
