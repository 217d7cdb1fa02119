//! The active calls of plugins, and their cancellation.
//!
//! A signal ends the host like any program, until a plugin checks whether its call is cancelled or
//! registers a cleanup. Then the host handles the signals: it cancels the calls, waits some seconds
//! for the plugins that check for cancellation, runs the cleanups of those that have not ended, and
//! exits with 130. After a second signal, it exits without waiting. Before a plugin checks, nothing
//! here costs anything.
//!
//! By convention, a signal that was ignored when the program started stays ignored: `nohup` and the
//! background jobs of scripts depend on this.

#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
#[cfg(unix)]
use signal_hook::iterator::Signals;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
#[cfg(any(unix, test))]
use std::time::Instant;

/// How long plugins that check for cancellation may take to end.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(10);
/// The exit code of a program that Ctrl-C ends: 128 plus the number of SIGINT.
#[cfg(unix)]
const INTERRUPTED: i32 = 130;
/// How often the plugins are checked for their end.
#[cfg(unix)]
const PAUSE: Duration = Duration::from_millis(20);

/// The calls that check for cancellation, or have cleanups.
static CALLS: Mutex<Vec<Weak<State>>> = Mutex::new(Vec::new());

/// Whether a signal came that the host has taken over.
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How many commands end by themselves after a signal.
static N_COMMANDS: AtomicUsize = AtomicUsize::new(0);

/// How many programs have the terminal.
static N_FOREGROUND: AtomicUsize = AtomicUsize::new(0);

/// A function that undoes the work of a plugin.
pub(crate) type Cleanup = Box<dyn FnOnce() + Send>;

/// One call of a plugin. Clones are the same call.
#[derive(Clone, Default)]
pub(crate) struct Call(Arc<State>);

#[derive(Default)]
struct State {
    facts: Mutex<Facts>,
    cancelled: Condvar,
}

#[derive(Default)]
struct Facts {
    is_cancelled: bool,
    /// Whether the plugin ends by itself when it is cancelled.
    asks: bool,
    /// Whether it is among [`CALLS`].
    is_listed: bool,
    cleanups: BTreeMap<u64, Cleanup>,
}

impl Call {
    /// Waits for at most `limit` until the call is cancelled, and returns whether it is.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let mut facts = self.0.facts();
        facts.asks = true;
        self.list(&mut facts);
        let is_waiting = |it: &mut Facts| !it.is_cancelled;
        let waited = self.0.cancelled.wait_timeout_while(facts, limit, is_waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_cancelled
    }

    /// Registers a cleanup, or removes it.
    pub(crate) fn cleanup(&self, id: u64, work: Option<Cleanup>) {
        let mut facts = self.0.facts();
        match work {
            Some(work) => {
                facts.cleanups.insert(id, work);
                self.list(&mut facts);
            }
            None => drop(facts.cleanups.remove(&id)),
        }
    }

    /// Cancels the call: it is over its time.
    pub(crate) fn cancel(&self) {
        self.0.cancel();
    }

    /// Runs the cleanups that are left.
    pub(crate) fn clean_up(&self) {
        self.0.clean_up();
    }

    /// Whether the plugin ends by itself when it is cancelled.
    pub(crate) fn asks(&self) -> bool {
        self.0.facts().asks
    }

    fn list(&self, facts: &mut Facts) {
        if facts.is_listed {
            return;
        }
        facts.is_listed = true;
        let mut calls = calls();
        calls.retain(|it| it.strong_count() > 0);
        calls.push(Arc::downgrade(&self.0));
        drop(calls);
        #[cfg(unix)]
        take_signals();
    }
}

/// The active calls of programs in one run: none of them may outlive it. Clones share the calls.
#[derive(Clone, Default)]
pub(crate) struct ProgramCalls(Arc<(Mutex<Programs>, Condvar)>);

#[derive(Default)]
struct Programs {
    calls: Vec<Call>,
    /// Whether the run has ended, so new calls end immediately.
    is_over: bool,
}

/// An active call of a program, while this value exists.
pub(crate) struct ProgramCall {
    calls: ProgramCalls,
    call: Call,
}

impl ProgramCalls {
    /// Begins a call.
    pub(crate) fn begin(&self, call: &Call) -> ProgramCall {
        let mut programs = self.programs();
        if programs.is_over {
            call.cancel();
        }
        programs.calls.push(call.clone());
        drop(programs);
        ProgramCall { calls: self.clone(), call: call.clone() }
    }

    /// Cancels the active calls, and waits until they have ended; after `limit`, runs their
    /// cleanups.
    pub(crate) fn end(&self, limit: Duration) {
        let mut programs = self.programs();
        programs.is_over = true;
        programs.calls.iter().for_each(Call::cancel);
        let is_under_way = |it: &mut Programs| !it.calls.is_empty();
        let waited = self.0.1.wait_timeout_while(programs, limit, is_under_way);
        let left = waited.unwrap_or_else(PoisonError::into_inner).0.calls.clone();
        left.iter().for_each(Call::clean_up);
    }

    fn programs(&self) -> MutexGuard<'_, Programs> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ProgramCall {
    fn drop(&mut self) {
        self.calls.programs().calls.retain(|it| !Arc::ptr_eq(&it.0, &self.call.0));
        self.calls.0.1.notify_all();
    }
}

impl State {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self) {
        self.facts().is_cancelled = true;
        self.cancelled.notify_all();
    }

    fn clean_up(&self) {
        // Not under the lock of the call: a cleanup may be slow, and the plugin may still be
        // running.
        let cleanups = std::mem::take(&mut self.facts().cleanups);
        // The last cleanup that was registered may depend on earlier ones.
        cleanups.into_values().rev().for_each(|work| work());
    }
}

fn calls() -> MutexGuard<'static, Vec<Weak<State>>> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whether a signal has interrupted this run; the run continues to inform plugins.
pub fn is_interrupted() -> bool {
    IS_INTERRUPTED.load(Ordering::SeqCst)
}

/// Begins a run, for a program with several: earlier interrupts are ignored.
pub fn forget_interrupt() {
    IS_INTERRUPTED.store(false, Ordering::SeqCst);
}

/// A command that ends by itself after a signal: while this value exists, signals only cancel the
/// calls of plugins.
#[derive(Debug)]
#[must_use = "signals end the host again when this value is dropped"]
pub struct CommandSignals(());

impl CommandSignals {
    /// Leaves the end of the host to the command.
    pub fn leave() -> Self {
        N_COMMANDS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for CommandSignals {
    fn drop(&mut self) {
        N_COMMANDS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A program that uses the terminal: while this value exists, Ctrl-C is left to the program, to
/// which the terminal sends it, too. The host waits for the program.
#[derive(Debug)]
#[must_use = "Ctrl-C ends the host again when this value is dropped"]
pub(crate) struct ForegroundProgram(());

impl ForegroundProgram {
    pub(crate) fn begin() -> Self {
        N_FOREGROUND.fetch_add(1, Ordering::SeqCst);
        #[cfg(unix)]
        take_signals();
        Self(())
    }
}

impl Drop for ForegroundProgram {
    fn drop(&mut self) {
        N_FOREGROUND.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Installs the signal handlers, once.
#[cfg(unix)]
fn take_signals() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // Service managers end a program with SIGTERM, whatever started it.
        let is_taken = |it: &i32| *it == SIGTERM || !crate::signals::is_ignored(*it);
        let taken = [SIGINT, SIGHUP, SIGTERM].into_iter().filter(is_taken);
        // Without these handlers, signals end the host as before.
        let Ok(signals) = Signals::new(taken.collect::<Vec<_>>()) else { return };
        let _ = std::thread::Builder::new().spawn(move || watch(signals));
    });
}

#[cfg(unix)]
fn watch(mut signals: Signals) {
    loop {
        // Several may be pending.
        let pending: Vec<_> = signals.wait().collect();
        let has_terminal = N_FOREGROUND.load(Ordering::SeqCst) > 0;
        if pending.iter().all(|it| has_terminal && *it == SIGINT) {
            continue;
        }
        IS_INTERRUPTED.store(true, Ordering::SeqCst);
        let under_way = live();
        under_way.iter().for_each(|it| it.cancel());
        if N_COMMANDS.load(Ordering::SeqCst) > 0 {
            continue;
        }
        let n_asking = under_way.iter().filter(|it| it.facts().asks).count();
        drop(under_way);
        if n_asking > 0 && ends_by_itself(&mut signals) {
            // The command ends soon, with 130; the next signal does not wait for it.
            if signals.wait().next().is_some() {
                end();
            }
        }
        end();
    }
}

/// Waits until no call that checks for cancellation is left; another signal or a time limit ends
/// the wait.
#[cfg(unix)]
fn ends_by_itself(signals: &mut Signals) -> bool {
    let start = Instant::now();
    while start.elapsed() < GRACE {
        if !live().iter().any(|it| it.facts().asks) {
            return true;
        }
        if signals.pending().next().is_some() {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    false
}

/// Returns the calls that have not ended.
#[cfg(unix)]
fn live() -> Vec<Arc<State>> {
    calls().iter().filter_map(Weak::upgrade).collect()
}

#[cfg(unix)]
fn end() -> ! {
    live().iter().for_each(|it| it.clean_up());
    std::process::exit(INTERRUPTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_cancelled_is_told_at_once() {
        let call = Call::default();
        assert!(!call.wait(Duration::ZERO));
        let other = call.clone();
        let start = Instant::now();
        let waiting = std::thread::spawn(move || other.wait(Duration::from_secs(60)));
        call.cancel();
        assert!(waiting.join().unwrap());
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn the_end_of_a_run_waits_for_its_programs_and_lets_none_begin() {
        let (calls, call) = (ProgramCalls::default(), Call::default());
        let under_way = calls.begin(&call);
        let program = std::thread::spawn(move || {
            let is_cancelled = call.wait(Duration::from_secs(60));
            drop(under_way);
            is_cancelled
        });
        calls.end(Duration::from_secs(60));
        assert!(program.join().unwrap());
        let late = Call::default();
        let _under_way = calls.begin(&late);
        assert!(late.wait(Duration::ZERO));
        let (sender, cleaned) = std::sync::mpsc::channel();
        late.cleanup(1, Some(Box::new(move || sender.send(()).unwrap())));
        calls.end(Duration::ZERO);
        assert!(cleaned.try_recv().is_ok());
    }

    #[test]
    fn cleanups_run_once_the_last_first() {
        let (call, order) = (Call::default(), Arc::new(Mutex::new(Vec::new())));
        for id in 0..3 {
            let order = Arc::clone(&order);
            call.cleanup(id, Some(Box::new(move || order.lock().unwrap().push(id))));
        }
        call.cleanup(1, None);
        call.clean_up();
        call.clean_up();
        assert_eq!(*order.lock().unwrap(), [2, 0]);
    }
}
