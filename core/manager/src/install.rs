//! Installs a plugin from its source into the store.
//!
//! The steps: find the release, choose the file, fetch it, compare its digest, verify its
//! signature, unpack it, identify it, check it in a separate process, store it, make it visible. An
//! error names its step, and leaves the store unchanged.

use crate::archive::{self, Limits, UnpackedFile};
use crate::asking;
use crate::asset;
use crate::digest::Digest;
use crate::errors::{failed, refused};
use crate::lockfile::Locked;
use crate::origin::{Origin, Release, Remote, Wanted};
use crate::signature::{self, Bound, PublicKey};
use crate::source::spec::shown;
use crate::store::{FileRecord, LockedStore, Place, Receipt, Staged, Stored, Target};
use crate::trust::Trust;
use pintle_host::catalog::{Reason, examine};
use pintle_host::cli::{Checked, CliError, Exit, FileKind, Session};
use pintle_host::{PluginKey, PluginVersion};
use pintle_plugin::manifest::TARGET;
use pintle_plugin::message::{ProgressUpdate, Prompt};
use std::collections::BTreeMap;
use std::path::Path;
use time::format_description::well_known::Rfc3339;

/// The source of a plugin, and its place in the store.
pub(crate) struct Source<'a> {
    /// What the user would type, without a version.
    pub(crate) text: String,
    pub(crate) place: Place,
    pub(crate) origin: Box<dyn Origin + 'a>,
}

impl Source<'_> {
    /// Returns what the user would type, in displayable form.
    pub(crate) fn shown(&self) -> String {
        shown(&self.text)
    }
}

/// What to install from a source.
#[derive(Default)]
pub(crate) struct Demand<'a> {
    pub(crate) wanted: Wanted,
    /// The release, if it was found before.
    pub(crate) release: Option<Release>,
    /// The entry of a lock file: exactly this is installed.
    pub(crate) locked: Option<&'a Locked>,
    /// The required name and version.
    pub(crate) expected: Option<(&'a str, &'a str)>,
    /// Whether an older version than the installed one is a fault of the source.
    pub(crate) is_update: bool,
    /// Whether the plugin becomes visible to the host, or is only stored.
    pub(crate) is_visible: bool,
    /// Whether the file comes from a mirror, and not from the URL in the lock file.
    pub(crate) is_mirrored: bool,
}

/// What the user permits.
#[derive(Default)]
pub(crate) struct Consent {
    /// Every question is answered with yes.
    pub(crate) yes: bool,
    /// The trust may be lower than before, and the version older.
    pub(crate) allow_downgrade: bool,
    /// The minimum trust, whatever was installed before.
    pub(crate) minimum_trust: Trust,
    /// The key with which the releases are signed.
    pub(crate) key: Option<PublicKey>,
    /// The digest of the file.
    pub(crate) digest: Option<Digest>,
}

/// The result.
pub(crate) struct Installed {
    pub(crate) receipt: Receipt,
    /// The directory of the version.
    pub(crate) version: String,
    /// The version that was in use before.
    pub(crate) before: Option<Receipt>,
    pub(crate) warnings: Vec<String>,
}

pub(crate) struct Installer<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) store: &'a LockedStore,
    pub(crate) consent: &'a Consent,
}

/// A fetched file, with all information about its bytes.
struct Fetched {
    remote: Remote,
    bytes: Vec<u8>,
    archive: Digest,
    trust: Trust,
    signed: Option<Signed>,
}

struct Signed {
    key: PublicKey,
    comment: signature::TrustedComment,
}

impl Installer<'_> {
    /// Installs a plugin.
    pub(crate) fn install(
        &self,
        source: &Source<'_>,
        demand: &Demand<'_>,
    ) -> Result<Installed, CliError> {
        self.run(source, demand).map_err(|(doing, err)| {
            let text = format!("failed to install `{}` while {doing}", source.shown());
            err.under(text)
        })
    }

    fn run(&self, source: &Source<'_>, demand: &Demand<'_>) -> Step<Installed> {
        let known = self.store.plugin(&source.place).at("reading the store")?;
        let release = self.release(source, demand).at("looking for the release")?;
        let remote = choose(source, &release).and_then(named).at("choosing the file")?;
        let fetched = self.fetch(source, demand, known.as_ref(), &release, remote)?;
        // No content of a file with lower trust than before is examined.
        self.check_trust(demand, known.as_ref(), fetched.trust).at("comparing its trust")?;
        if fetched.trust == Trust::None && source.origin.server().is_some() {
            let text = format!("nothing vouches for the bytes of `{}`", fetched.remote.name);
            self.session.console().log(pintle_plugin::Level::Warn, &text);
        }
        let files = unpack(source, &fetched).at("unpacking it")?;
        let staged = self.store.stage(&source.place, &files).at("writing its files")?;
        let file = find_plugin(&staged, &files).at("looking for the plugin in it")?;
        let path = staged.path(&file);
        if let Some(signed) = &fetched.signed {
            // A library can be identified without running it. A program must be run.
            if let Ok(examined) = examine(&path, self.session.rules()) {
                check_bound(signed, &fetched, &examined.key).at("verifying its signature")?;
            }
        }
        let checked = self.session.check_file(&path).at("checking it")?;
        // The plugin's own code has run with the user's permissions.
        check_unchanged(&staged, &files).at("checking it")?;
        self.check_names(source, known.as_ref(), &checked)
            .at("comparing it with the installed plugins")?;
        if let Some(signed) = &fetched.signed {
            check_bound(signed, &fetched, &checked.key).at("verifying its signature")?;
        }
        check_version(demand, &release, &checked.key).at("comparing its version")?;
        let receipt = receipt(source, demand, &release, &fetched, &files, file, &checked);
        self.check_pin(demand, known.as_ref(), &receipt)
            .and_then(|()| self.check_age(demand, known.as_ref(), &receipt))
            .at("comparing it with the installed plugins")?;
        if demand.is_visible {
            self.check_commands(&checked).at("comparing its commands with existing ones")?;
        }
        // A key from a lock file was not used for verification now.
        let verified = fetched.signed.as_ref().map(|it| &it.key);
        let version = staged.keep(&receipt, verified, demand.is_visible).at("storing it")?;
        let before = known.as_ref().and_then(|it| it.in_use()).map(|it| it.1.clone());
        Ok(Installed { receipt, version, before, warnings: checked.warnings })
    }

    fn release(&self, source: &Source<'_>, demand: &Demand<'_>) -> Result<Release, CliError> {
        if let Some(release) = &demand.release {
            return Ok(release.clone());
        }
        // A signed entry of a lock file is verified again: on its own, the lock file only proves
        // the digest.
        let is_asked = |it: &&Locked| !demand.is_mirrored && it.trust < Trust::Signed;
        let Some(locked) = demand.locked.filter(is_asked) else {
            let console = self.session.console();
            return Ok(asking::release(console, &*source.origin, &demand.wanted)?);
        };
        // Locked files are fetched without a query for the available releases.
        let target = locked.targets.get(TARGET).ok_or_else(|| {
            let there: Vec<_> = locked.targets.keys().map(|it| format!("`{it}`")).collect();
            failed(format!(
                "the lock file has no file for `{TARGET}`, only for {}",
                there.join(", ")
            ))
            .hint("lock the plugin again on a machine with this target".to_owned())
        })?;
        let remote = Remote {
            name: target.asset.clone(),
            url: target.url.clone(),
            size: None,
            digest: target.archive,
            unknown_digest: None,
            target: Some(TARGET.to_owned()),
        };
        Ok(Release { tag: locked.tag.clone(), files: vec![remote], ..Release::default() })
    }

    fn fetch(
        &self,
        source: &Source<'_>,
        demand: &Demand<'_>,
        known: Option<&Stored>,
        release: &Release,
        remote: Remote,
    ) -> Step<Fetched> {
        let is_known = self.consent.digest.is_some() || demand.locked.is_some();
        check_digest(&remote)
            .or_else(|err| if is_known { Ok(()) } else { Err(err) })
            .at("comparing its digest")?;
        let bytes = self.download(source, &remote).at("fetching it")?;
        let archive = Digest::of(&bytes);
        let mut trust = Trust::None;
        for (expected, whose) in [
            (demand.locked.and_then(|it| it.targets.get(TARGET)?.archive), "the lock file"),
            (self.consent.digest, "`--sha256`"),
            (remote.digest, "its source"),
        ] {
            let Some(expected) = expected else { continue };
            if archive != expected {
                let text = format!(
                    "`{}` has the digest {archive}, but {whose} specifies {expected}",
                    remote.name
                );
                return Err(("comparing its digest", refused(text).hint(TAMPERED.to_owned())));
            }
            trust = Trust::Digest;
        }
        let mut fetched = Fetched { remote, bytes, archive, trust, signed: None };
        match demand.locked {
            Some(locked) if fetched.trust == Trust::Digest && locked.trust < Trust::Signed => {}
            _ => {
                let key = demand.locked.and_then(|it| it.key.clone());
                fetched.signed = self
                    .verify(source, known, key, release, &fetched)
                    .at("verifying its signature")?;
                if fetched.signed.is_some() {
                    fetched.trust = Trust::Signed;
                }
            }
        }
        Ok(fetched)
    }

    /// Fetches a file that is too small for a progress bar.
    fn fetch_small(&self, source: &Source<'_>, file: &Remote) -> Result<Vec<u8>, CliError> {
        let servers = source.origin.server().into_iter().collect();
        let fetch = || source.origin.fetch(file, &mut |_, _| {});
        Ok(asking::patiently(self.session.console(), servers, fetch)?)
    }

    fn download(&self, source: &Source<'_>, remote: &Remote) -> Result<Vec<u8>, CliError> {
        if source.origin.server().is_none() {
            return Ok(source.origin.fetch(remote, &mut |_, _| {})?);
        }
        let console = self.session.console();
        let mut update = ProgressUpdate::default();
        update.title = format!("fetching {}", remote.name);
        update.total = remote.size;
        console.progress(&source.text, update.clone());
        let res = source.origin.fetch(remote, &mut |done, total| {
            update.done = done;
            update.total = total;
            console.progress(&source.text, update.clone());
        });
        match res {
            Ok(bytes) => {
                update.finished = true;
                console.progress(&source.text, update);
                Ok(bytes)
            }
            Err(err) => {
                console.drop_progress(&source.text, update.id);
                Err(err.into())
            }
        }
    }

    /// Verifies the signature of the fetched file, if there is one or one is required.
    fn verify(
        &self,
        source: &Source<'_>,
        known: Option<&Stored>,
        locked: Option<PublicKey>,
        release: &Release,
        fetched: &Fetched,
    ) -> Result<Option<Signed>, CliError> {
        let pinned = known.and_then(|it| it.state.key.clone()).or(locked);
        if let (Some(pinned), Some(given)) = (&pinned, &self.consent.key)
            && pinned != given
        {
            return Err(other_key(source, pinned, given));
        }
        let names = signature::signature_names(&fetched.remote.name);
        let file = release.files.iter().find(|it| names.contains(&it.name));
        let Some(file) = file else {
            return match &self.consent.key {
                Some(_) => Err(refused(format!("`{}` has no signature", fetched.remote.name))
                    .hint(format!("ask its author to publish `{}` next to it", names[0]))),
                // Whether the signature may be missing depends on the previously installed version.
                None => Ok(None),
            };
        };
        let text = self.fetch_small(source, file)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let Some(key) = self.key(source, release, pinned)? else { return Ok(None) };
        let comment = signature::verify(&key, &fetched.bytes, &text, &fetched.remote.name)
            .map_err(|err| match &err.reason {
                signature::Reason::OtherKey { .. } => CliError::from_error(Exit::Refused, &err)
                    .hint(format!(
                        "if the author of `{}` has announced a new key, remove the plugin and \
                         install it again",
                        source.shown()
                    )),
                _ => CliError::from_error(Exit::Refused, &err).hint(TAMPERED.to_owned()),
            })?;
        Ok(Some(Signed { key, comment }))
    }

    /// Returns the key for the verification: the user's key, the pinned key, or the key in the
    /// release, if the user trusts it.
    fn key(
        &self,
        source: &Source<'_>,
        release: &Release,
        pinned: Option<PublicKey>,
    ) -> Result<Option<PublicKey>, CliError> {
        if let Some(key) = self.consent.key.clone().or(pinned) {
            return Ok(Some(key));
        }
        let Some(file) = release.files.iter().find(|it| it.name == KEY_FILE) else {
            let text = format!(
                "`{}` is signed, but its key is unknown: the signature is not verified",
                source.shown()
            );
            self.session.console().log(pintle_plugin::Level::Warn, &text);
            return Ok(None);
        };
        let text = self.fetch_small(source, file)?;
        let key: PublicKey = String::from_utf8_lossy(&text)
            .parse()
            .map_err(|err| CliError::from_error(Exit::Refused, &err))?;
        let question = format!(
            "`{}` is signed with key {} ({key}). Trust it for this and all later versions?",
            source.shown(),
            key.id()
        );
        let hint = format!("specify the key with `--key {key}`, or accept it with `--yes`");
        match self.ask(&question)? {
            Answer::Yes => Ok(Some(key)),
            Answer::No => Err(CliError::new(Exit::Failed, "the key is not trusted")),
            Answer::NoTerminal => {
                let text =
                    format!("`{}` is signed with key {}, which is new", source.shown(), key.id());
                Err(refused(text).hint(hint))
            }
        }
    }

    fn ask(&self, question: &str) -> Result<Answer, CliError> {
        use std::io::IsTerminal as _;
        if self.consent.yes {
            return Ok(Answer::Yes);
        }
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            return Ok(Answer::NoTerminal);
        }
        let answer = self.session.console().prompt(Prompt::confirm(question));
        match answer {
            Ok(answer) if answer == "true" => Ok(Answer::Yes),
            Ok(_) => Ok(Answer::No),
            Err(err) => Err(failed(err.message)),
        }
    }

    /// Refuses a plugin with another name than before, or one that is installed from another
    /// source.
    fn check_names(
        &self,
        source: &Source<'_>,
        known: Option<&Stored>,
        checked: &Checked,
    ) -> Result<(), CliError> {
        let name = checked.key.name().to_string();
        if let Some((_, before)) = known.and_then(|it| it.latest())
            && before.name != name
        {
            let text = format!("it is now plugin `{name}`, and was `{}` before", before.name);
            let hint = format!("if this is intended, remove `{}` first", before.name);
            return Err(refused(text).hint(hint));
        }
        let plugins = self.store.plugins().map_err(CliError::from)?;
        let mut others = plugins.iter().filter(|it| it.place != source.place);
        let same = |it: &&Stored| it.latest().is_some_and(|it| it.1.name == name);
        if let Some(other) = others.find(same) {
            let text = format!("plugin `{name}` is installed from `{}`", source_of(other));
            return Err(refused(text).hint(format!("remove `{name}` first")));
        }
        Ok(())
    }

    /// Refuses a file with lower trust than the previous one, or than the user requires.
    fn check_trust(
        &self,
        demand: &Demand<'_>,
        known: Option<&Stored>,
        trust: Trust,
    ) -> Result<(), CliError> {
        let minimum = self.consent.minimum_trust;
        if trust < minimum {
            let text = format!("its trust is `{trust}`, but `minimum-trust` is `{minimum}`");
            let hint = match minimum {
                Trust::Signed => "ask its author to sign it with minisign",
                _ => "specify its digest with `--sha256`",
            };
            return Err(refused(text).hint(hint.to_owned()));
        }
        let before = known.and_then(|it| it.latest()).map(|it| it.1.trust);
        let floor = before.max(demand.locked.map(|it| it.trust));
        match floor.filter(|it| trust < *it && !self.consent.allow_downgrade) {
            None => Ok(()),
            Some(floor) => {
                Err(refused(format!("its trust is `{trust}`, but was `{floor}` before"))
                    .hint(DOWNGRADE.to_owned()))
            }
        }
    }

    /// Refuses a version other than the pinned one.
    fn check_pin(
        &self,
        demand: &Demand<'_>,
        known: Option<&Stored>,
        receipt: &Receipt,
    ) -> Result<(), CliError> {
        let is_asked = demand.is_visible && demand.locked.is_none();
        let kept = known.filter(|it| it.state.is_pinned && is_asked).and_then(|it| it.latest());
        match kept.filter(|it| it.1.content != receipt.content) {
            None => Ok(()),
            Some((_, kept)) => {
                let command = &self.session.identity().command_name;
                let text = format!("`{}` is pinned to version {}", kept.name, kept.version);
                Err(failed(text).hint(format!("run `{command} plugin unpin {}` first", kept.name)))
            }
        }
    }

    /// Refuses an update to an older version.
    fn check_age(
        &self,
        demand: &Demand<'_>,
        known: Option<&Stored>,
        receipt: &Receipt,
    ) -> Result<(), CliError> {
        let before = known.and_then(|it| it.latest()).map(|it| it.1);
        let is_older = |before: &&Receipt| receipt.plugin_version() < before.plugin_version();
        let is_newest = demand.wanted.version.is_none() && demand.locked.is_none();
        let is_checked = (demand.is_update || is_newest) && !self.consent.allow_downgrade;
        match before.filter(|it| is_checked && is_older(it)) {
            None => Ok(()),
            Some(before) => {
                let (found, before) = (&receipt.version, &before.version);
                let text = format!("its newest version is {found}, but {before} is installed");
                Err(refused(text).hint(DOWNGRADE.to_owned()))
            }
        }
    }

    /// Reports commands that the host or another plugin already has, before they become ambiguous.
    fn check_commands(&self, checked: &Checked) -> Result<(), CliError> {
        let (key, commands) = (&checked.key, &checked.manifest.commands);
        let catalog = self.session.catalog();
        let clashes = catalog.foreseen_clashes(key, commands, self.session.rules());
        if clashes.is_empty() {
            return Ok(());
        }
        let text = Reason::Clashes(clashes).to_string();
        match self.ask(&format!("{text}. Install it anyway?"))? {
            Answer::Yes => {
                self.session.console().log(pintle_plugin::Level::Warn, &text);
                Ok(())
            }
            _ => Err(CliError::new(Exit::Ambiguous, text).hint(
                "install it anyway with `--yes`, and call the command with `plugin run KEY`"
                    .to_owned(),
            )),
        }
    }
}

/// The answer to a question.
enum Answer {
    Yes,
    No,
    NoTerminal,
}

/// The name of the file in a release that contains its author's public key.
pub(crate) const KEY_FILE: &str = "minisign.pub";

const DOWNGRADE: &str = "ask its author why, or install it anyway with `--allow-downgrade`";

const TAMPERED: &str =
    "do not use the file, and report it to its author: it is not the published one";

/// The result of a step. An error includes what was being done.
type Step<T> = Result<T, (&'static str, CliError)>;

trait At<T> {
    fn at(self, doing: &'static str) -> Step<T>;
}

impl<T, E: Into<CliError>> At<T> for Result<T, E> {
    fn at(self, doing: &'static str) -> Step<T> {
        self.map_err(|err| (doing, err.into()))
    }
}

fn source_of(stored: &Stored) -> String {
    stored.latest().map_or_else(|| stored.place.to_string(), |it| shown(&it.1.source))
}

fn other_key(source: &Source<'_>, pinned: &PublicKey, given: &PublicKey) -> CliError {
    let text =
        format!("the key pinned for `{}` is {}, not {}", source.shown(), pinned.id(), given.id());
    refused(text).hint(
        "if its author has announced a new key, remove the plugin and install it again".to_owned(),
    )
}

/// Refuses a file with a name that a text or a terminal cannot show.
fn named(remote: Remote) -> Result<Remote, CliError> {
    match remote.name.chars().any(char::is_control) {
        true => Err(refused("the name of the file contains control characters")
            .hint("report it to its author".to_owned())),
        false => Ok(remote),
    }
}

/// Refuses a file for which the source specifies an unsupported digest, as if there were none.
pub(crate) fn check_digest(remote: &Remote) -> Result<(), CliError> {
    let Some(unknown) = &remote.unknown_digest else { return Ok(()) };
    let text =
        format!("its source specifies an unsupported digest for `{}`: `{unknown}`", remote.name);
    let hint = "specify its SHA-256 digest with `--sha256`";
    Err(refused(text).hint(hint.to_owned()))
}

fn choose(source: &Source<'_>, release: &Release) -> Result<Remote, CliError> {
    // Some sources specify the target of a file.
    let fits = |it: &&Remote| it.target.as_deref() == Some(TARGET);
    let mut exact = release.files.iter().filter(fits);
    if let (Some(file), None) = (exact.next(), exact.next()) {
        return Ok(file.clone());
    }
    if let [only] = &release.files[..] {
        return Ok(only.clone());
    }
    let names: Vec<_> = release.files.iter().map(|it| &*it.name).collect();
    let wanted = asset::Wanted { target: TARGET, plugin: Some(&source.place.repo) };
    let choice = asset::choose(&names, &wanted).map_err(|err| {
        let hint = match &err {
            asset::ChooseError::NoneFits { publish, .. } => {
                let names: Vec<_> = publish.iter().map(|it| format!("`{it}`")).collect();
                format!("ask its author to publish {}", names.join(" or "))
            }
            _ => format!("ask its author to publish one file whose name contains `{TARGET}`"),
        };
        CliError::from_error(Exit::Failed, &err).hint(hint)
    })?;
    Ok(release.files[choice.index].clone())
}

/// Refuses a plugin with a version that differs from its release or from the requested one: an old
/// file, with its old signature, could be published as a new version.
fn check_version(demand: &Demand<'_>, release: &Release, key: &PluginKey) -> Result<(), CliError> {
    let tag = release.tag.as_ref().or(demand.wanted.version.as_ref());
    let said = tag.and_then(|it| it.parse::<PluginVersion>().ok());
    if let (Some(tag), Some(said)) = (tag, said)
        && key.exact_version() != Some(said)
    {
        let text = format!("the release is `{tag}`, but the plugin in it is `{key}`");
        return Err(refused(text).hint("report it to its author".to_owned()));
    }
    let Some((name, version)) = demand.expected else { return Ok(()) };
    if key.name().to_string() != name || version_text(key) != version {
        let text = format!("the lock file specifies `{name}` {version}, but the plugin is `{key}`");
        return Err(refused(text).hint("lock the plugin again".to_owned()));
    }
    Ok(())
}

/// Refuses a plugin that has changed its own files, which are then no longer the published ones.
fn check_unchanged(staged: &Staged<'_>, files: &[UnpackedFile]) -> Result<(), CliError> {
    match staged.settle(files)? {
        None => Ok(()),
        Some(file) => Err(refused(format!("it changed its own file `{file}`"))
            .hint("do not use it, and report it to its author".to_owned())),
    }
}

/// Finds the plugin's file among the unpacked ones.
fn find_plugin(staged: &Staged<'_>, files: &[UnpackedFile]) -> Result<String, CliError> {
    let kind = |it: &UnpackedFile| FileKind::of(&staged.path(&it.path));
    let of_kind = |wanted| -> Vec<&str> {
        let found = files.iter().filter(|it| kind(it) == Some(wanted));
        let mut found: Vec<_> = found.map(|it| &*it.path).collect();
        found.sort_unstable();
        found
    };
    let mut found = of_kind(FileKind::Library);
    if found.is_empty() {
        found = of_kind(FileKind::Program);
    }
    match found[..] {
        [file] => Ok(file.to_owned()),
        [] => {
            let there: Vec<_> = files.iter().take(10).map(|it| format!("`{}`", it.path)).collect();
            let text = format!("it contains no plugin, only {}", there.join(", "));
            Err(refused(text)
                .hint("use a library for this platform with a manifest, or a program".to_owned()))
        }
        _ => {
            let found: Vec<_> = found.iter().map(|it| format!("`{it}`")).collect();
            let text = format!("it contains several plugins: {}", found.join(", "));
            Err(refused(text).hint("ask its author to publish each as a separate file".to_owned()))
        }
    }
}

fn unpack(source: &Source<'_>, fetched: &Fetched) -> Result<Vec<UnpackedFile>, CliError> {
    let name = &fetched.remote.name;
    let empty = || {
        refused(format!("`{name}` is empty"))
            .hint("check that the file is complete, or ask its author to pack a plugin".to_owned())
    };
    if fetched.bytes.is_empty() {
        return Err(empty());
    }
    if archive::kind(&fetched.bytes).is_none() {
        let is_library =
            Path::new(name).extension().is_some_and(|it| it == std::env::consts::DLL_EXTENSION);
        if !is_library && !is_runnable(&fetched.bytes) {
            let text = format!("`{name}` is not an archive, a library or a program");
            return Err(refused(text).hint(format!(
                "ask its author to publish a `.tar.zst`, a `{}`, or a program",
                std::env::consts::DLL_SUFFIX
            )));
        }
        // The name of a program is the name of the plugin unless it reports another one. The
        // platform is not part of it.
        let path = match is_library {
            true => name.clone(),
            false => program_name(&source.place.repo, name),
        };
        let bytes = fetched.bytes.clone();
        return Ok(vec![UnpackedFile { path, is_executable: !is_library, bytes }]);
    }
    let files = archive::unpack(name, &fetched.bytes, &Limits::default())
        .map_err(|err| CliError::from_error(Exit::Refused, &err).hint(err.reason.hint()))?;
    if files.is_empty() {
        return Err(empty());
    }
    let files = archive::without_top(files);
    match files.iter().find(|it| it.path.starts_with('.') && it.path.ends_with("receipt.toml")) {
        Some(it) => Err(refused(format!("the name `{}` is reserved", it.path))),
        None => Ok(files),
    }
}

/// Returns whether bytes begin like a program for any system.
fn is_runnable(bytes: &[u8]) -> bool {
    const MAGICS: [&[u8]; 5] =
        [b"#!", b"\x7fELF", b"MZ", &[0xcf, 0xfa, 0xed, 0xfe], &[0xca, 0xfe, 0xba, 0xbe]];
    MAGICS.iter().any(|it| bytes.starts_with(it))
}

/// Returns the file name of a program that is published as a single file.
fn program_name(repo: &str, asset: &str) -> String {
    let extension = Path::new(asset).extension().and_then(|it| it.to_str());
    let known = ["exe", "js", "pl", "py", "rb", "sh"];
    match extension.filter(|it| known.contains(it)) {
        Some(extension) if !repo.ends_with(&format!(".{extension}")) => {
            format!("{repo}.{extension}")
        }
        _ => repo.to_owned(),
    }
}

/// Checks that a signature is for this file of this version of this plugin.
fn check_bound(signed: &Signed, fetched: &Fetched, key: &PluginKey) -> Result<(), CliError> {
    let version = version_text(key);
    let name = key.name().to_string();
    let bound =
        Bound { name: &name, version: &version, target: TARGET, file: &fetched.remote.name };
    signed
        .comment
        .check(&bound)
        .map_err(|err| CliError::from_error(Exit::Refused, &err).hint(TAMPERED.to_owned()))
}

fn version_text(key: &PluginKey) -> String {
    let version = key.exact_version().map(|it: PluginVersion| it.to_string()).unwrap_or_default();
    version.strip_prefix('v').map(ToOwned::to_owned).unwrap_or(version)
}

fn receipt(
    source: &Source<'_>,
    demand: &Demand<'_>,
    release: &Release,
    fetched: &Fetched,
    files: &[UnpackedFile],
    file: String,
    checked: &Checked,
) -> Receipt {
    let is_program = checked.kind == FileKind::Program;
    let record = |it: &UnpackedFile| {
        let digest = Digest::of(&it.bytes);
        (it.path.clone(), FileRecord { digest, is_executable: it.is_executable })
    };
    let mut receipt = Receipt {
        name: checked.key.name().to_string(),
        version: version_text(&checked.key),
        source: source.text.clone(),
        tag: release.tag.clone(),
        link: link_name(&checked.key, is_program, &file),
        file,
        is_program,
        trust: fetched.trust,
        key: match (&fetched.signed, demand.locked) {
            (Some(signed), _) => Some(signed.key.clone()),
            (None, Some(locked)) => locked.key.clone(),
            (None, None) => None,
        },
        archive: fetched.archive,
        content: fetched.archive,
        published: release.published.and_then(|it| it.format(&Rfc3339).ok()),
        is_immutable: release.is_immutable,
        files: files.iter().map(record).collect(),
        targets: BTreeMap::new(),
    };
    receipt.content = receipt.digest_of_files();
    receipt.targets = match demand.locked {
        Some(locked) => locked.targets.clone(),
        None => targets(source, release),
    };
    let own = Target {
        asset: fetched.remote.name.clone(),
        url: fetched.remote.url.clone(),
        archive: Some(fetched.archive),
        content: Some(receipt.content),
    };
    receipt.targets.insert(TARGET.to_owned(), own);
    receipt
}

/// Returns the files of a release for each target, so that a lock file applies to all platforms.
fn targets(source: &Source<'_>, release: &Release) -> BTreeMap<String, Target> {
    let names: Vec<_> = release.files.iter().map(|it| &*it.name).collect();
    let said = release.files.iter().filter_map(|it| Some((it.target.clone()?, it)));
    let guessed = asset::TARGETS.iter().filter_map(|target| {
        let wanted = asset::Wanted { target, plugin: Some(&source.place.repo) };
        let choice = asset::choose(&names, &wanted).ok().filter(|it| !it.is_platformless)?;
        Some(((*target).to_owned(), &release.files[choice.index]))
    });
    let target = |file: &Remote| Target {
        asset: file.name.clone(),
        url: file.url.clone(),
        archive: file.digest,
        content: None,
    };
    guessed.chain(said).map(|(name, file)| (name, target(file))).collect()
}

/// Returns the name of the link in the plugin directory. A program that does not report its name is
/// named after its file, so its link has the plugin's short name.
fn link_name(key: &PluginKey, is_program: bool, file: &str) -> String {
    let name = key.name().to_string();
    if !is_program {
        return format!("{name}{}", std::env::consts::DLL_SUFFIX);
    }
    let file = Path::new(file).file_name().and_then(|it| it.to_str()).unwrap_or(&name);
    file.to_owned()
}
