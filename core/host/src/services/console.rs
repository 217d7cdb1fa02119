//! The terminal, or the streams that replace it.
//!
//! Invariants: results are written to the standard output and nothing else is; a closed reader is
//! not an error.

use super::calls::Call;
use super::text::escaped;
use anstyle::{AnsiColor, Style};
use dialoguer::{Confirm, Password, Select};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pintle_plugin::Level;
use pintle_plugin::host::Stream;
use pintle_plugin::message::{ErrorReply, ProgressUpdate, Prompt, Terminal};
use std::collections::HashMap;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{LazyLock, Mutex};

/// How much of the log is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only: `-q`.
    Quiet,
    /// Messages for the user.
    #[default]
    Normal,
    /// Messages for developers: `-v`.
    Debug,
    /// Everything: `-vv`.
    Trace,
}

impl Verbosity {
    /// Returns the most detailed level that is shown.
    pub fn level(self) -> Level {
        match self {
            Self::Quiet => Level::Error,
            Self::Normal => Level::Info,
            Self::Debug => Level::Debug,
            Self::Trace => Level::Trace,
        }
    }

    fn shows(self, level: Level) -> bool {
        level <= self.level()
    }
}

/// The host's standard streams.
pub struct Console {
    verbosity: AtomicU8,
    stdout_gone: AtomicBool,
    output_lost: AtomicBool,
    bars: Mutex<HashMap<(String, u64), ProgressBar>>,
    /// Keeps bars and lines apart.
    all_bars: LazyLock<MultiProgress>,
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl Console {
    /// Returns a console that shows messages for the user.
    pub fn new() -> Self {
        Self {
            verbosity: AtomicU8::new(Verbosity::Normal as u8),
            stdout_gone: AtomicBool::new(false),
            output_lost: AtomicBool::new(false),
            bars: Mutex::default(),
            all_bars: LazyLock::new(MultiProgress::new),
        }
    }

    /// Changes how much of the log is shown.
    pub fn set_verbosity(&self, verbosity: Verbosity) {
        self.verbosity.store(verbosity as u8, Ordering::Relaxed);
    }

    /// Returns how much of the log is shown.
    pub fn verbosity(&self) -> Verbosity {
        match self.verbosity.load(Ordering::Relaxed) {
            0 => Verbosity::Quiet,
            1 => Verbosity::Normal,
            2 => Verbosity::Debug,
            _ => Verbosity::Trace,
        }
    }

    /// Writes bytes to a stream as they are.
    pub fn write(&self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Out => self.write_out(bytes),
            // Without a standard error, this cannot be reported.
            _ => drop(io::stderr().lock().write_all(bytes)),
        }
    }

    fn write_out(&self, bytes: &[u8]) {
        if self.stdout_gone.load(Ordering::Relaxed) {
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(err) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            self.stdout_gone.store(true, Ordering::Relaxed);
            if err.kind() != ErrorKind::BrokenPipe {
                self.output_lost.store(true, Ordering::Relaxed);
                self.log(Level::Error, &format!("failed to write to the standard output: {err}"));
            }
        }
    }

    /// Writes a result and a line feed to the standard output.
    pub fn println(&self, text: impl std::fmt::Display) {
        self.write_out(format!("{text}\n").as_bytes());
    }

    /// Writes a text with styles, as clap creates them, to a stream; the styles are shown only on a
    /// terminal.
    pub fn styled(&self, stream: Stream, text: &str) {
        let choice = match stream {
            Stream::Out => anstream::AutoStream::choice(&io::stdout()),
            _ => anstream::AutoStream::choice(&io::stderr()),
        };
        match choice {
            anstream::ColorChoice::Never => {
                self.write(stream, anstream::adapter::strip_str(text).to_string().as_bytes());
            }
            _ => self.write(stream, text.as_bytes()),
        }
    }

    /// Returns whether results could not be written for a reason other than a closed reader.
    pub fn has_lost_output(&self) -> bool {
        self.output_lost.load(Ordering::Relaxed)
    }

    /// Logs a line to the standard error, if its level is shown. The text may be foreign: further
    /// lines are indented, and control characters are escaped.
    pub fn log(&self, level: Level, text: &str) {
        if !self.verbosity().shows(level) {
            return;
        }
        let text = &escaped(text.trim_end_matches('\n'), "\n  ");
        match heading(level) {
            None => self.message(text),
            Some((style, word)) => self.message(&format!("{style}{word}:{style:#} {text}")),
        }
    }

    /// Writes a line to the standard error; its styles are shown only on a terminal.
    pub fn message(&self, text: &str) {
        // Bars are removed for the line, and then drawn again below it.
        match self.bars.try_lock() {
            Ok(bars) if !bars.is_empty() => self.all_bars.suspend(|| write_line(text)),
            _ => write_line(text),
        }
    }

    /// Shows the progress of a plugin's work: as a bar on a terminal, otherwise as lines.
    pub fn progress(&self, plugin: &str, mut update: ProgressUpdate) {
        if !self.verbosity().shows(Level::Info) {
            return;
        }
        update.title = escaped(&update.title, "\\n");
        let Ok(mut bars) = self.bars.lock() else { return };
        let key = (plugin.to_owned(), update.id);
        if update.finished {
            if let Some(bar) = bars.remove(&key) {
                bar.finish_and_clear();
            }
            self.message(&format!("{}: done", update.title));
            return;
        }
        let bar = bars.entry(key).or_insert_with(|| self.start_bar(&update));
        bar.set_message(update.title);
        bar.set_position(update.done);
    }

    /// Removes the progress of unfinished work from the terminal.
    pub fn drop_progress(&self, plugin: &str, id: u64) {
        let Ok(mut bars) = self.bars.lock() else { return };
        if let Some(bar) = bars.remove(&(plugin.to_owned(), id)) {
            bar.finish_and_clear();
        }
    }

    fn start_bar(&self, update: &ProgressUpdate) -> ProgressBar {
        if !io::stderr().is_terminal() {
            self.message(&update.title);
            return ProgressBar::hidden();
        }
        let bar = match update.total {
            Some(total) => {
                ProgressBar::new(total).with_style(bar_style("{msg} {wide_bar} {pos}/{len}"))
            }
            None => ProgressBar::new_spinner().with_style(bar_style("{spinner} {msg} {pos}")),
        };
        self.all_bars.add(bar)
    }

    /// Returns what the standard streams are.
    pub(super) fn terminal(&self) -> Terminal {
        let may_have = |choice| choice != anstream::ColorChoice::Never;
        let mut terminal = Terminal::default();
        terminal.stdin = io::stdin().is_terminal();
        terminal.stdout = io::stdout().is_terminal();
        terminal.stderr = io::stderr().is_terminal();
        terminal.width = terminal_size::terminal_size().map(|(width, _)| width.0);
        terminal.colors = may_have(anstream::AutoStream::choice(&io::stdout()));
        terminal.message_colors = may_have(anstream::AutoStream::choice(&io::stderr()));
        terminal
    }

    /// Asks the user; without a terminal, the answer is the prompt's default.
    pub fn prompt(&self, prompt: Prompt) -> Result<String, ErrorReply> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return prompt.default.ok_or_else(|| {
                let mut err = ErrorReply::failed(format!(
                    "cannot ask `{}`: there is no terminal, and the question has no default",
                    prompt.question
                ));
                err.hint =
                    Some("run the command in a terminal, or pass the answer as an option".into());
                err
            });
        }
        // A signal ends the host during a question, while the cursor is hidden.
        let call = Call::default();
        call.cleanup(0, Some(Box::new(show_cursor)));
        ask(prompt).map_err(|err| {
            show_cursor();
            let mut reply = ErrorReply::failed("the question was not answered");
            reply.causes.push(err.to_string());
            reply
        })
    }
}

fn show_cursor() {
    let _ = dialoguer::console::Term::stderr().show_cursor();
}

fn write_line(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}

fn heading(level: Level) -> Option<(Style, &'static str)> {
    let bold = Style::new().bold();
    match level {
        Level::Error => Some((bold.fg_color(Some(AnsiColor::Red.into())), "error")),
        Level::Warn => Some((bold.fg_color(Some(AnsiColor::Yellow.into())), "warning")),
        Level::Info => None,
        Level::Debug => Some((Style::new().dimmed(), "debug")),
        _ => Some((Style::new().dimmed(), "trace")),
    }
}

fn bar_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn ask(mut prompt: Prompt) -> dialoguer::Result<String> {
    prompt.question = escaped(&prompt.question, "\\n");
    if prompt.secret {
        let password = Password::new().with_prompt(prompt.question);
        let answer = password.allow_empty_password(true).interact()?;
        return if answer.is_empty() { Err(not_answered().into()) } else { Ok(answer) };
    }
    if prompt.confirm {
        let default = prompt.default.and_then(|it| it.parse().ok());
        let confirm = Confirm::new().with_prompt(prompt.question);
        let confirm = default.into_iter().fold(confirm, |it, default| it.default(default));
        return confirm.interact().map(|it| it.to_string());
    }
    if prompt.choices.is_empty() {
        return ask_line(&prompt.question, prompt.default).map_err(Into::into);
    }
    let default =
        prompt.default.and_then(|it| prompt.choices.iter().position(|choice| *choice == it));
    let select = Select::new()
        .with_prompt(prompt.question)
        .items(prompt.choices.iter().map(|it| escaped(it, "\\n")));
    let idx = select.default(default.unwrap_or(0)).interact()?;
    Ok(prompt.choices[idx].clone())
}

/// Asks for a line. Ctrl-D ends the question.
fn ask_line(question: &str, default: Option<String>) -> io::Result<String> {
    let shown = default.as_deref().map(|it| format!(" [{}]", escaped(it, "\\n")));
    let shown = shown.unwrap_or_default();
    loop {
        let mut stderr = anstream::stderr().lock();
        write!(stderr, "{question}{shown}: ")?;
        stderr.flush()?;
        drop(stderr);
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            // The next message begins on a new line.
            write_line("");
            return Err(not_answered());
        }
        match (line.trim_end_matches(['\r', '\n']), &default) {
            ("", None) => {}
            ("", Some(default)) => return Ok(default.clone()),
            (answer, _) => return Ok(answer.to_owned()),
        }
    }
}

fn not_answered() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "there is no answer")
}
