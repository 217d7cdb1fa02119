//! Every operation that changes the store is killed, or fails, at each of its steps in turn.

use super::fault::{self, Accident};
use super::*;
#[cfg(unix)]
use rustix::io::Errno;

/// What the killed process reads from its environment: the store, the action, and the step before
/// which it is killed.
#[cfg(unix)]
const ORDER: &str = "PINTLE_TEST_STORE_ACCIDENT";

/// An action that changes the store, from taking the lock on.
struct Action {
    name: &'static str,
    /// The state before it.
    prepare: fn(&Path),
    run: fn(&Path) -> Result<(), StoreError>,
    /// Whether a failure may come after the change. Such an action repairs, and needs no undoing.
    is_repair: bool,
}

const ACTIONS: &[Action] = &[
    action("install", |_| {}, |root| install(&try_lock(root)?, "1.0.0")),
    action(
        "install beside the user's own",
        |root| {
            fs::create_dir_all(root.join("acme/mine")).unwrap();
            fs::write(root.join("acme/mine/lib.so"), "mine").unwrap();
        },
        |root| install(&try_lock(root)?, "1.0.0"),
    ),
    action(
        "install for a project",
        |_| {},
        |root| {
            let store = try_lock(root)?;
            let staged = store.stage(&place("acme/tool"), &files("1.0.0"))?;
            staged.keep(&receipt("tool", "1.0.0", "1.0.0"), None, false).map(drop)
        },
    ),
    action(
        "update",
        |root| install(&lock(root), "1.0.0").unwrap(),
        |root| install(&try_lock(root)?, "2.0.0"),
    ),
    action(
        "update to another link",
        |root| install(&lock(root), "1.0.0").unwrap(),
        |root| {
            let receipt = Receipt { link: "other.so".into(), ..receipt("tool", "2.0.0", "2") };
            keep(&try_lock(root)?, "acme/tool", &receipt, "2").map(drop)
        },
    ),
    action(
        "same version, other files",
        |root| install(&lock(root), "1.0.0").unwrap(),
        |root| {
            let receipt = receipt("tool", "1.0.0", "other");
            keep(&try_lock(root)?, "acme/tool", &receipt, "other").map(drop)
        },
    ),
    action("reinstall", two, |root| {
        let receipt = Receipt { trust: Trust::Digest, ..receipt("tool", "1.0.0", "1.0.0") };
        keep(&try_lock(root)?, "acme/tool", &receipt, "1.0.0").map(drop)
    }),
    Action {
        is_repair: true,
        ..action(
            "repair",
            |root| {
                install(&lock(root), "1.0.0").unwrap();
                fs::write(root.join("acme/tool/1.0.0/lib.so"), "damaged").unwrap();
            },
            |root| install(&try_lock(root)?, "1.0.0"),
        )
    },
    action("roll back", two, |root| {
        let store = try_lock(root)?;
        let tool = store.plugin(&place("acme/tool"))?.unwrap();
        store.roll_back(&tool, "1.0.0")
    }),
    action("disable", two, |root| {
        let store = try_lock(root)?;
        let tool = store.plugin(&place("acme/tool"))?.unwrap();
        store.disable(&tool)
    }),
    action(
        "enable",
        |root| {
            two(root);
            let store = lock(root);
            store.disable(&tool(&store)).unwrap();
        },
        |root| try_lock(root)?.switch(&place("acme/tool"), "2.0.0"),
    ),
    action("pin", two, |root| {
        let store = try_lock(root)?;
        let state = State { is_pinned: true, ..store.state(&place("acme/tool"))?.unwrap() };
        store.set_state(&place("acme/tool"), &state)
    }),
    action("remove", two, |root| {
        let store = try_lock(root)?;
        match store.plugin(&place("acme/tool"))? {
            Some(tool) => store.remove(&tool),
            None => Ok(()),
        }
    }),
    action("prune", two, |root| {
        let store = try_lock(root)?;
        match store.plugin(&place("acme/tool"))?.unwrap().versions.contains_key("1.0.0") {
            true => store.remove_version(&place("acme/tool"), "1.0.0"),
            false => Ok(()),
        }
    }),
    action("make a view", two, view),
    action(
        "make a view for a second project",
        |root| {
            two(root);
            lock(root).make_view("view", &root.join("first"), &members()).unwrap();
        },
        view,
    ),
    Action {
        is_repair: true,
        ..action(
            "repair a view",
            |root| {
                two(root);
                lock(root).make_view("view", &root.join("first"), &members()[1..]).unwrap();
            },
            view,
        )
    },
    action(
        "drop a view",
        |root| {
            two(root);
            lock(root).make_view("view", &root.join("gone"), &members()).unwrap();
        },
        |root| try_lock(root)?.needed_by_projects(false).map(drop),
    ),
];

const fn action(
    name: &'static str,
    prepare: fn(&Path),
    run: fn(&Path) -> Result<(), StoreError>,
) -> Action {
    Action { name, prepare, run, is_repair: false }
}

fn try_lock(root: &Path) -> Result<LockedStore, StoreError> {
    Store::lock(root, &mut |_| {})
}

/// Installs two versions of one plugin, and another plugin.
fn two(root: &Path) {
    let store = lock(root);
    install(&store, "1.0.0").unwrap();
    install(&store, "2.0.0").unwrap();
    keep(&store, "acme/other", &receipt("other", "1.0.0", "other"), "other").unwrap();
}

fn members() -> [(Place, String); 2] {
    [(place("acme/tool"), "1.0.0".into()), (place("acme/other"), "1.0.0".into())]
}

fn view(root: &Path) -> Result<(), StoreError> {
    try_lock(root)?.make_view("view", &root.join("second"), &members())
}

impl Action {
    fn prepared(&self) -> TempDir {
        let folder = empty();
        (self.prepare)(folder.path());
        folder
    }

    /// Returns the trees before and after.
    fn trees(&self) -> (Tree, Tree) {
        let folder = self.prepared();
        // The store's own directory exists once the lock has been taken.
        drop(lock(folder.path()));
        let before = tree(folder.path());
        (self.run)(folder.path()).unwrap();
        (before, tree(folder.path()))
    }

    /// Returns whether only a view differs, which is repaired link by link.
    fn is_repaired_view(&self, found: &Tree, before: &Tree) -> bool {
        let is_other = |it: &(&String, &String)| !it.0.starts_with(".store/projects/");
        self.is_repair && found.iter().filter(is_other).eq(before.iter().filter(is_other))
    }

    /// Checks that the next process cleans up, and that the action then succeeds. Returns whether
    /// the change was complete before that.
    #[track_caller]
    fn check_recovery(&self, root: &Path, (before, after): &(Tree, Tree), when: &str) -> bool {
        drop(lock(root));
        let found = tree(root);
        let is_after = found == *after;
        let is_right = is_after || found == *before || self.is_repaired_view(&found, before);
        assert!(is_right, "{} {when}: {found:#?}", self.name);
        assert_eq!(leftovers(root), [""; 0], "{} {when}", self.name);
        (self.run)(root).unwrap_or_else(|err| panic!("{} {when}, again: {err}", self.name));
        assert_eq!(tree(root), *after, "{} {when}, again", self.name);
        assert_eq!(leftovers(root), [""; 0], "{} {when}, again", self.name);
        is_after
    }
}

#[cfg(unix)]
#[test]
fn an_action_with_one_failure_changes_nothing() {
    fault::count_all(true);
    let codes = [Errno::IO, Errno::NOSPC, Errno::ACCESS];
    for action in ACTIONS {
        let trees = action.trees();
        for n in 0.. {
            let code = codes[n % codes.len()];
            let folder = action.prepared();
            let root = folder.path();
            drop(lock(root));
            fault::plan(n, Accident::Error(code.raw_os_error()));
            let res = (action.run)(root);
            let ended = fault::count() <= n;
            fault::reset();
            let found = tree(root);
            let when = format!("with {code} at operation {n}: {res:?}");
            let is_right = match &res {
                Ok(()) => found == trees.1,
                Err(_) if action.is_repaired_view(&found, &trees.0) => true,
                Err(_) => found == trees.0 || action.is_repair && found == trees.1,
            };
            assert!(is_right, "{} {when} {found:#?}", action.name);
            action.check_recovery(root, &trees, &when);
            if ended {
                assert!(res.is_ok() && n > 10, "{} {when}", action.name);
                break;
            }
        }
    }
    fault::count_all(false);
}

#[cfg(unix)]
#[test]
fn a_disk_that_breaks_in_the_middle_is_repaired_when_it_is_back() {
    for old_system in [false, true] {
        fault::set_old_system(old_system);
        for action in ACTIONS {
            let trees = action.trees();
            for n in 0.. {
                let folder = action.prepared();
                fault::plan(n, Accident::Broken(Errno::ROFS.raw_os_error()));
                let res = (action.run)(folder.path());
                let ended = fault::count() <= n;
                fault::reset();
                action.check_recovery(folder.path(), &trees, &format!("broken at {n}: {res:?}"));
                if ended {
                    break;
                }
            }
        }
    }
    fault::set_old_system(false);
}

/// The process that is killed. Without an order, it has nothing to do.
#[cfg(unix)]
#[test]
fn the_process_that_is_killed() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let [n, idx, old_system, root] = order.splitn(4, ' ').collect::<Vec<_>>()[..] else {
        panic!("an order has four parts")
    };
    fault::set_old_system(old_system == "true");
    fault::plan(n.parse().unwrap(), Accident::Kill);
    match idx {
        "recover" => drop(lock(Path::new(root))),
        idx => (ACTIONS[idx.parse::<usize>().unwrap()].run)(Path::new(root)).unwrap(),
    }
}

/// Runs a process that is killed before its step `n`, and returns whether it was.
#[cfg(unix)]
fn kill(root: &Path, what: &str, n: usize, old_system: bool) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    let module = module_path!().split_once("::").unwrap().1;
    let name = format!("{module}::the_process_that_is_killed");
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact"])
        .env(ORDER, format!("{n} {what} {old_system} {}", root.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test"), "{said}");
    match output.status.signal() {
        Some(9) => true,
        _ if output.status.success() => false,
        _ => panic!("{}: {said}", output.status),
    }
}

/// Kills each action at each of its steps, and returns how often.
#[cfg(unix)]
fn kill_everywhere(
    old_system: bool,
    check: impl Fn(&Action, &Path, &(Tree, Tree), usize),
) -> usize {
    let mut n_kills = 0;
    for (idx, action) in ACTIONS.iter().enumerate() {
        let trees = action.trees();
        for n in 0.. {
            let folder = action.prepared();
            if !kill(folder.path(), &idx.to_string(), n, old_system) {
                break;
            }
            n_kills += 1;
            check(action, folder.path(), &trees, n);
        }
    }
    n_kills
}

#[cfg(unix)]
#[test]
#[expect(clippy::print_stdout, reason = "the number of points is what the test is about")]
fn an_action_that_is_killed_leaves_the_store_before_or_after() {
    let undone = std::cell::Cell::new(0);
    let points = kill_everywhere(false, |action, root, trees, n| {
        let was_disabled = !root.join("tool.so").exists();
        if !was_disabled {
            // Even before the cleanup, the host can load everything that it finds.
            assert!(loaded(root).is_some());
        }
        if !action.check_recovery(root, trees, &format!("killed at {n}")) {
            undone.set(undone.get() + 1);
        }
    });
    println!("killed at {points} points: {} undone", undone.get());
    assert!(points >= 200 && undone.get() > 0 && undone.get() < points, "{points}");
}

#[cfg(unix)]
#[test]
#[expect(clippy::print_stdout, reason = "the number of points is what the test is about")]
fn a_recovery_that_is_killed_is_recovered() {
    fault::set_old_system(true);
    let kills = std::cell::Cell::new(0);
    kill_everywhere(true, |action, root, trees, n| {
        // Each recovery gets one step further than the previous one, until one is not killed.
        // Without an unfinished change, a recovery does almost nothing. Of the others, a part
        // suffices, because there are thousands of processes.
        let is_recovered = root.join(OWN).join(change::JOURNAL).exists() && n % 3 == 0;
        for m in (0..).take_while(|_| is_recovered) {
            if !kill(root, "recover", m, true) {
                break;
            }
            kills.set(kills.get() + 1);
        }
        action.check_recovery(root, trees, &format!("killed at {n}"));
    });
    println!("killed {} recoveries", kills.get());
    assert!(kills.get() >= 200, "{}", kills.get());
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_a_plugin_can_be_removed() {
    use pintle_host::fs::{Operation, fault};
    let folder = empty();
    let root = folder.path();
    two(root);
    let full = || io::Error::from_raw_os_error(Errno::NOSPC.raw_os_error());
    {
        let _fault = fault::inject(move |it| match it {
            Operation::Write | Operation::CreateDir | Operation::Symlink => Err(full()),
            _ => Ok(()),
        });
        let store = try_lock(root).unwrap();
        store.remove_version(&place("acme/tool"), "1.0.0").unwrap();
        store.remove(&tool(&store)).unwrap();
        drop(store);
        let err = (ACTIONS[0].run)(root).unwrap_err();
        assert!(matches!(err, StoreError::Disk(it) if it.kind() == io::ErrorKind::StorageFull));
    }
    assert!(!root.join("acme/tool").exists() && !root.join("tool.so").is_symlink());
    assert_eq!(leftovers(root), [""; 0]);
    // With free space again, the lock file is updated.
    install(&lock(root), "1.0.0").unwrap();
    let locked = fs::read_to_string(root.join(LOCK_FILE)).unwrap();
    assert!(locked.contains("1.0.0") && locked.contains("other"), "{locked}");
}
