//! The types that cross the boundary natively: the root module through which a
//! host calls a plugin, and the table through which a plugin calls its host.
//!
//! Invariants: nothing here ever changes its layout. New functions go to the end of
//! [`PluginRoot`] and [`HostTable`]; the plain structs are frozen. Every function that
//! runs code of an author or of a host does so inside a guard on its own side.
#![expect(
    unsafe_code,
    reason = "the host table comes with the address of the host's object, which one function reads back"
)]
#![allow(missing_docs, reason = "abi_stable's macros emit public items without documentation")]

use crate::export::Linked;
use crate::guard::guard;
use crate::host::{HostServices, Level, Stream};
use crate::message::{self, ErrorReply};
use crate::universe::{Node, Select};
use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RArc, RSlice, RVec};
use std::marker::PhantomData;

/// The answer to any call: an encoded message, and nodes beside it where a call has
/// some; or an encoded [`ErrorReply`]. One struct for all calls, as each type more
/// makes the layout check longer.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawReply {
    /// Whether the message is an [`ErrorReply`]: 0 or 1.
    is_error: u8,
    message: RVec<u8>,
    nodes: RVec<RArc<RawNode>>,
}

/// The root module: what a plugin's library exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRootRef)))]
#[sabi(missing_field(option))]
pub struct PluginRoot {
    /// Returns the manifest as the code knows it: JSON, as all texts here in UTF-8.
    pub manifest: extern "C" fn() -> RSlice<'static, u8>,
    /// Answers a `DescribeRequest` with a `CommandDescription`.
    pub describe: extern "C" fn(RSlice<'_, u8>) -> RawReply,
    /// Answers a `CommandRequest` with a `CommandReply`.
    pub command: extern "C" fn(RSlice<'_, u8>, RawHost<'_>) -> RawReply,
    /// Answers a `ScaffoldRequest` with a `ScaffoldReply` and the nodes to add.
    pub scaffold: extern "C" fn(RSlice<'_, u8>, RawHost<'_>) -> RawReply,
    /// Answers an event, given by name and payload, with a `HookReply`, or with
    /// no bytes at all when the hook has nothing to say.
    #[sabi(last_prefix_field)]
    pub event: extern "C" fn(RSlice<'_, u8>, RSlice<'_, u8>, RawHost<'_>) -> RawReply,
    // New functions go here, at the end.
}

impl RootModule for PluginRootRef {
    abi_stable::declare_root_module_statics! {PluginRootRef}
    const BASE_NAME: &'static str = "pintle_plugin";
    const NAME: &'static str = "pintle_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

impl PluginRootRef {
    /// Returns the name of each function of the root module that this crate knows,
    /// and whether the plugin has it. A plugin built with an older interface lacks
    /// the newer functions.
    pub fn functions(self) -> Vec<(&'static str, bool)> {
        vec![
            ("manifest", true),
            ("describe", true),
            ("command", true),
            ("scaffold", true),
            ("event", true),
            // New functions are listed here.
        ]
    }
}

/// The functions of a plugin's root module, for the plugin `P`.
pub(crate) const fn root<P: Linked>() -> PluginRoot {
    PluginRoot {
        manifest: manifest::<P>,
        describe: describe::<P>,
        command: command::<P>,
        scaffold: scaffold::<P>,
        event: event::<P>,
        // New functions are filled in here.
    }
}

extern "C" fn manifest<P: Linked>() -> RSlice<'static, u8> {
    P::manifest().as_bytes().into()
}

extern "C" fn describe<P: Linked>(request: RSlice<'_, u8>) -> RawReply {
    reply(|| {
        let request = message::decode("describe request", request.as_slice())?;
        P::plugin().describe(&request).map(|it| message::encode(&it))
    })
}

extern "C" fn command<P: Linked>(request: RSlice<'_, u8>, host: RawHost<'_>) -> RawReply {
    reply(|| {
        let request = message::decode("command request", request.as_slice())?;
        P::plugin().command(request, host).map(|it| message::encode(&it))
    })
}

extern "C" fn scaffold<P: Linked>(request: RSlice<'_, u8>, host: RawHost<'_>) -> RawReply {
    reply_with_nodes(|| {
        let request = message::decode("scaffold request", request.as_slice())?;
        let (reply, added) = P::plugin().scaffold(request, host)?;
        Ok((message::encode(&reply), added))
    })
}

extern "C" fn event<P: Linked>(
    name: RSlice<'_, u8>,
    payload: RSlice<'_, u8>,
    host: RawHost<'_>,
) -> RawReply {
    reply(|| P::plugin().event(text(name)?, payload.as_slice(), host))
}

fn reply(work: impl FnOnce() -> Result<Vec<u8>, ErrorReply>) -> RawReply {
    reply_with_nodes(|| work().map(|it| (it, Vec::new())))
}

fn reply_with_nodes(work: impl FnOnce() -> Result<(Vec<u8>, Vec<Node>), ErrorReply>) -> RawReply {
    let (is_error, message, nodes) = match guard(work) {
        Ok((message, nodes)) => (0, message, nodes),
        Err(err) => (1, message::encode(&err), Vec::new()),
    };
    let nodes = nodes.into_iter().map(Node::into_raw).collect();
    RawReply { is_error, message: message.into(), nodes }
}

/// A file of the universe. Shared between host and plugins, and never changed.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawNode {
    pub path: RVec<u8>,
    pub bytes: RVec<u8>,
    /// The Unix permission bits.
    pub mode: u32,
    /// The full key of the plugin that made the node; empty for what was on disk.
    pub plugin: RVec<u8>,
    /// The subcommand that made the node; empty for what was on disk.
    pub subcommand: RVec<u8>,
}

/// What the host offers during a call.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawHost<'a> {
    /// An empty slice where a `&'a S` points, for the `S: HostServices` that the table
    /// was made for. It may go wherever the borrow may, and the layout check knows its
    /// type already: a pointer and a marker for the lifetime would be three types more.
    object: RSlice<'a, u8>,
    table: HostTableRef,
}

/// The functions behind [`RawHost`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostTableRef)))]
#[sabi(missing_field(option))]
pub struct HostTable {
    /// Writes to the standard output (0) or the standard error (1).
    pub write: extern "C" fn(RSlice<'_, u8>, u8, RSlice<'_, u8>),
    /// Logs a line at the level error (1), warn, info, debug or trace (5).
    pub log: extern "C" fn(RSlice<'_, u8>, u8, RSlice<'_, u8>),
    /// Answers a `ServiceRequest` with a `ServiceReply`.
    pub request: extern "C" fn(RSlice<'_, u8>, RSlice<'_, u8>) -> RawReply,
    /// Returns the paths of some files of the universe, sorted, each ended by a NUL:
    /// of all files (0), of those that match a glob (1), of those that one plugin
    /// made (2), or the one at a path (3). Reads no file.
    pub paths: extern "C" fn(RSlice<'_, u8>, u8, RSlice<'_, u8>) -> RawReply,
    /// Returns the files themselves.
    #[sabi(last_prefix_field)]
    pub nodes: extern "C" fn(RSlice<'_, u8>, u8, RSlice<'_, u8>) -> RawReply,
    // New host functions go here, at the end.
}

struct HostTableOf<S>(PhantomData<S>);

impl<S: HostServices> HostTableOf<S> {
    abi_stable::staticref! {
        const TABLE: WithMetadata<HostTable> = WithMetadata::new(HostTable {
            write: host_write::<S>,
            log: host_log::<S>,
            request: host_request::<S>,
            paths: host_paths::<S>,
            nodes: host_nodes::<S>,
            // New host functions are filled in here.
        });
    }
}

impl<'a> RawHost<'a> {
    /// Returns the form of `services` that crosses the boundary.
    pub fn new<S: HostServices>(services: &'a S) -> Self {
        Self {
            // SAFETY: a slice of no bytes may be at any address that is not null and is
            // aligned for bytes; nothing is ever read through it.
            object: unsafe { RSlice::from_raw_parts(std::ptr::from_ref(services).cast(), 0) },
            table: HostTableRef(HostTableOf::<S>::TABLE.as_prefix()),
        }
    }

    pub(crate) fn write(self, stream: Stream, text: &[u8]) {
        self.table.write()(self.object, stream as u8, text.into());
    }

    pub(crate) fn log(self, level: Level, text: &str) {
        self.table.log()(self.object, level as u8, text.as_bytes().into());
    }

    pub(crate) fn request(self, request: &[u8]) -> Result<Vec<u8>, ErrorReply> {
        self.table.request()(self.object, request.into()).into_message()
    }

    pub(crate) fn paths(self, select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        let (kind, text) = select.to_raw();
        let bytes = self.table.paths()(self.object, kind, text.as_bytes().into()).into_message()?;
        let paths = bytes.split(|it| *it == 0).filter(|it| !it.is_empty());
        Ok(paths.map(|it| String::from_utf8_lossy(it).into_owned()).collect())
    }

    pub(crate) fn nodes(self, select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        let (kind, text) = select.to_raw();
        let reply = self.table.nodes()(self.object, kind, text.as_bytes().into());
        reply.into_message_and_nodes().map(|(_, nodes)| nodes)
    }
    // New host functions are called here.
}

extern "C" fn host_write<S: HostServices>(
    object: RSlice<'_, u8>,
    stream: u8,
    text: RSlice<'_, u8>,
) {
    let stream = if stream == Stream::Out as u8 { Stream::Out } else { Stream::Err };
    // There is no one to tell: a host that panics while it writes has lost its output.
    let _ = guard(|| {
        restore::<S>(object).write(stream, text.as_slice());
        Ok(())
    });
}

extern "C" fn host_log<S: HostServices>(object: RSlice<'_, u8>, level: u8, line: RSlice<'_, u8>) {
    let _ = guard(|| {
        restore::<S>(object).log(Level::from_number(level), text(line)?);
        Ok(())
    });
}

extern "C" fn host_request<S: HostServices>(
    object: RSlice<'_, u8>,
    request: RSlice<'_, u8>,
) -> RawReply {
    reply(|| {
        let request = message::decode("service request", request.as_slice())?;
        restore::<S>(object).request(request).map(|it| message::encode(&it))
    })
}

extern "C" fn host_paths<S: HostServices>(
    object: RSlice<'_, u8>,
    kind: u8,
    name: RSlice<'_, u8>,
) -> RawReply {
    reply(|| {
        let paths = restore::<S>(object).paths(Select::from_raw(kind, text(name)?)?)?;
        Ok(paths.iter().flat_map(|it| it.bytes().chain([0])).collect())
    })
}

extern "C" fn host_nodes<S: HostServices>(
    object: RSlice<'_, u8>,
    kind: u8,
    name: RSlice<'_, u8>,
) -> RawReply {
    reply_with_nodes(|| {
        let nodes = restore::<S>(object).nodes(Select::from_raw(kind, text(name)?)?)?;
        Ok((Vec::new(), nodes))
    })
}

impl RawReply {
    /// Takes the message out, or the error.
    ///
    /// # Errors
    ///
    /// The [`ErrorReply`] that the other side answered with.
    pub fn into_message(self) -> Result<Vec<u8>, ErrorReply> {
        self.into_message_and_nodes().map(|(message, _)| message)
    }

    /// Takes the message and the nodes out, or the error.
    ///
    /// # Errors
    ///
    /// The [`ErrorReply`] that the other side answered with.
    pub fn into_message_and_nodes(self) -> Result<(Vec<u8>, Vec<Node>), ErrorReply> {
        match self.is_error {
            0 => {
                let nodes = self.nodes.into_iter().map(Node::from_raw).collect();
                Ok((self.message.into_vec(), nodes))
            }
            _ => Err(read_error(&self.message)),
        }
    }
}

/// Reads a text that crossed the boundary.
fn text(bytes: RSlice<'_, u8>) -> Result<&str, ErrorReply> {
    std::str::from_utf8(bytes.as_slice())
        .map_err(|_| ErrorReply::failed("a text that crossed the boundary is not UTF-8"))
}

/// Reads an encoded error; bytes that are none become an error of their own.
fn read_error(bytes: &[u8]) -> ErrorReply {
    message::decode("error reply", bytes).unwrap_or_else(|err| err)
}

fn restore<S: HostServices>(object: RSlice<'_, u8>) -> &S {
    // SAFETY: `RawHost::new` is the only place that pairs an object with a table:
    // it takes a `&'a S`, whose address the slice keeps as a pointer with all its
    // rights and whose lifetime it bears, and the table whose functions call
    // `restore::<S>`. The fields are private, and a table's function is only ever
    // given the object that came with the table. `S` is `Sync`, so the slice may have
    // come from another thread.
    unsafe { &*object.as_ptr().cast() }
}
