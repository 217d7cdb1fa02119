//! The types that cross the boundary natively: the root module through which a
//! host calls a plugin, and the table through which a plugin calls its host.
//!
//! Invariants: nothing here ever changes its layout. New functions go to the end
//! of [`PluginRoot`] and [`HostTable`]; the plain structs are frozen. Every function runs inside a guard on its own side of the boundary.
#![expect(
    unsafe_code,
    reason = "the host table comes with an erased pointer to the host's object, which one function reads back"
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
use abi_stable::std_types::{RArc, RResult, RSlice, RStr, RString, RVec};
use std::marker::PhantomData;

/// An encoded reply, or an encoded [`ErrorReply`].
pub type RawReply = RResult<RVec<u8>, RVec<u8>>;

/// The root module: what a plugin's library exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRootRef)))]
#[sabi(missing_field(option))]
pub struct PluginRoot {
    /// Returns the manifest as the code knows it.
    pub manifest: extern "C" fn() -> RStr<'static>,
    /// Answers a `DescribeRequest` with a `CommandDescription`.
    pub describe: extern "C" fn(RSlice<'_, u8>) -> RawReply,
    /// Answers a `CommandRequest` with a `CommandReply`.
    pub command: extern "C" fn(RSlice<'_, u8>, RawHost<'_>) -> RawReply,
    /// Answers a `ScaffoldRequest` with a `ScaffoldReply` and the nodes to add.
    pub scaffold: extern "C" fn(RSlice<'_, u8>, RawHost<'_>) -> RawBulkReply,
    /// Answers an event, given by name and payload, with a `HookReply`, or with
    /// no bytes at all when the hook has nothing to say.
    #[sabi(last_prefix_field)]
    pub event: extern "C" fn(RStr<'_>, RSlice<'_, u8>, RawHost<'_>) -> RawReply,
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

extern "C" fn manifest<P: Linked>() -> RStr<'static> {
    P::manifest().into()
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

extern "C" fn scaffold<P: Linked>(request: RSlice<'_, u8>, host: RawHost<'_>) -> RawBulkReply {
    bulk_reply(|| {
        let request = message::decode("scaffold request", request.as_slice())?;
        let (reply, added) = P::plugin().scaffold(request, host)?;
        Ok((message::encode(&reply), added))
    })
}

extern "C" fn event<P: Linked>(
    name: RStr<'_>,
    payload: RSlice<'_, u8>,
    host: RawHost<'_>,
) -> RawReply {
    reply(|| P::plugin().event(name.as_str(), payload.as_slice(), host))
}

fn reply(work: impl FnOnce() -> Result<Vec<u8>, ErrorReply>) -> RawReply {
    match guard(work) {
        Ok(bytes) => RResult::ROk(bytes.into()),
        Err(err) => RResult::RErr(message::encode(&err).into()),
    }
}

fn bulk_reply(work: impl FnOnce() -> Result<(Vec<u8>, Vec<Node>), ErrorReply>) -> RawBulkReply {
    match guard(work) {
        Ok((message, nodes)) => RResult::ROk(RawBulk {
            message: message.into(),
            nodes: nodes.into_iter().map(Node::into_raw).collect(),
        }),
        Err(err) => RResult::RErr(message::encode(&err).into()),
    }
}

/// A file of the universe. Shared between host and plugins, and never changed.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawNode {
    pub path: RString,
    pub bytes: RVec<u8>,
    /// The Unix permission bits.
    pub mode: u32,
    /// The full key of the plugin that made the node; empty for what was on disk.
    pub plugin: RString,
    /// The subcommand that made the node; empty for what was on disk.
    pub subcommand: RString,
}

/// A message with nodes beside it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawBulk {
    /// An encoded message; empty where only the nodes matter.
    pub message: RVec<u8>,
    /// The nodes.
    pub nodes: RVec<RArc<RawNode>>,
}

/// A message with nodes beside it, or an encoded [`ErrorReply`].
pub type RawBulkReply = RResult<RawBulk, RVec<u8>>;

/// What the host offers during a call.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawHost<'a> {
    /// A `&'a S` with `S: HostServices`, for the `S` that the table was made for.
    /// A bare pointer, because the layout check walks it in a quarter of the time.
    object: *const (),
    table: HostTableRef,
    services: PhantomData<&'a ()>,
}

// SAFETY: the object is a shared borrow of an `S: HostServices`, and every
// `HostServices` is `Sync`, so the borrow may be used from any thread.
unsafe impl Send for RawHost<'_> {}
// SAFETY: as above; the other fields are plain shared references.
unsafe impl Sync for RawHost<'_> {}

/// The functions behind [`RawHost`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostTableRef)))]
#[sabi(missing_field(option))]
pub struct HostTable {
    /// Writes to the standard output (0) or the standard error (1).
    pub write: extern "C" fn(*const (), u8, RSlice<'_, u8>),
    /// Logs a line at the level error (1), warn, info, debug or trace (5).
    pub log: extern "C" fn(*const (), u8, RStr<'_>),
    /// Answers a `ServiceRequest` with a `ServiceReply`.
    pub request: extern "C" fn(*const (), RSlice<'_, u8>) -> RawReply,
    /// Returns the paths of some files of the universe, sorted, each ended by a NUL:
    /// of all files (0), of those that match a glob (1), of those that one plugin
    /// made (2), or the one at a path (3). Reads no file.
    pub paths: extern "C" fn(*const (), u8, RStr<'_>) -> RawReply,
    /// Returns the files themselves.
    #[sabi(last_prefix_field)]
    pub nodes: extern "C" fn(*const (), u8, RStr<'_>) -> RawBulkReply,
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
            object: std::ptr::from_ref(services).cast(),
            table: HostTableRef(HostTableOf::<S>::TABLE.as_prefix()),
            services: PhantomData,
        }
    }

    pub(crate) fn write(self, stream: Stream, text: &[u8]) {
        self.table.write()(self.object, stream as u8, text.into());
    }

    pub(crate) fn log(self, level: Level, text: &str) {
        self.table.log()(self.object, level as u8, text.into());
    }

    pub(crate) fn request(self, request: &[u8]) -> Result<Vec<u8>, ErrorReply> {
        read_reply(self.table.request()(self.object, request.into()))
    }

    pub(crate) fn paths(self, select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        let (kind, text) = select.to_raw();
        let bytes = read_reply(self.table.paths()(self.object, kind, text.into()))?;
        let paths = bytes.split(|it| *it == 0).filter(|it| !it.is_empty());
        Ok(paths.map(|it| String::from_utf8_lossy(it).into_owned()).collect())
    }

    pub(crate) fn nodes(self, select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        let (kind, text) = select.to_raw();
        read_bulk(self.table.nodes()(self.object, kind, text.into())).map(|(_, nodes)| nodes)
    }
    // New host functions are called here.
}

extern "C" fn host_write<S: HostServices>(object: *const (), stream: u8, text: RSlice<'_, u8>) {
    let stream = if stream == Stream::Out as u8 { Stream::Out } else { Stream::Err };
    // There is no one to tell: a host that panics while it writes has lost its output.
    let _ = guard(|| {
        restore::<S>(object).write(stream, text.as_slice());
        Ok(())
    });
}

extern "C" fn host_log<S: HostServices>(object: *const (), level: u8, text: RStr<'_>) {
    let _ = guard(|| {
        restore::<S>(object).log(Level::from_number(level), text.as_str());
        Ok(())
    });
}

extern "C" fn host_request<S: HostServices>(
    object: *const (),
    request: RSlice<'_, u8>,
) -> RawReply {
    reply(|| {
        let request = message::decode("service request", request.as_slice())?;
        restore::<S>(object).request(request).map(|it| message::encode(&it))
    })
}

extern "C" fn host_paths<S: HostServices>(object: *const (), kind: u8, text: RStr<'_>) -> RawReply {
    reply(|| {
        let paths = restore::<S>(object).paths(Select::from_raw(kind, text.as_str())?)?;
        Ok(paths.iter().flat_map(|it| it.bytes().chain([0])).collect())
    })
}

extern "C" fn host_nodes<S: HostServices>(
    object: *const (),
    kind: u8,
    text: RStr<'_>,
) -> RawBulkReply {
    bulk_reply(|| {
        let nodes = restore::<S>(object).nodes(Select::from_raw(kind, text.as_str())?)?;
        Ok((Vec::new(), nodes))
    })
}

/// Turns a reply into its bytes, or into the error it holds.
pub fn read_reply(reply: RawReply) -> Result<Vec<u8>, ErrorReply> {
    reply.into_result().map(RVec::into_vec).map_err(|err| read_error(&err))
}

/// Turns a reply into its message and nodes, or into the error it holds.
pub fn read_bulk(reply: RawBulkReply) -> Result<(Vec<u8>, Vec<Node>), ErrorReply> {
    let bulk = reply.into_result().map_err(|err| read_error(&err))?;
    Ok((bulk.message.into_vec(), bulk.nodes.into_iter().map(Node::from_raw).collect()))
}

/// Reads an encoded error; bytes that are none become an error of their own.
fn read_error(bytes: &[u8]) -> ErrorReply {
    message::decode("error reply", bytes).unwrap_or_else(|err| err)
}

fn restore<'a, S: HostServices>(object: *const ()) -> &'a S {
    // SAFETY: `RawHost::new` is the only place that pairs an object with a table:
    // it takes a `&S` and the table whose functions call `restore::<S>`. The
    // fields are private, and a table's function is only ever given the object
    // that came with the table, by a `RawHost` that has not outlived the borrow.
    unsafe { &*object.cast() }
}
