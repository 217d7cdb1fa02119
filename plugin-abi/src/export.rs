//! [`export_plugin!`](crate::export_plugin) and the code that its expansion uses.

mod contents;
mod fields;

use crate::cancel;
use crate::error::ErrorReply;
use crate::handle::CallScope;
use crate::host::Host;
use crate::interface::{Incoming, Outgoing};
use crate::message;
use crate::raw::{PluginRoot, PluginRootRef, RawHost, RawReply, entry, reply, text};
#[cfg(any(feature = "log", feature = "tracing"))]
use crate::records::Recording;
use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::RSlice;

pub use crate::manifest::{ManifestNote, ManifestSection, ManifestSpec, Package};
pub use abi_stable::library::LibHeader as Header;
pub use contents::{
    AnyCommand, AnyHook, AnyImplementation, AnyScaffold, Contents, Implementation, Lazy,
};
pub use fields::{Build, List, PluginFields, or_empty};

/// A plugin that is part of the program.
///
/// [`export_plugin!`](crate::export_plugin) creates a function `plugin()` that returns it. An
/// embedding host passes it to its builder.
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

/// A plugin as its own code sees it. The macro implements it.
pub trait Linked: 'static {
    /// The parts of the plugin.
    const CONTENTS: &'static Contents;

    /// Returns the manifest as JSON.
    fn manifest() -> &'static str;
}

/// Returns the plugin in a form that can be linked into a host.
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
    // It ends with this call in any case.
    let scope = CallScope::default();
    #[cfg(any(feature = "log", feature = "tracing"))]
    let _recording = Recording::start(scope.handle(host));
    reply(|| {
        let host = Host::in_call(host, &scope);
        let input = input.as_slice();
        // The library does not contain code for parts that the plugin does not have.
        let message = match entry {
            entry::DESCRIBE if const { !P::CONTENTS.commands.is_empty() } => {
                let request = message::decode_request("describe request", input)?;
                P::CONTENTS.describe(&request).map(|it| message::encode(&it))?
            }
            entry::COMMAND if const { !P::CONTENTS.commands.is_empty() } => {
                let request = message::decode_request("command request", input)?;
                P::CONTENTS.command(request, host).map(|it| message::encode(&it))?
            }
            entry::SCAFFOLD if const { !P::CONTENTS.scaffolds.is_empty() } => {
                let request = message::decode_request("scaffold request", input)?;
                let (reply, added) = P::CONTENTS.scaffold(request, host)?;
                return Ok((message::encode(&reply), added));
            }
            entry::EVENT if const { !P::CONTENTS.hooks.is_empty() } => {
                P::CONTENTS.event(name.as_slice(), input, host)?
            }
            // A plugin without hooks replies like a hook that lets the host proceed.
            entry::EVENT => Vec::new(),
            entry::OPTIONS if const { !P::CONTENTS.hooks.is_empty() } => {
                let request = message::decode_request("describe request", input)?;
                message::encode(&P::CONTENTS.options(&request))
            }
            entry::INTERFACE if const { !P::CONTENTS.interfaces.is_empty() } => {
                let call = Incoming::new(text(name)?, input, host);
                let Outgoing { message, buffers } = P::CONTENTS.interface(call)?;
                return Ok((message, buffers));
            }
            entry::COMPLETE if const { !P::CONTENTS.commands.is_empty() } => {
                let request = message::decode_request("complete request", input)?;
                P::CONTENTS.complete(request, &host).map(|it| message::encode(&it))?
            }
            entry::CLEANUP => {
                let id =
                    input.try_into().map_err(|_| ErrorReply::failed("invalid cleanup number"))?;
                cancel::run(u64::from_ne_bytes(id));
                Vec::new()
            }
            // New entries are answered here.
            _ => return Err(ErrorReply::unsupported(format!("this plugin has no entry {entry}"))),
        };
        Ok((message, Vec::new()))
    })
}

/// Makes a library a plugin, and the same crate linkable into a host.
///
/// Use it once, in the root of the crate. The fields may be in any order; fields in brackets are
/// optional:
///
/// | field | meaning |
/// |---|---|
/// | `name` | the plugin's name, a DNS-1123 subdomain that you own: `"hello.example.org"` |
/// | `description` | one line on what the plugin is for |
/// | `[version]` | the plugin's version; by default the version of the crate |
/// | `[deprecated]` | why the plugin should no longer be used, and what to use instead |
/// | `[host]` | a semver requirement on the host library; by default any version |
/// | `[project_versions]` | the versions of the PROJECT file that the plugin supports, `["3"]`; required with `scaffolds` |
/// | `[commands]` | types that implement [`Command`](crate::Command) |
/// | `[scaffolds]` | types that implement [`Scaffold`](crate::Scaffold) |
/// | `[hooks]` | types that implement [`Hook`](crate::Hook) |
/// | `[interfaces]` | types that implement an [interface](mod@crate::interface) of another field's host: `[Strict as ImageScanner]` |
/// | `[nouns]` | help for the words that several commands begin with: [`Noun::new(&["registry"], "Manage registries")`](crate::Noun) |
/// | `[host_events]` | events that only a host of another field has: a hook can subscribe to these and to [`EVENTS`](crate::manifest::EVENTS) |
///
/// All facts are constants. The manifest that a host reads from the file is written from them at
/// compile time. A mistake in them is a compile error: for example, a field that is missing,
/// unknown or given twice, an unknown event or scaffolding subcommand, two commands with one path,
/// or a noun without commands. The home page, the repository, the licence and the authors are taken
/// from the crate's `Cargo.toml`, if it has them.
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
    ($($fields:tt)*) => {
        /// Returns the plugin in a form that can be linked into a host.
        pub fn plugin() -> $crate::LinkedPlugin {
            $crate::export::link::<__PintlePlugin>()
        }

        #[doc(hidden)]
        pub struct __PintlePlugin;

        const _: () = {
            // The symbol contains the crate's name and version, so that several plugins can be
            // linked into one program.
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

            const FIELDS: $crate::export::PluginFields =
                $crate::__plugin_fields!({} $($fields)*);

            const SPEC: $crate::export::ManifestSpec = FIELDS.manifest($crate::export::Build {
                version: env!("CARGO_PKG_VERSION"),
                panic: if cfg!(panic = "abort") { "abort" } else { "unwind" },
                root: root_symbol!(),
                // Build tools other than Cargo may not set these.
                package: $crate::export::Package {
                    homepage: $crate::export::or_empty(option_env!("CARGO_PKG_HOMEPAGE")),
                    repository: $crate::export::or_empty(option_env!("CARGO_PKG_REPOSITORY")),
                    license: $crate::export::or_empty(option_env!("CARGO_PKG_LICENSE")),
                    authors: $crate::export::or_empty(option_env!("CARGO_PKG_AUTHORS")),
                },
            });

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
                const CONTENTS: &'static $crate::export::Contents = &FIELDS.contents();

                fn manifest() -> &'static str {
                    SECTION.text()
                }
            }
        };
    };
}
