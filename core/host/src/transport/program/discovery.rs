//! Programs among the files of plugin directories.
//!
//! Invariant: no program is run only because it is in a directory on the command line. Such a
//! directory may be a build directory: there, only files with the name of a program of the host are
//! queried; in the plugin directories, all programs are.

use super::answers::{Answer, Answers, Stamp};
use super::called::Program;
use super::info::{Refused, ask, manifest};
use super::surroundings::Surroundings;
use crate::catalog::{
    DirOrigin, Endpoint, ForeignPlugin, ForeignRefusal, OtherFile, PluginKey, PluginName,
    PluginVersion, Transport,
};
use crate::fs::{Exposure, is_worth_protecting};
use crate::services::Excerpt;
use pintle_plugin::manifest::Manifest;
use pintle_plugin::message::program::ProgramInfo;
use std::fs::Metadata;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How many programs are queried at the same time.
const N_AT_ONCE: usize = 8;

/// Finds the programs among files that are not libraries. `answers` is the cache of their
/// descriptions; programs that are not in it are queried.
pub fn find(
    files: Vec<OtherFile>,
    answers: Option<&Path>,
    around: &Arc<Surroundings>,
) -> Vec<ForeignPlugin> {
    let host = &around.identity.command_name;
    let is_meant = |it: &OtherFile| it.origin != DirOrigin::Option || is_named_so(&it.path, host);
    let files = files.into_iter().filter(is_meant);
    let candidates: Vec<_> = files.filter_map(|it| candidate(it.path, host)).collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let mut known = Answers::load(answers);
    let asked = ask_all(&candidates, &known, around);
    let plugins = candidates.into_iter().zip(asked).map(|(candidate, answer)| {
        let Candidate { path, stamp, is_settled } = candidate;
        let found = match (stamp, answer) {
            (Err(refused), _) => Err(refused),
            (Ok(stamp), None) => {
                let found = stamp.and_then(|it| known.find(&path, it)).cloned();
                found.map_or_else(|| Err(vanished()), |it| judged(&path, it, around))
            }
            (Ok(stamp), Some(answer)) => {
                if let Some(stamp) = stamp.filter(|_| is_settled) {
                    known.keep(&path, stamp, answer.clone());
                }
                judged(&path, answer, around)
            }
        };
        ForeignPlugin { transport: Transport::Executable, path, found }
    });
    let plugins = plugins.collect();
    known.save(answers);
    plugins
}

/// Asks a program for its description, even if it is cached, and caches the answer.
///
/// # Errors
///
/// [`ForeignRefusal`] if it does not answer, or if the answer cannot be used.
pub fn examine(
    path: &Path,
    answers: Option<&Path>,
    around: &Arc<Surroundings>,
) -> Result<(Manifest, Arc<dyn Endpoint>), ForeignRefusal> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let Some(Candidate { path, stamp, is_settled }) = candidate(path.clone(), "") else {
        let message = "it is not executable".to_owned();
        let hint = format!("run `chmod +x {}`", path.display());
        return Err(ForeignRefusal { message, source: None, hint });
    };
    let stamp = stamp?;
    let answer = question(&path, around);
    if let Some(stamp) = stamp.filter(|_| is_settled) {
        let mut known = Answers::load(answers);
        known.keep(&path, stamp, answer.clone());
        known.save(answers);
    }
    judged(&path, answer, around)
}

/// A file that is a program or should be one.
struct Candidate {
    path: PathBuf,
    /// What distinguishes the file from others, if the platform supports it; or why it is not a
    /// program.
    stamp: Result<Option<Stamp>, ForeignRefusal>,
    /// Whether later changes are certain to change the stamp.
    is_settled: bool,
}

/// Returns a file if it is a program or has the name of one.
fn candidate(path: PathBuf, host: &str) -> Option<Candidate> {
    let refused = |message: &str, hint: String| ForeignRefusal {
        message: message.to_owned(),
        source: None,
        hint,
    };
    let stamp = match std::fs::metadata(&path) {
        Ok(metadata) if !metadata.is_file() => return None,
        Ok(metadata) if can_run(&path, &metadata) => match exposed(&metadata) {
            Some(refusal) => Err(refusal),
            None => Ok(Stamp::of(&metadata)),
        },
        Ok(_) if is_named_so(&path, host) => {
            Err(refused("it is not executable", format!("run `chmod +x {}`", path.display())))
        }
        Ok(_) => return None,
        Err(err) if err.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
            let hint = format!("remove it: `rm {}`", path.display());
            Err(refused("it is a link to a file that does not exist", hint))
        }
        Err(_) if !is_named_so(&path, host) => return None,
        Err(err) => Err(ForeignRefusal {
            message: "it cannot be read".to_owned(),
            source: Some(err.into()),
            hint: "check the permissions of the file and its directories".to_owned(),
        }),
    };
    let is_settled = matches!(stamp, Ok(Some(it)) if it.is_settled());
    Some(Candidate { path, stamp, is_settled })
}

/// Returns why a program that others can change is not run.
fn exposed(metadata: &Metadata) -> Option<ForeignRefusal> {
    let exposure = Exposure::of(metadata).filter(|_| is_worth_protecting())?;
    let message = format!("it is not safe to run: {exposure}");
    let hint = "change its owner to your user, and remove the write permission of all others: \
                `chmod go-w`";
    Some(ForeignRefusal { message, source: None, hint: hint.to_owned() })
}

/// Whether a file has the name of a program of the host: `HOST-…`.
fn is_named_so(path: &Path, host: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(host).is_some_and(|it| it.starts_with('-'))
}

/// Returns whether a file can be run.
pub fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.is_file() && can_run(path, &it))
}

/// Returns whether a file names its interpreter in its first line, even if it is not executable.
pub fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    // A pipe could be waited for.
    path.metadata().is_ok_and(|it| it.is_file())
        && std::fs::File::open(path).and_then(|mut it| it.read_exact(&mut start)).is_ok()
        && start == *b"#!"
}

#[cfg(unix)]
fn can_run(_: &Path, metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn can_run(path: &Path, _: &Metadata) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case("exe"))
}

/// Queries the programs that have not answered yet, several at a time; returns the new answers.
fn ask_all(
    candidates: &[Candidate],
    known: &Answers,
    around: &Surroundings,
) -> Vec<Option<Answer>> {
    let is_open = |it: &Candidate| match &it.stamp {
        Ok(stamp) => stamp.is_none_or(|stamp| known.find(&it.path, stamp).is_none()),
        Err(_) => false,
    };
    let open: Vec<_> = (0..candidates.len()).filter(|idx| is_open(&candidates[*idx])).collect();
    let answers: Mutex<Vec<Option<Answer>>> = Mutex::new(vec![None; candidates.len()]);
    let n_threads = open.len().min(N_AT_ONCE);
    let open = Mutex::new(open.into_iter());
    let work = || {
        while let Some(idx) = { open.lock().unwrap_or_else(PoisonError::into_inner).next() } {
            let answer = question(&candidates[idx].path, around);
            answers.lock().unwrap_or_else(PoisonError::into_inner)[idx] = Some(answer);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..n_threads {
            // Each thread does what the others have left.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    answers.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn question(path: &Path, around: &Surroundings) -> Answer {
    match ask(path, around) {
        Ok(info) => Answer::Info(info),
        Err(refused) => Answer::Refused(refused),
    }
}

fn judged(
    path: &Path,
    answer: Answer,
    around: &Arc<Surroundings>,
) -> Result<(Manifest, Arc<dyn Endpoint>), ForeignRefusal> {
    match answer {
        Answer::Info(info) => Ok(plugin(path, info, around)),
        Answer::Refused(Refused { message, details, hint }) => {
            let source = (!details.is_empty()).then(|| Box::new(Excerpt(details)) as _);
            Err(ForeignRefusal { message, source, hint })
        }
    }
}

fn plugin(
    path: &Path,
    info: ProgramInfo,
    around: &Arc<Surroundings>,
) -> (Manifest, Arc<dyn Endpoint>) {
    let manifest = manifest(path, &info, &around.identity);
    let name = manifest.name.parse::<PluginName>();
    let name = name.and_then(|it| it.qualified(&around.identity.name_qualifier)).ok();
    let version = manifest.version.parse::<PluginVersion>().ok();
    // The catalog refuses a plugin with an invalid name or version.
    let key = name.zip(version).map(|(name, version)| PluginKey::exact(name, version).to_string());
    // A registered program finds the files next to it by its own path.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let around = Arc::clone(around);
    let program = Program { path, key: key.unwrap_or_default(), info, around };
    (manifest, Arc::new(program))
}

fn vanished() -> ForeignRefusal {
    ForeignRefusal {
        message: "it changed while it was being examined".to_owned(),
        source: None,
        hint: "run the command again".to_owned(),
    }
}
