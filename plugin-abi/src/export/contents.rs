//! The commands, scaffolding parts and hooks of a plugin, looked up by name and called.

use crate::args::Arg;
use crate::error::{ErrorReply, Unsupported, into_reply};
use crate::host::Host;
use crate::interface::{Incoming, Interface, Outgoing};
use crate::message::{
    self, Candidate, CommandDescription, CommandReply, CommandRequest, CompleteReply,
    CompleteRequest, DescribeRequest, HookReply, ScaffoldReply, Step,
};
use crate::node::Node;
use crate::plugin::{
    self, Call, Command, Event, Hook, Outcome, Scaffold, ScaffoldCall, Stop, UnreadRequest,
};
use crate::universe::{ChangeSet, Universe};
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// The parts of a plugin.
///
/// Each part is a function that returns it, because a constant cannot refer to a value that is
/// created later.
pub struct Contents {
    pub commands: &'static [fn() -> &'static dyn AnyCommand],
    pub scaffolds: &'static [fn() -> &'static dyn AnyScaffold],
    pub hooks: &'static [fn() -> &'static dyn AnyHook],
    pub interfaces: &'static [fn() -> &'static dyn AnyImplementation],
}

/// A value that is created when it is first needed.
pub struct Lazy<T>(OnceLock<T>);

impl<T: Default> Lazy<T> {
    #[expect(clippy::new_without_default, reason = "the macro needs a constant function")]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn get(&self) -> &T {
        self.0.get_or_init(T::default)
    }
}

/// A [`Command`] of any type.
pub trait AnyCommand: Sync {
    fn path(&self) -> &'static [&'static str];
    fn describe(&self) -> CommandDescription;
    fn complete(
        &self,
        arg: &str,
        word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> anyhow::Result<Vec<Candidate>>;
    fn run(&self, call: &Call, host: &Host<'_>) -> anyhow::Result<Outcome>;
}

impl<C: Command> AnyCommand for Lazy<C> {
    fn path(&self) -> &'static [&'static str] {
        C::PATH
    }

    fn describe(&self) -> CommandDescription {
        plugin::describe(self.get())
    }

    fn complete(
        &self,
        arg: &str,
        word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> anyhow::Result<Vec<Candidate>> {
        self.get().complete(arg, word, call, host)
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> anyhow::Result<Outcome> {
        self.get().run(call, host)
    }
}

/// A [`Scaffold`] of any type.
pub trait AnyScaffold: Sync {
    fn subcommand(&self) -> &'static str;
    fn flags(&self) -> Vec<Arg>;
    fn complete(
        &self,
        arg: &str,
        word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> anyhow::Result<Vec<Candidate>>;
    fn step(
        &self,
        step: Step,
        call: &ScaffoldCall<'_>,
        reply: &mut ScaffoldReply,
        changes: &mut ChangeSet,
    ) -> anyhow::Result<()>;
}

impl<S: Scaffold> AnyScaffold for Lazy<S> {
    fn subcommand(&self) -> &'static str {
        S::SUBCOMMAND
    }

    fn flags(&self) -> Vec<Arg> {
        self.get().bind_flags()
    }

    fn complete(
        &self,
        arg: &str,
        word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> anyhow::Result<Vec<Candidate>> {
        self.get().complete(arg, word, call, host)
    }

    fn step(
        &self,
        step: Step,
        call: &ScaffoldCall<'_>,
        reply: &mut ScaffoldReply,
        changes: &mut ChangeSet,
    ) -> anyhow::Result<()> {
        let it = self.get();
        match step {
            Step::UpdateMetadata => {
                it.update_metadata(reply.description.insert(CommandDescription::default()))
            }
            Step::BindFlags => {
                reply.flags = it.bind_flags();
                Ok(())
            }
            Step::InjectConfig => {
                let project = reply.project.insert(call.project().clone());
                let config = reply.config.insert(call.config().clone());
                it.inject_config(call, project, config)?;
                // The host already has it, and sending a large project takes a while.
                reply.project.take_if(|it| it == call.project());
                Ok(())
            }
            Step::InjectResource => {
                it.inject_resource(call, reply.resource.insert(call.resource()?.clone()))
            }
            Step::PreScaffold => it.pre_scaffold(call),
            Step::Scaffold => it.scaffold(call, changes),
            Step::PostScaffold => {
                reply.tools = it.post_scaffold(call)?;
                Ok(())
            }
            Step::Unknown => Err(Unsupported("this plugin does not know this step".into()).into()),
        }
    }
}

/// A [`Hook`] of any type.
pub trait AnyHook: Sync {
    fn events(&self) -> &'static [&'static str];
    fn options(&self, command: &[&str]) -> Vec<Arg>;
    fn complete(
        &self,
        arg: &str,
        word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> anyhow::Result<Vec<Candidate>>;
    fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> anyhow::Result<HookReply>;
}

impl<H: Hook> AnyHook for Lazy<H> {
    fn events(&self) -> &'static [&'static str] {
        H::EVENTS
    }

    fn options(&self, command: &[&str]) -> Vec<Arg> {
        self.get().options(command)
    }

    fn complete(
        &self,
        arg: &str,
        word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> anyhow::Result<Vec<Candidate>> {
        self.get().complete(arg, word, call, host)
    }

    fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> anyhow::Result<HookReply> {
        self.get().on_event(event, host)
    }
}

/// The implementation of the interface `I` by a type `T`.
pub struct Implementation<I: ?Sized + 'static, T> {
    value: Lazy<T>,
    as_interface: fn(&T) -> &I,
}

impl<I: ?Sized, T: Default> Implementation<I, T> {
    pub const fn new(as_interface: fn(&T) -> &I) -> Self {
        Self { value: Lazy::new(), as_interface }
    }
}

/// An [`Implementation`] of any interface.
pub trait AnyImplementation: Sync {
    fn name(&self) -> &'static str;
    fn answer(&self, call: Incoming<'_>) -> anyhow::Result<Outgoing>;
}

impl<I: Interface + ?Sized, T: Default + Send + Sync> AnyImplementation for Implementation<I, T> {
    fn name(&self) -> &'static str {
        I::NAME
    }

    fn answer(&self, call: Incoming<'_>) -> anyhow::Result<Outgoing> {
        (self.as_interface)(self.value.get()).answer(call)
    }
}

impl Contents {
    pub(crate) fn interface(&self, call: Incoming<'_>) -> Result<Outgoing, ErrorReply> {
        let found = self.interfaces.iter().map(|it| it()).find(|it| it.name() == call.interface());
        let found = found.ok_or_else(|| {
            let interface = call.interface();
            ErrorReply::unsupported(format!("the plugin does not implement `{interface}`"))
        })?;
        found.answer(call).map_err(into_reply)
    }

    pub(crate) fn describe(
        &self,
        request: &DescribeRequest,
    ) -> Result<CommandDescription, ErrorReply> {
        Ok(self.find_command(&request.path)?.describe())
    }

    /// Returns the options that the plugin's hooks add to a command of the host.
    pub(crate) fn options(&self, request: &DescribeRequest) -> CommandDescription {
        let path: Vec<_> = request.path.iter().map(String::as_str).collect();
        let args = self.hooks.iter().flat_map(|it| it().options(&path)).collect();
        CommandDescription { args, ..Default::default() }
    }

    pub(crate) fn command(
        &self,
        request: CommandRequest,
        host: Host<'_>,
    ) -> Result<CommandReply, ErrorReply> {
        let command = self.find_command(&request.path)?;
        match command.run(&Call::new(request), &host).map_err(into_reply)? {
            Outcome::Exit(exit_code) => Ok(CommandReply { exit_code, continue_with: None }),
            Outcome::Continue(args) => Ok(CommandReply { exit_code: 0, continue_with: Some(args) }),
        }
    }

    pub(crate) fn scaffold(
        &self,
        request: UnreadRequest<'_>,
        host: Host<'_>,
    ) -> Result<(ScaffoldReply, Vec<Node>), ErrorReply> {
        let part =
            self.scaffolds.iter().map(|it| it()).find(|it| it.subcommand() == request.subcommand);
        let part = part.ok_or_else(|| {
            ErrorReply::failed(format!("the plugin does not take part in `{}`", request.subcommand))
        })?;
        let step = request.step;
        let call = ScaffoldCall::new(request, Universe::new(host.raw()), host);
        let (mut reply, mut changes) = (ScaffoldReply::default(), ChangeSet::new());
        if let Err(err) = part.step(step, &call, &mut reply, &mut changes) {
            let Stop(reason) = err.downcast().map_err(into_reply)?;
            return Ok((ScaffoldReply { stop: Some(reason), ..Default::default() }, Vec::new()));
        }
        let (deleted, added) = changes.into_parts();
        Ok((ScaffoldReply { deleted, ..reply }, added))
    }

    pub(crate) fn event(
        &self,
        name: &[u8],
        payload: &[u8],
        host: Host<'_>,
    ) -> Result<Vec<u8>, ErrorReply> {
        let mut answer: Option<HookReply> = None;
        for hook in self.hooks.iter().map(|it| it()) {
            // The name that a hook subscribes to is valid UTF-8; so the other one need not be
            // checked.
            let Some(name) = hook.events().iter().find(|it| it.as_bytes() == name) else {
                continue;
            };
            let event = Event::new(name, payload);
            let reply = hook.on_event(&event, &host).map_err(into_reply)?;
            // Usually one hook subscribes to an event, and its reply need not be merged.
            match &mut answer {
                None => answer = Some(reply),
                Some(answer) => {
                    answer.veto = answer.veto.take().or(reply.veto);
                    merge(&mut answer.amend, reply.amend);
                    answer.replies.extend(reply.replies);
                }
            }
        }
        // The default is sent as no bytes, so that hooks that change nothing do not pay for
        // encoding.
        Ok(match answer {
            Some(answer) if !answer.is_default() => message::encode(&answer),
            _ => Vec::new(),
        })
    }

    /// Suggests values for an argument of a command, a flag of a scaffolding subcommand, or an
    /// option that a hook adds to a command of the host.
    pub(crate) fn complete(
        &self,
        request: CompleteRequest,
        host: &Host<'_>,
    ) -> Result<CompleteReply, ErrorReply> {
        let CompleteRequest { caller, path, arg, word, args } = request;
        let words: Vec<_> = path.iter().map(String::as_str).collect();
        let has = |args: Vec<Arg>| args.iter().any(|it| it.name == arg && it.completed);
        let is_meant = |it: &&dyn AnyScaffold| it.subcommand() == words.join(" ");
        let scaffold = self.scaffolds.iter().map(|it| it()).find(is_meant);
        let scaffold = scaffold.filter(|it| has(it.flags()));
        let hook = self.hooks.iter().map(|it| it()).find(|it| has(it.options(&words)));
        let command = self.find_command(&path);
        let call = Call::new(CommandRequest { caller, path, args });
        let found = match (command, scaffold, hook) {
            (Ok(it), ..) => it.complete(&arg, &word, &call, host),
            (_, Some(it), _) => it.complete(&arg, &word, &call, host),
            (_, _, Some(it)) => it.complete(&arg, &word, &call, host),
            (Err(err), None, None) => return Err(err),
        };
        Ok(CompleteReply { candidates: found.map_err(into_reply)? })
    }

    fn find_command(&self, path: &[String]) -> Result<&'static dyn AnyCommand, ErrorReply> {
        self.commands.iter().map(|it| it()).find(|it| it.path() == path).ok_or_else(|| {
            ErrorReply::failed(format!("the plugin has no command `{}`", path.join(" ")))
        })
    }
}

/// Adds the amendments of one hook to those of the plugin's earlier hooks.
fn merge(all: &mut Map<String, Value>, more: Map<String, Value>) {
    for (property, value) in more {
        match (all.get_mut(&property), value) {
            (Some(Value::Object(parts)), Value::Object(more)) => parts.extend(more),
            (_, value) => drop(all.insert(property, value)),
        }
    }
}
