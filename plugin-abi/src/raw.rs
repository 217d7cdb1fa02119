//! The types that cross the boundary natively: the root module through which a host calls a plugin,
//! and the function through which a plugin calls its host.
//!
//! Invariants: the layout of these types never changes. New functions are added at the end of
//! [`PluginRoot`], and new services of the host get new numbers. The plain structs are frozen.
//! Every function that runs an author's or a host's code does so inside a guard on its own side.
#![expect(
    unsafe_code,
    reason = "the host's function comes with the address of the host's object, which one function reads back"
)]
#![allow(missing_docs, reason = "abi_stable's macros emit public items without documentation")]

use crate::error::ErrorReply;
use crate::guard::guard;
use crate::message::{self, ServiceReply, ServiceRequest};
use crate::node::{Node, Select};
use crate::services::HostServices;
use crate::streams::{Level, Stream};
use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RArc, RSlice, RVec};
use std::time::Duration;

pub use crate::node::RawNode;

/// The answer to any call: an encoded message, with nodes for calls that have some; or an encoded
/// [`ErrorReply`]. All calls share one struct, because each additional type makes the layout check
/// longer.
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
    /// Returns the manifest that is compiled into the code: JSON, in UTF-8 like all texts here.
    pub manifest: extern "C" fn() -> RSlice<'static, u8>,
    /// Answers a request: the number of an entry, a name if the entry has one, and its input.
    ///
    /// All entries share one function, because each additional function makes the layout check
    /// longer.
    #[sabi(last_prefix_field)]
    pub call: extern "C" fn(u32, RSlice<'_, u8>, RSlice<'_, u8>, RawHost<'_>) -> RawReply,
    // New functions are added here, at the end.
}

/// The numbers of a plugin's entries. Their meaning never changes.
pub(crate) mod entry {
    /// Answers a `DescribeRequest` with a `CommandDescription`.
    pub(crate) const DESCRIBE: u32 = 0;
    /// Answers a `CommandRequest` with a `CommandReply`.
    pub(crate) const COMMAND: u32 = 1;
    /// Answers a `ScaffoldRequest` with a `ScaffoldReply` and the nodes to add.
    pub(crate) const SCAFFOLD: u32 = 2;
    /// Answers an event, given by name and payload, with a `HookReply`, or with no bytes if the
    /// hook lets the host proceed.
    pub(crate) const EVENT: u32 = 3;
    /// Answers a `DescribeRequest` for a command of the host with a `CommandDescription` that
    /// contains the options that the plugin's hooks add to it.
    pub(crate) const OPTIONS: u32 = 4;
    /// Answers the request of an interface's method, given by the name of the interface, `/`, and
    /// the name of the method, with the method's reply and its buffers. The host lends the buffers
    /// of the request.
    pub(crate) const INTERFACE: u32 = 5;
    /// Answers a `CompleteRequest` with a `CompleteReply`.
    pub(crate) const COMPLETE: u32 = 6;
    /// Runs the cleanup whose number is the input, eight bytes in native byte order, and answers
    /// with no bytes.
    pub(crate) const CLEANUP: u32 = 7;
    // New entries are added here.
}

impl RootModule for PluginRootRef {
    abi_stable::declare_root_module_statics! {PluginRootRef}
    const BASE_NAME: &'static str = "pintle_plugin";
    const NAME: &'static str = "pintle_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

impl PluginRootRef {
    /// Returns the name of each function of the root module that this crate knows, and whether the
    /// plugin has it. A plugin that was built with an older interface lacks the newer functions.
    pub fn functions(self) -> Vec<(&'static str, bool)> {
        vec![
            ("manifest", true),
            ("call", true),
            // New functions are listed here.
        ]
    }

    /// Answers an encoded `DescribeRequest` with a `CommandDescription`.
    pub fn describe(self, request: &[u8]) -> RawReply {
        self.call()(entry::DESCRIBE, RSlice::EMPTY, request.into(), RawHost::new(&NoServices))
    }

    /// Answers an encoded `CommandRequest` with a `CommandReply`.
    pub fn command(self, request: &[u8], host: RawHost<'_>) -> RawReply {
        self.call()(entry::COMMAND, RSlice::EMPTY, request.into(), host)
    }

    /// Answers an encoded `ScaffoldRequest` with a `ScaffoldReply` and the nodes to add.
    pub fn scaffold(self, request: &[u8], host: RawHost<'_>) -> RawReply {
        self.call()(entry::SCAFFOLD, RSlice::EMPTY, request.into(), host)
    }

    /// Answers an encoded `DescribeRequest` for a command of the host with a `CommandDescription`
    /// that contains the options that the plugin's hooks add to it.
    pub fn options(self, request: &[u8]) -> RawReply {
        self.call()(entry::OPTIONS, RSlice::EMPTY, request.into(), RawHost::new(&NoServices))
    }

    /// Answers an event with a `HookReply`, or with no bytes if the hook lets the host proceed.
    pub fn event(self, name: &str, payload: &[u8], host: RawHost<'_>) -> RawReply {
        self.call()(entry::EVENT, name.as_bytes().into(), payload.into(), host)
    }

    /// Answers an encoded `CompleteRequest` with a `CompleteReply`.
    pub fn complete(self, request: &[u8], host: RawHost<'_>) -> RawReply {
        self.call()(entry::COMPLETE, RSlice::EMPTY, request.into(), host)
    }

    /// Runs a cleanup that the plugin has registered.
    pub fn cleanup(self, id: u64) -> RawReply {
        let input = id.to_ne_bytes();
        let host = RawHost::new(&NoServices);
        self.call()(entry::CLEANUP, RSlice::EMPTY, input.as_slice().into(), host)
    }

    /// Answers the request of an interface's method with its reply and its buffers.
    pub fn interface(self, name: &str, request: &[u8], host: RawHost<'_>) -> RawReply {
        self.call()(entry::INTERFACE, name.as_bytes().into(), request.into(), host)
    }
}

/// Answers a call with the result of `work`. A panic is an error, too.
pub(crate) fn reply(work: impl FnOnce() -> Result<(Vec<u8>, Vec<Node>), ErrorReply>) -> RawReply {
    let (is_error, message, nodes) = match guard(work) {
        Ok((message, nodes)) => (0, message, nodes),
        Err(err) => (1, message::encode(&err), Vec::new()),
    };
    let nodes = nodes.into_iter().map(Node::into_raw).collect();
    RawReply { is_error, message: message.into(), nodes }
}

/// The host's services during a call: one function, with a number for each service.
///
/// A table with a function for each service would add a type and a function per service to the
/// layout check. A plugin that requests a service of a later release from an older host gets an
/// error of the kind [`ErrorKind::Unsupported`](message::ErrorKind::Unsupported), and manages
/// without the service.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawHost<'a> {
    /// An empty slice at the address of a `&'a S`, where `S: HostServices` is the type that `call`
    /// was created for. It can be sent wherever the borrow can, and the layout check already knows
    /// its type: a pointer and a marker for the lifetime would be three more types.
    object: RSlice<'a, u8>,
    /// Takes the object, the number of a service, a detail whose meaning depends on the service,
    /// and the input of the service.
    call: extern "C" fn(RSlice<'_, u8>, u32, u32, RSlice<'_, u8>) -> RawReply,
}

/// The numbers of the host's services. Their meaning never changes.
mod service {
    /// Writes the input to the standard output (detail 0) or the standard error (1).
    pub(super) const WRITE: u32 = 0;
    /// Logs the input, a line, at the level error (detail 1), warn, info, debug or trace (5).
    pub(super) const LOG: u32 = 1;
    /// Answers a `ServiceRequest` with a `ServiceReply`.
    pub(super) const REQUEST: u32 = 2;
    /// Returns the sorted paths of some files of the universe, each terminated by a NUL: of all
    /// files (detail 0), of the files that match a glob (1), of the files that one plugin created
    /// (2), the file at a path (3), or of the files that one plugin created in one subcommand,
    /// given as both separated by a NUL (4). Does not read any file.
    pub(super) const PATHS: u32 = 3;
    /// Returns the files themselves.
    pub(super) const NODES: u32 = 4;
    /// Lends all files, sorted by path, or in the call of an interface the buffers of its request,
    /// for as long as the host's object is borrowed. The answer is the address of the first
    /// `RArc<RawNode>` and their number, as two `usize` in native byte order.
    pub(super) const LEND: u32 = 5;
    /// Waits for as many milliseconds as the detail specifies until the call is cancelled, and
    /// answers with one byte: whether it is.
    pub(super) const WAIT: u32 = 6;
    // New services are added here.
}

impl<'a> RawHost<'a> {
    /// Returns `services` in the form that crosses the boundary.
    pub fn new<S: HostServices>(services: &'a S) -> Self {
        Self { object: erase(services), call: host_call::<S> }
    }

    /// Returns a host that lends buffers, and forwards all other services.
    pub(crate) fn lending(lender: &'a Lender<'_>) -> Self {
        Self { object: erase(lender), call: lend }
    }

    pub(crate) fn write(self, stream: Stream, text: &[u8]) {
        // The error cannot be reported: a host that panics while it writes has lost its output.
        let _ = self.call(service::WRITE, stream as u32, text);
    }

    pub(crate) fn log(self, level: Level, text: &str) {
        let _ = self.call(service::LOG, level as u32, text.as_bytes());
    }

    pub(crate) fn request(self, request: &ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        let request = message::encode(request);
        let reply = self.call(service::REQUEST, 0, &request).into_message()?;
        message::decode("service reply", &reply)
    }

    pub(crate) fn paths(self, select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        let (kind, text) = select.to_raw();
        let bytes = self.call(service::PATHS, kind, text.as_bytes()).into_message()?;
        let paths = bytes.split(|it| *it == 0).filter(|it| !it.is_empty());
        Ok(paths.map(|it| String::from_utf8_lossy(it).into_owned()).collect())
    }

    pub(crate) fn nodes(self, select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        let (kind, text) = select.to_raw();
        let reply = self.call(service::NODES, kind, text.as_bytes());
        reply.into_message_and_nodes().map(|(_, nodes)| nodes)
    }

    /// Borrows all files from the host.
    pub(crate) fn all_nodes(self) -> Result<&'a [Node], ErrorReply> {
        let answer = self.call(service::LEND, 0, &[]).into_message()?;
        let Some((address, n_nodes)) = answer.split_first_chunk() else { return Err(no_loan()) };
        let Ok(n_nodes) = n_nodes.try_into() else { return Err(no_loan()) };
        let address = usize::from_ne_bytes(*address);
        if address == 0 || address % align_of::<Node>() != 0 {
            return Err(no_loan());
        }
        // SAFETY: the host's side of this service, `host_call`, answers with the parts of a
        // `&'a [Node]` that it got from the object whose borrow `self` has, and has exposed the
        // pointer; `Node` is an `RArc<RawNode>`, whose layout was checked when the plugin was
        // loaded.
        Ok(unsafe {
            std::slice::from_raw_parts(
                std::ptr::with_exposed_provenance(address),
                usize::from_ne_bytes(n_nodes),
            )
        })
    }

    /// Waits until the call is cancelled, and returns whether it is.
    pub(crate) fn wait_cancelled(self, millis: u32) -> bool {
        // On a host that does not support this, nothing is ever cancelled.
        let answer = self.call(service::WAIT, millis, &[]).into_message();
        answer.is_ok_and(|it| it.first() == Some(&1))
    }
    // New services are called here.

    /// Returns the host for callers that may hold it longer than it is borrowed, and must not use
    /// it then: `handle.rs` ensures that.
    pub(crate) fn outliving_its_borrow(self) -> RawHost<'static> {
        // SAFETY: only the lifetime changes. The one caller, `CallScope::handle`, keeps the value
        // in a slot that nothing reads after the scope is dropped. A scope is a local variable
        // of the function that answers the call, in `export.rs`, and the host is borrowed until
        // that function returns.
        unsafe { std::mem::transmute::<RawHost<'_>, RawHost<'static>>(self) }
    }

    fn call(self, service: u32, detail: u32, input: &[u8]) -> RawReply {
        (self.call)(self.object, service, detail, input.into())
    }
}

/// The host of a call that needs none.
struct NoServices;

impl HostServices for NoServices {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, _level: Level, _text: &str) {}

    fn request(&self, _request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        Err(ErrorReply::unsupported("this call has no services".to_owned()))
    }
}

extern "C" fn host_call<S: HostServices>(
    object: RSlice<'_, u8>,
    service: u32,
    detail: u32,
    input: RSlice<'_, u8>,
) -> RawReply {
    reply(|| {
        let host = restore::<S>(object);
        let message = match service {
            service::WRITE => {
                let stream = if detail == Stream::Out as u32 { Stream::Out } else { Stream::Err };
                host.write(stream, input.as_slice());
                Vec::new()
            }
            service::LOG => {
                host.log(Level::from_number(detail), text(input)?);
                Vec::new()
            }
            service::REQUEST => {
                let request = message::decode("service request", input.as_slice())?;
                host.request(request).map(|it| message::encode(&it))?
            }
            service::PATHS => {
                let paths = host.paths(Select::from_raw(detail, text(input)?)?)?;
                paths.iter().flat_map(|it| it.bytes().chain([0])).collect()
            }
            service::NODES => {
                let nodes = host.nodes(Select::from_raw(detail, text(input)?)?)?;
                return Ok((Vec::new(), nodes));
            }
            service::LEND => loan(host.all_nodes()?),
            service::WAIT => {
                vec![u8::from(host.wait_cancelled(Duration::from_millis(detail.into())))]
            }
            // New services are answered here.
            _ => {
                return Err(ErrorReply::unsupported(format!("this host has no service {service}")));
            }
        };
        Ok((message, Vec::new()))
    })
}

/// Lends the buffers of a request, besides the services of another host.
pub(crate) struct Lender<'a> {
    host: RawHost<'a>,
    buffers: &'a [Node],
}

impl<'a> Lender<'a> {
    pub(crate) fn new(host: RawHost<'a>, buffers: &'a [Node]) -> Self {
        Self { host, buffers }
    }
}

extern "C" fn lend(
    object: RSlice<'_, u8>,
    service: u32,
    detail: u32,
    input: RSlice<'_, u8>,
) -> RawReply {
    let lender = restore::<Lender<'_>>(object);
    match service {
        service::LEND => reply(|| Ok((loan(lender.buffers), Vec::new()))),
        // This function catches its own panics.
        _ => (lender.host.call)(lender.host.object, service, detail, input),
    }
}

/// Returns the answer to [`service::LEND`].
fn loan(nodes: &[Node]) -> Vec<u8> {
    [nodes.as_ptr().expose_provenance(), nodes.len()].map(usize::to_ne_bytes).concat()
}

impl RawReply {
    /// Returns the message, or the error.
    ///
    /// # Errors
    ///
    /// The [`ErrorReply`] of the other side.
    pub fn into_message(self) -> Result<Vec<u8>, ErrorReply> {
        self.into_message_and_nodes().map(|(message, _)| message)
    }

    /// Returns the message and the nodes, or the error.
    ///
    /// # Errors
    ///
    /// The [`ErrorReply`] of the other side.
    pub fn into_message_and_nodes(self) -> Result<(Vec<u8>, Vec<Node>), ErrorReply> {
        match self.is_error {
            0 => {
                // As a `Vec`, whose conversion does not need a second allocation.
                let nodes = self.nodes.into_vec().into_iter().map(Node::from_raw).collect();
                Ok((self.message.into_vec(), nodes))
            }
            _ => Err(read_error(&self.message)),
        }
    }
}

/// Reads a text that crossed the boundary.
pub(crate) fn text(bytes: RSlice<'_, u8>) -> Result<&str, ErrorReply> {
    std::str::from_utf8(bytes.as_slice())
        .map_err(|_| ErrorReply::failed("a text that crossed the boundary is not UTF-8"))
}

fn no_loan() -> ErrorReply {
    ErrorReply::failed("invalid answer of the host to a loan of files")
}

/// Reads an encoded error. If the bytes are not a valid error, this is an error of its own.
fn read_error(bytes: &[u8]) -> ErrorReply {
    message::decode("error reply", bytes).unwrap_or_else(|err| err)
}

/// Returns the address of a host's object, for [`restore`].
fn erase<S: Sync>(object: &S) -> RSlice<'_, u8> {
    // SAFETY: a slice of no bytes may be at any address that is not null and is aligned for bytes;
    // nothing is ever read through it.
    unsafe { RSlice::from_raw_parts(std::ptr::from_ref(object).cast(), 0) }
}

fn restore<S: Sync>(object: RSlice<'_, u8>) -> &S {
    // SAFETY: `RawHost::new` and `RawHost::lending` are the only places that pair an object with a
    // function: they take a `&'a S`, whose address `erase` keeps as a pointer with all its rights
    // and whose lifetime the slice has, and the function that calls `restore::<S>`. The fields are
    // private, and the function is only ever given the object that it is paired with. `S` is
    // `Sync`, so the slice may have come from another thread.
    unsafe { &*object.as_ptr().cast() }
}
