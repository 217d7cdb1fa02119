//! [`export_plugin!`](crate::export_plugin) and what its expansion builds on.

use crate::args::Arg;
use crate::error::{ErrorReply, Unsupported, into_reply};
use crate::host::Host;
use crate::message::{
    self, CommandDescription, CommandReply, CommandRequest, DescribeRequest, HookReply,
    ScaffoldReply, ScaffoldRequest, Step,
};
use crate::node::Node;
use crate::plugin::{self, Call, Command, Event, Hook, Outcome, Scaffold, ScaffoldCall, Stop};
use crate::raw::{PluginRoot, PluginRootRef, RawHost, RawReply, entry, reply, text};
use crate::universe::{ChangeSet, Universe};
use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::RSlice;
use serde_json::{Map, Value};
use std::sync::OnceLock;

pub use crate::manifest::{ManifestNote, ManifestSection, ManifestSpec};
pub use abi_stable::library::LibHeader as Header;

/// A plugin that is part of the program itself.
///
/// [`export_plugin!`](crate::export_plugin) makes a function `plugin()` that
/// returns it; an embedding host hands it to its builder.
#[derive(Clone, Copy)]
pub struct LinkedPlugin {
    manifest: fn() -> &'static str,
    root: fn() -> PluginRootRef,
}

impl LinkedPlugin {
    /// Returns the plugin's manifest as JSON.
    pub fn manifest(&self) -> &'static str {
        (self.manifest)()
    }

    /// Returns the plugin's root module.
    pub fn root(&self) -> PluginRootRef {
        (self.root)()
    }
}

/// A plugin as its own code sees it; the macro implements it.
pub trait Linked: 'static {
    /// Returns the manifest as JSON.
    fn manifest() -> &'static str;
    /// Returns what the plugin brings.
    fn plugin() -> &'static Contents;
}

/// Returns the plugin in the form that a host links in.
pub const fn link<P: Linked>() -> LinkedPlugin {
    LinkedPlugin { manifest: P::manifest, root: root::<P> }
}

fn root<P: Linked>() -> PluginRootRef {
    functions::<P>().leak_into_prefix()
}

/// Returns the header that a host looks for in the library.
#[expect(unsafe_code, reason = "abi_stable builds a header through an unsafe function only")]
pub const fn header<P: Linked>() -> LibHeader {
    // SAFETY: `erased_root` returns what `__call_root_module_loader` makes of a
    // `PluginRootRef`, which is the module type named here.
    unsafe { LibHeader::from_constructor::<PluginRootRef>(erased_root::<P>, CheckTypeLayout::Yes) }
}

extern "C" fn erased_root<P: Linked>() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(root::<P>)
}

/// The functions of a plugin's root module, for the plugin `P`.
const fn functions<P: Linked>() -> PluginRoot {
    PluginRoot {
        manifest: manifest::<P>,
        call: call::<P>,
        // New functions are filled in here.
    }
}

extern "C" fn manifest<P: Linked>() -> RSlice<'static, u8> {
    P::manifest().as_bytes().into()
}

extern "C" fn call<P: Linked>(
    entry: u32,
    name: RSlice<'_, u8>,
    input: RSlice<'_, u8>,
    host: RawHost<'_>,
) -> RawReply {
    reply(|| {
        let input = input.as_slice();
        let message = match entry {
            entry::DESCRIBE => {
                let request = message::decode_request("describe request", input)?;
                P::plugin().describe(&request).map(|it| message::encode(&it))?
            }
            entry::COMMAND => {
                let request = message::decode_request("command request", input)?;
                P::plugin().command(request, host).map(|it| message::encode(&it))?
            }
            entry::SCAFFOLD => {
                let request = message::decode_request("scaffold request", input)?;
                let (reply, added) = P::plugin().scaffold(request, host)?;
                return Ok((message::encode(&reply), added));
            }
            entry::EVENT => P::plugin().event(text(name)?, input, host)?,
            entry::OPTIONS => {
                let request = message::decode_request("describe request", input)?;
                message::encode(&P::plugin().options(&request))
            }
            _ => return Err(ErrorReply::unsupported(format!("this plugin has no entry {entry}"))),
        };
        Ok((message, Vec::new()))
    })
}

/// What a plugin brings.
pub struct Contents {
    pub commands: &'static [&'static dyn AnyCommand],
    pub scaffolds: &'static [&'static dyn AnyScaffold],
    pub hooks: &'static [&'static dyn AnyHook],
}

/// A value that is made when it is first needed.
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
    fn run(&self, call: &Call, host: &Host<'_>) -> anyhow::Result<Outcome>;
}

impl<C: Command> AnyCommand for Lazy<C> {
    fn path(&self) -> &'static [&'static str] {
        C::PATH
    }

    fn describe(&self) -> CommandDescription {
        plugin::describe(self.get())
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> anyhow::Result<Outcome> {
        self.get().run(call, host)
    }
}

/// A [`Scaffold`] of any type.
pub trait AnyScaffold: Sync {
    fn subcommand(&self) -> &'static str;
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
                it.inject_config(call, project, config)
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
            Step::Unknown => Err(Unsupported("this plugin does not know the step".into()).into()),
        }
    }
}

/// A [`Hook`] of any type.
pub trait AnyHook: Sync {
    fn events(&self) -> &'static [&'static str];
    fn options(&self, command: &[&str]) -> Vec<Arg>;
    fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> anyhow::Result<HookReply>;
}

impl<H: Hook> AnyHook for Lazy<H> {
    fn events(&self) -> &'static [&'static str] {
        H::EVENTS
    }

    fn options(&self, command: &[&str]) -> Vec<Arg> {
        self.get().options(command)
    }

    fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> anyhow::Result<HookReply> {
        self.get().on_event(event, host)
    }
}

impl Contents {
    pub(crate) fn describe(
        &self,
        request: &DescribeRequest,
    ) -> Result<CommandDescription, ErrorReply> {
        Ok(self.find_command(&request.path)?.describe())
    }

    /// Returns the options that the plugin's hooks add to a command of the host.
    pub(crate) fn options(&self, request: &DescribeRequest) -> CommandDescription {
        let path: Vec<_> = request.path.iter().map(String::as_str).collect();
        let args = self.hooks.iter().flat_map(|it| it.options(&path)).collect();
        CommandDescription { args, ..Default::default() }
    }

    pub(crate) fn command(
        &self,
        request: CommandRequest,
        host: RawHost<'_>,
    ) -> Result<CommandReply, ErrorReply> {
        let command = self.find_command(&request.path)?;
        match command.run(&Call::new(request), &Host::new(host)).map_err(into_reply)? {
            Outcome::Exit(exit_code) => Ok(CommandReply { exit_code, continue_with: None }),
            Outcome::Continue(args) => Ok(CommandReply { exit_code: 0, continue_with: Some(args) }),
        }
    }

    pub(crate) fn scaffold(
        &self,
        request: ScaffoldRequest,
        host: RawHost<'_>,
    ) -> Result<(ScaffoldReply, Vec<Node>), ErrorReply> {
        let part = self.scaffolds.iter().find(|it| it.subcommand() == request.subcommand);
        let part = part.ok_or_else(|| {
            ErrorReply::failed(format!("the plugin takes no part in `{}`", request.subcommand))
        })?;
        let step = request.step;
        let call = ScaffoldCall::new(request, Universe::new(host), Host::new(host));
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
        name: &str,
        payload: &[u8],
        host: RawHost<'_>,
    ) -> Result<Vec<u8>, ErrorReply> {
        let mut answer = HookReply::default();
        let (event, host) = (Event::new(name, payload), Host::new(host));
        for hook in self.hooks.iter().filter(|it| it.events().contains(&name)) {
            let reply = hook.on_event(&event, &host).map_err(into_reply)?;
            answer.veto = answer.veto.or(reply.veto);
            merge(&mut answer.amend, reply.amend);
        }
        // No bytes stand for the default, so that a hook with nothing to say costs no encoding.
        Ok(if answer == HookReply::default() { Vec::new() } else { message::encode(&answer) })
    }

    fn find_command(&self, path: &[String]) -> Result<&'static dyn AnyCommand, ErrorReply> {
        self.commands.iter().find(|it| it.path() == path).copied().ok_or_else(|| {
            ErrorReply::failed(format!("the plugin has no command `{}`", path.join(" ")))
        })
    }
}

/// Adds the amendments of one hook to those of the plugin's hooks before it.
fn merge(all: &mut Map<String, Value>, more: Map<String, Value>) {
    for (property, value) in more {
        match (all.get_mut(&property), value) {
            (Some(Value::Object(parts)), Value::Object(more)) => parts.extend(more),
            (_, value) => drop(all.insert(property, value)),
        }
    }
}

/// Makes a library a plugin, and the same crate linkable into a host.
///
/// Use it once, in the crate's root. The parts stand in this order; those in
/// brackets may be left out:
///
/// | part | what it says |
/// |---|---|
/// | `name` | the plugin's name, a DNS-1123 subdomain that you own: `"hello.example.org"` |
/// | `description` | one line on what the plugin is for |
/// | `[version]` | the plugin's version; the crate's own if left out |
/// | `[deprecated]` | why the plugin should not be used any more, and what to use instead |
/// | `[host]` | a semver requirement on the host library; any version if left out |
/// | `project_versions` | the versions of the PROJECT file that the plugin understands: `["3"]` |
/// | `[commands]` | types that implement [`Command`](crate::Command) |
/// | `[scaffolds]` | types that implement [`Scaffold`](crate::Scaffold) |
/// | `[hooks]` | types that implement [`Hook`](crate::Hook) |
///
/// All facts are constants; the manifest that a host reads from the file is made
/// of them while the crate is compiled.
///
/// ```
/// use pintle_plugin::prelude::*;
///
/// pintle_plugin::export_plugin! {
///     name: "hello.example.org",
///     description: "Says hello",
///     project_versions: ["3"],
///     commands: [Hello],
/// }
///
/// #[derive(Default)]
/// struct Hello;
///
/// impl Command for Hello {
///     const PATH: &'static [&'static str] = &["hello"];
///     const ABOUT: &'static str = "Greet somebody";
///
///     fn args(&self) -> Vec<Arg> {
///         vec![Arg::positional("name").default_value("world").help("Whom to greet")]
///     }
///
///     fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
///         let name: String = call.args.get("name")?;
///         host.println(format!("hello, {name}"));
///         Ok(Outcome::done())
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_plugin {
    (
        name: $name:expr,
        description: $description:expr
        $(, version: $version:expr)?
        $(, deprecated: $deprecated:expr)?
        $(, host: $host:expr)?
        , project_versions: $project_versions:expr
        $(, commands: [$($command:ty),* $(,)?])?
        $(, scaffolds: [$($scaffold:ty),* $(,)?])?
        $(, hooks: [$($hook:ty),* $(,)?])?
        $(,)?
    ) => {
        /// Returns the plugin in the form that a host links in.
        pub fn plugin() -> $crate::LinkedPlugin {
            $crate::export::link::<__PintlePlugin>()
        }

        #[doc(hidden)]
        pub struct __PintlePlugin;

        const _: () = {
            // The symbol bears the crate's name and version, so that several
            // plugins can be linked into one program.
            macro_rules! root_symbol {
                () => {
                    concat!(
                        "pintle_root_", env!("CARGO_CRATE_NAME"), "_",
                        env!("CARGO_PKG_VERSION_MAJOR"), "_",
                        env!("CARGO_PKG_VERSION_MINOR"), "_",
                        env!("CARGO_PKG_VERSION_PATCH"),
                    )
                };
            }

            const SPEC: $crate::export::ManifestSpec = $crate::export::ManifestSpec {
                name: $name,
                version: $crate::export_plugin!(@or env!("CARGO_PKG_VERSION") $(, $version)?),
                description: $description,
                deprecated: $crate::export_plugin!(@option $($deprecated)?),
                panic: if cfg!(panic = "abort") { "abort" } else { "unwind" },
                root: root_symbol!(),
                host: $crate::export_plugin!(@or "*" $(, $host)?),
                project_versions: &$project_versions,
                commands: &[$($((
                    <$command as $crate::Command>::PATH,
                    <$command as $crate::Command>::ABOUT,
                )),*)?],
                subcommands: &[$($(<$scaffold as $crate::Scaffold>::SUBCOMMAND),*)?],
                events: &[$($(<$hook as $crate::Hook>::EVENTS),*)?],
            };

            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__pintle"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".pintle"))]
            static SECTION: $crate::export::ManifestSection<{ SPEC.json_len() }> =
                $crate::export::ManifestSection::new(SPEC.json());

            #[used]
            #[cfg(not(any(target_vendor = "apple", windows)))]
            #[unsafe(link_section = ".note.pintle")]
            static NOTE: $crate::export::ManifestNote<{ SPEC.json_len() }> =
                $crate::export::ManifestNote::new(SPEC.json());

            #[unsafe(export_name = root_symbol!())]
            static ROOT: $crate::export::Header = $crate::export::header::<__PintlePlugin>();

            impl $crate::export::Linked for __PintlePlugin {
                fn manifest() -> &'static str {
                    SECTION.text()
                }

                fn plugin() -> &'static $crate::export::Contents {
                    static CONTENTS: $crate::export::Contents = $crate::export::Contents {
                        commands: &[$($($crate::export_plugin!(@lazy $command)),*)?],
                        scaffolds: &[$($($crate::export_plugin!(@lazy $scaffold)),*)?],
                        hooks: &[$($($crate::export_plugin!(@lazy $hook)),*)?],
                    };
                    &CONTENTS
                }
            }
        };
    };
    (@or $default:expr) => { $default };
    (@or $default:expr, $given:expr) => { $given };
    (@option) => { None };
    (@option $given:expr) => { Some($given) };
    (@lazy $ty:ty) => {{
        static LAZY: $crate::export::Lazy<$ty> = $crate::export::Lazy::new();
        &LAZY
    }};
}
