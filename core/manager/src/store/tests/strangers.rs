//! Files in the plugin directory that do not belong to the store.

#![cfg(unix)]

use super::*;
use expect_test::{Expect, expect};
use std::os::unix::fs::symlink;

fn text(err: &StoreError) -> String {
    let mut text = err.to_string();
    let mut source = std::error::Error::source(err);
    while let Some(it) = source {
        text += &format!(": {it}");
        source = it.source();
    }
    text
}

/// Performs all operations on a plugin.
fn work(root: &Path) {
    let store = lock(root);
    for version in ["1.0.0", "2.0.0"] {
        install(&store, version).unwrap();
    }
    store.roll_back(&tool(&store), "1.0.0").unwrap();
    store.disable(&tool(&store)).unwrap();
    store.switch(&place("acme/tool"), "1.0.0").unwrap();
    store.remove_version(&place("acme/tool"), "2.0.0").unwrap();
    store.needed_by_projects(false).unwrap();
    store.remove(&tool(&store)).unwrap();
    drop(store);
    drop(lock(root));
}

#[test]
fn what_the_user_has_put_there_is_left_alone() {
    let (folder, outside) = (empty(), empty());
    let root = folder.path();
    fs::write(outside.path().join("lib.so"), "outside").unwrap();
    for path in [
        "mine/stuff/lib.so",
        "mine/stuff/1.0.0/lib.so",
        "mine/.new-thing/file",
        "acme/other/file",
        "acme/odd name\n/x",
        ".new-mine/file",
        ".old-mine",
        ".lock",
        "own.so",
        "a:b/c*d/1.0.0/.receipt.toml",
        "copied/tool/.plugin.toml",
    ] {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), path).unwrap();
    }
    fs::create_dir_all(root.join("empty/dir")).unwrap();
    // A copy of a plugin's directory under another name also belongs to the user.
    fs::write(root.join("copied/tool/.plugin.toml"), "place = \"acme/tool\"").unwrap();
    symlink(outside.path(), root.join("linked-owner")).unwrap();
    symlink(outside.path(), root.join("mine/linked-repo")).unwrap();
    symlink("mine/stuff/1.0.0/lib.so", root.join("mine.so")).unwrap();
    symlink("../../etc/passwd", root.join("up.so")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("mine/fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let before = everything(root);
    assert_eq!(open(root).plugins().unwrap().len(), 0);
    work(root);
    let mut after = everything(root);
    assert!(after.remove(".store/").is_some() && after.remove(LOCK_FILE).is_some());
    assert_eq!(after, before);
    assert_eq!(everything(outside.path()).len(), 1);
}

#[test]
fn what_is_planted_among_the_files_of_a_plugin_goes_with_it_and_nothing_else() {
    let (folder, outside) = (empty(), empty());
    fs::write(outside.path().join("file"), "outside").unwrap();
    let root = folder.path();
    {
        let store = lock(root);
        install(&store, "1.0.0").unwrap();
        install(&store, "2.0.0").unwrap();
    }
    symlink(outside.path(), root.join("acme/tool/1.0.0/planted")).unwrap();
    symlink(outside.path(), root.join("acme/tool/3.0.0")).unwrap();
    symlink(outside.path(), root.join(".store/.new-planted")).unwrap();
    fs::create_dir(root.join(".store/.new-dir")).unwrap();
    symlink(outside.path(), root.join(".store/.new-dir/link")).unwrap();
    let store = lock(root);
    assert!(!root.join(".store/.new-planted").exists());
    store.remove_version(&place("acme/tool"), "1.0.0").unwrap();
    store.remove(&tool(&store)).unwrap();
    assert!(!root.join("acme").exists());
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "outside");
}

#[track_caller]
fn check_refused(plant: impl Fn(&Path), expected: Expect) {
    let folder = empty();
    let root = folder.path();
    plant(root);
    let before = everything(root);
    let res = Store::lock(root, &mut |_| {}).and_then(|it| install(&it, "1.0.0"));
    let err = res.expect_err("it is refused");
    expected.assert_eq(&text(&err).replace(root.to_str().unwrap(), "[ROOT]"));
    let mut after = everything(root);
    if !before.contains_key(".store/") {
        after.remove(".store/");
    }
    assert_eq!(after, before);
}

#[test]
fn what_is_in_the_way_is_named_and_stays() {
    check_refused(
        |root| fs::write(root.join("tool.so"), "mine").unwrap(),
        expect!["`[ROOT]/tool.so` exists and was not installed by this command"],
    );
    check_refused(
        |root| fs::create_dir(root.join("tool.so")).unwrap(),
        expect!["`[ROOT]/tool.so` exists and was not installed by this command"],
    );
    check_refused(
        |root| {
            fs::create_dir_all(root.join("mine/stuff/1")).unwrap();
            symlink("mine/stuff/1/lib.so", root.join("tool.so")).unwrap();
        },
        expect!["`[ROOT]/tool.so` exists and was not installed by this command"],
    );
    check_refused(
        |root| {
            fs::create_dir_all(root.join("acme/tool")).unwrap();
            fs::write(root.join("acme/tool/file"), "mine").unwrap();
        },
        expect!["`[ROOT]/acme/tool` exists and was not installed by this command"],
    );
    check_refused(
        |root| symlink("/tmp", root.join("acme")).unwrap(),
        expect!["failed to create the directory `[ROOT]/acme`: not a directory"],
    );
    check_refused(
        |root| fs::write(root.join("acme"), "mine").unwrap(),
        expect!["failed to create the directory `[ROOT]/acme`: not a directory"],
    );
    check_refused(
        |root| fs::create_dir(root.join(LOCK_FILE)).unwrap(),
        expect!["`[ROOT]/plugins.lock` exists and was not installed by this command"],
    );
    check_refused(
        |root| symlink("/tmp", root.join(OWN)).unwrap(),
        expect!["failed to create the directory `[ROOT]/.store`: not a directory"],
    );
    check_refused(
        |root| fs::write(root.join(OWN), "mine").unwrap(),
        expect!["failed to create the directory `[ROOT]/.store`: not a directory"],
    );
    check_refused(
        |root| {
            fs::create_dir(root.join(OWN)).unwrap();
            symlink("/etc/passwd", root.join(".store/lock")).unwrap();
        },
        expect!["failed to lock `[ROOT]/.store/lock`: it is a symbolic link, not a regular file"],
    );
    check_refused(
        |root| {
            fs::create_dir(root.join(OWN)).unwrap();
            fs::write(root.join(".store/journal.json"), "{}").unwrap();
        },
        expect![
            "`[ROOT]/.store/journal.json` is damaged: missing field `format` at line 1 column 2"
        ],
    );
}

#[test]
fn a_journal_never_leads_outside() {
    let change = |edit: &dyn Fn(&mut serde_json::Value)| {
        let side = serde_json::json!({ "is_home": false, "files": {}, "links": {} });
        let mut journal = serde_json::json!({
            "format": 1, "owner": "acme", "repo": "tool", "moved": null, "before": side, "after": side
        });
        edit(&mut journal);
        let folder = empty();
        fs::create_dir_all(folder.path().join("store/.store")).unwrap();
        fs::write(folder.path().join("victim"), "victim").unwrap();
        fs::create_dir(folder.path().join("store/victim")).unwrap();
        fs::write(folder.path().join("store/.store/journal.json"), journal.to_string()).unwrap();
        let before = everything(folder.path());
        let err = Store::lock(&folder.path().join("store"), &mut |_| {}).unwrap_err();
        assert_eq!(everything(folder.path()), before);
        text(&err).rsplit(": ").next().unwrap().to_owned()
    };
    for owner in ["..", ".", "", "/tmp", "a/b", ".store", "CON", "a\\b", "a:b"] {
        assert_eq!(change(&|it| it["owner"] = owner.into()), "it refers to an invalid place");
    }
    for path in ["../victim", "acme/tool/../../victim", "victim", "/etc/passwd", "acme/tool/lib.so"]
    {
        let said = change(&|it| it["after"]["files"][path] = "new".into());
        assert_eq!(said, "it refers to an invalid file", "{path}");
    }
    for link in ["../victim", "a/b", "plugins.lock", ".store", "/x"] {
        let said = change(&|it| it["after"]["links"][link] = "acme/tool/1/x".into());
        assert_eq!(said, "it refers to an invalid link", "{link}");
    }
    for (home, away) in [
        ("victim", ".new-1"),
        ("../victim", ".new-1"),
        ("acme/tool/../../victim", ".new-1"),
        ("acme/tool", "../victim"),
        ("acme/tool", ".new-/../x"),
        ("acme/tool", "projects"),
    ] {
        let said = change(&|it| it["moved"] = serde_json::json!({ "home": home, "away": away }));
        assert_eq!(said, "it refers to an invalid directory", "{home} {away}");
    }
    assert_eq!(change(&|it| it["format"] = 2.into()), "it has the unknown format 2");
}

#[test]
fn one_damaged_plugin_is_no_reason_to_lose_the_others() {
    type Plant = (&'static str, fn(&Path));
    let plants: &[Plant] = &[
        ("not TOML", |path| fs::write(path, "<").unwrap()),
        ("not text", |path| fs::write(path, b"\xff").unwrap()),
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a link", |path| symlink("/etc/passwd", path).unwrap()),
        ("huge", |path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap()),
        ("a FIFO", |path| {
            let mode = rustix::fs::Mode::RWXU;
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
        }),
    ];
    for (what, plant) in plants {
        for file in ["1.0.0/.receipt.toml", ".plugin.toml"] {
            let folder = empty();
            let root = folder.path();
            {
                let store = lock(root);
                install(&store, "1.0.0").unwrap();
                let receipt = receipt("other", "1.0.0", "other");
                keep(&store, "acme/other", &receipt, "other").unwrap();
            }
            let path = root.join("acme/tool").join(file);
            fs::remove_file(&path).unwrap();
            plant(&path);
            let store = lock(root);
            let plugins = store.plugins().unwrap();
            assert_eq!(plugins.len(), 2, "{what} {file}");
            assert_eq!(tool(&store).damaged.len(), 1, "{what} {file}");
            let other = store.plugin(&place("acme/other")).unwrap().unwrap();
            store.disable(&other).unwrap();
            store.remove(&tool(&store)).unwrap();
            assert!(!root.join("acme/tool").exists() && !root.join("tool.so").is_symlink());
            install(&store, "1.0.0").unwrap();
            assert_eq!(loaded(root).unwrap(), "1.0.0");
        }
    }
}

#[test]
fn a_receipt_never_leads_outside() {
    let good = receipt("tool", "1.0.0", "1.0.0");
    type Edit = (&'static str, fn(&mut Receipt));
    let bad: &[Edit] = &[
        ("invalid version `../../x`", |it| it.version = "../../x".into()),
        ("invalid version `1.0.0/../..`", |it| it.version = "1.0.0/../..".into()),
        ("invalid link `../x.so`", |it| it.link = "../x.so".into()),
        ("invalid link `/x.so`", |it| it.link = "/x.so".into()),
        ("invalid link `.store`", |it| it.link = ".store".into()),
        ("invalid link `plugins.lock`", |it| it.link = "plugins.lock".into()),
        ("invalid link `nul.so`", |it| it.link = "nul.so".into()),
        ("invalid file `../lib.so`", |it| it.file = "../lib.so".into()),
        ("invalid file `/etc/passwd`", |it| it.file = "/etc/passwd".into()),
        ("invalid file `a/../../b`", |it| {
            let record = it.files["lib.so"];
            it.files.insert("a/../../b".into(), record);
        }),
        ("invalid name `../x`", |it| it.name = "../x".into()),
        ("invalid tag `../x`", |it| it.tag = Some("../x".into())),
    ];
    for (expected, edit) in bad {
        let folder = empty();
        let store = lock(folder.path());
        install(&store, "1.0.0").unwrap();
        let before = everything(folder.path());
        let mut receipt = good.clone();
        edit(&mut receipt);
        let err = keep(&store, "acme/tool", &receipt, "1.0.0").unwrap_err();
        assert!(text(&err).ends_with(expected), "{}", text(&err));
        assert_eq!(everything(folder.path()), before);
        fs::write(folder.path().join("acme/tool/1.0.0/.receipt.toml"), receipt.to_string())
            .unwrap();
        assert_eq!(tool(&store).damaged["1.0.0"], *expected);
        assert!(store.switch(&place("acme/tool"), "1.0.0").is_err());
    }
    let more = format!("from_the_future = 1\n{good}");
    assert_eq!(more.parse::<Receipt>().unwrap(), good);
    for place in [("..", "x"), ("a", ".."), ("a/b", "c"), ("", "x"), ("a", "b\\c"), ("a", "con")] {
        let place = Place { owner: place.0.into(), repo: place.1.into() };
        let folder = empty();
        let err = lock(folder.path()).stage(&place, &files("x")).unwrap_err();
        assert!(matches!(err, StoreError::Name { .. }), "{err}");
    }
}

#[test]
fn a_link_of_a_plugin_that_was_deleted_by_hand_is_in_nobodys_way() {
    let folder = empty();
    let store = lock(folder.path());
    install(&store, "1.0.0").unwrap();
    fs::remove_dir_all(folder.path().join("acme/tool")).unwrap();
    let receipt = receipt("tool", "1.0.0", "fork");
    keep(&store, "fork/tool", &receipt, "fork").unwrap();
    assert_eq!(loaded(folder.path()).unwrap(), "fork");
    // The link of an existing plugin is in the way.
    let err = install(&store, "1.0.0").unwrap_err();
    assert_eq!(err.to_string(), "plugin file `tool.so` belongs to `fork/tool`");
    assert!(store.plugin(&place("acme/tool")).unwrap().is_none());
    assert!(!folder.path().join("acme/tool").exists());
}

#[test]
fn a_store_that_cannot_be_written_is_read_all_the_same() {
    let folder = empty();
    let root = folder.path();
    install(&lock(root), "1.0.0").unwrap();
    // Permissions do not restrict an administrator, who may run the tests.
    let _fault = fs_fault(root);
    assert_eq!(tool(&open(root)).current.as_deref(), Some("1.0.0"));
    let err = Store::lock(root, &mut |_| {}).unwrap_err();
    let text = text(&err);
    assert!(text.starts_with("failed to create `") && text.contains("Read-only"), "{text}");
}

fn fs_fault(_: &Path) -> pintle_host::fs::fault::Injected {
    pintle_host::fs::fault::inject(|it| match it.is_change() {
        true => Err(io::Error::from_raw_os_error(rustix::io::Errno::ROFS.raw_os_error())),
        false => Ok(()),
    })
}
