//! Interfaces of an embedding program: what its plugins implement besides commands and hooks.
//!
//! The program declares a trait with [`interface!`](crate::interface!), in a crate that its plugins
//! depend on. A plugin implements the trait and names the type in
//! [`export_plugin!`](crate::export_plugin). The host calls the plugin with the same trait, through
//! a [`Remote`].
//!
//! ```
//! use pintle_plugin::{Buffer, prelude::*, testing};
//! use serde::{Deserialize, Serialize};
//!
//! // The crate that the program's plugins depend on:
//! pintle_plugin::interface! {
//!     /// Looks for vulnerabilities in images.
//!     pub trait ImageScanner = "image-scanner.example.org/v1" {
//!         /// Scans one image.
//!         fn scan(&self, image: Image, host: &Host<'_>) -> Result<Report>;
//!     }
//! }
//!
//! #[derive(Default, Serialize, Deserialize)]
//! #[serde(default)]
//! pub struct Image {
//!     pub name: String,
//!     /// Shared with the plugin, not copied.
//!     pub layer: Buffer,
//! }
//!
//! #[derive(Default, Serialize, Deserialize)]
//! #[serde(default)]
//! pub struct Report {
//!     pub findings: Vec<String>,
//! }
//!
//! // A plugin:
//! pintle_plugin::export_plugin! {
//!     name: "strict.example.org",
//!     description: "Finds something in every image",
//!     interfaces: [Strict as ImageScanner],
//! }
//!
//! #[derive(Default)]
//! struct Strict;
//!
//! impl ImageScanner for Strict {
//!     fn scan(&self, image: Image, host: &Host<'_>) -> Result<Report> {
//!         host.info(format!("scanning {}", image.name));
//!         Ok(Report { findings: vec![format!("{} bytes", image.layer.len())] })
//!     }
//! }
//!
//! // The host, or here a test of the plugin:
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stage = testing::Stage::new();
//! let scanner = testing::interface::<dyn ImageScanner>(plugin())?;
//! let image = Image { name: "web".into(), layer: vec![0; 3].into() };
//! let report = scanner.scan(image, &stage.host())?;
//! assert_eq!(report.findings, ["3 bytes"]);
//! # Ok(())
//! # }
//! ```
//!
//! # Evolution
//!
//! An interface grows like the messages of this crate: by fields with defaults, and by methods,
//! with a body for the plugins that do not implement them. A plugin that was built before a method
//! existed replies to it with an error that [`is_unsupported`](crate::ErrorExt::is_unsupported).
//! Any other change is a new interface, with a higher version in its name. A plugin can implement
//! both.

use crate::buffer;
use crate::error::{self, ErrorReply, Result, Unsupported};
use crate::host::Host;
use crate::node::Node;
use crate::raw::{Lender, RawHost};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;

/// A trait that plugins implement for a host. [`interface!`](crate::interface!) declares one.
///
/// It is implemented by the trait's object type, for example `dyn ImageScanner`.
pub trait Interface: Send + Sync + 'static {
    /// The interface's name and version, for example `image-scanner.example.org/v1`.
    const NAME: &'static str;

    /// Answers the call of a method.
    ///
    /// # Errors
    ///
    /// The error of the method, or an error if there is no such method.
    fn answer(&self, call: Incoming<'_>) -> Result<Outgoing>;
}

/// The call of a method, on the plugin's side.
pub struct Incoming<'a> {
    /// The name of the interface, `/`, and the name of the method.
    name: &'a str,
    request: &'a [u8],
    host: Host<'a>,
}

/// The reply of a method on its way to the host.
pub struct Outgoing {
    pub(crate) message: Vec<u8>,
    pub(crate) buffers: Vec<Node>,
}

impl<'a> Incoming<'a> {
    pub(crate) fn new(name: &'a str, request: &'a [u8], host: Host<'a>) -> Self {
        Self { name, request, host }
    }

    /// Returns the interface's name and version.
    pub fn interface(&self) -> &'a str {
        self.name.rsplit_once('/').map_or("", |it| it.0)
    }

    /// Returns the method's name.
    pub fn method(&self) -> &'a str {
        self.name.rsplit_once('/').map_or(self.name, |it| it.1)
    }

    /// Reads the request, calls the method, and writes its reply.
    ///
    /// # Errors
    ///
    /// If the request cannot be read, the method fails, or its reply cannot be written.
    pub fn answer<Q: DeserializeOwned, R: Serialize>(
        self,
        method: impl FnOnce(Q, &Host<'_>) -> Result<R>,
    ) -> Result<Outgoing> {
        let buffers = self.host.raw().all_nodes().map_err(error::from_reply)?.to_vec();
        let request =
            buffer::decode(format_args!("request of `{}`", self.name), self.request, buffers)
                .map_err(error::from_reply)?;
        let reply = method(request, &self.host)?;
        let (message, buffers) = buffer::encode(format_args!("reply of `{}`", self.name), &reply)
            .map_err(error::from_reply)?;
        Ok(Outgoing { message, buffers })
    }

    /// Returns the error of an implementation that does not know the method.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn unknown(self) -> Result<Outgoing> {
        Err(Unsupported(format!("this plugin does not know `{}`", self.name)).into())
    }
}

/// The route to a plugin's implementation of an interface, for a [`Remote`]. Hosts implement it.
pub trait Route: Send + Sync {
    /// Calls a method, given by the name of the interface, `/`, and its own name. Returns the reply
    /// and the buffers that are sent with it.
    ///
    /// # Errors
    ///
    /// The plugin's error.
    fn call(&self, name: &str, request: &[u8], host: RawHost<'_>) -> Result<(Vec<u8>, Vec<Node>)>;

    /// Returns the error of a plugin whose reply cannot be read.
    fn unreadable(&self, err: ErrorReply) -> anyhow::Error;
}

/// A plugin's implementation of the interface `I`, for example of `dyn ImageScanner`, on the host's
/// side: it implements the trait itself.
///
/// Clones are the same implementation. Several threads can call it at a time.
pub struct Remote<I: ?Sized> {
    route: Arc<dyn Route>,
    interface: PhantomData<fn(&I)>,
}

impl<I: ?Sized> Clone for Remote<I> {
    fn clone(&self) -> Self {
        Self { route: Arc::clone(&self.route), interface: PhantomData }
    }
}

impl<I: Interface + ?Sized> Remote<I> {
    /// Returns the implementation at the end of a route.
    pub fn new(route: impl Route + 'static) -> Self {
        Self { route: Arc::new(route), interface: PhantomData }
    }

    /// Calls a method, given by the name of the interface, `/`, and its own name. The macro's
    /// implementation of the trait does nothing else.
    ///
    /// # Errors
    ///
    /// The plugin's error, or an error if one of the messages cannot be written or read.
    pub fn call<Q: Serialize, R: DeserializeOwned>(
        &self,
        name: &str,
        request: &Q,
        host: &Host<'_>,
    ) -> Result<R> {
        let (request, buffers) = buffer::encode(format_args!("request of `{name}`"), request)
            .map_err(error::from_reply)?;
        let lender = Lender::new(host.raw(), &buffers);
        let (reply, buffers) = self.route.call(name, &request, RawHost::lending(&lender))?;
        buffer::decode(format_args!("reply of `{name}`"), &reply, buffers)
            .map_err(|err| self.route.unreadable(err))
    }
}

/// Declares an [interface](mod@crate::interface) of an embedding program: a trait that plugins
/// implement, and with which the host calls them.
///
/// The name of the trait is followed by the name of the interface: a DNS-1123 subdomain that you
/// own, and a version. Each method takes one request and the host, and returns a reply. Both are
/// serde types, and may contain [buffers](crate::Buffer). An empty request is `()`.
///
/// ```
/// use pintle_plugin::prelude::*;
///
/// pintle_plugin::interface! {
///     /// Forecasts the weather.
///     pub trait Oracle = "oracle.example.org/v1" {
///         /// Returns tomorrow's weather at a place.
///         fn tomorrow(&self, place: String, host: &Host<'_>) -> Result<String>;
///
///         /// Returns the confidence of the forecast; since 1.1.
///         fn confidence(&self, _request: (), _host: &Host<'_>) -> Result<f64> {
///             Ok(0.5)
///         }
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! interface {
    (
        $(#[$attr:meta])*
        $vis:vis trait $Trait:ident = $name:literal {
            $(
                $(#[$method_attr:meta])*
                fn $method:ident(
                    &$this:ident,
                    $request:ident: $Request:ty,
                    $host:ident: &Host<'_> $(,)?
                ) -> Result<$Reply:ty> $body:tt
            )*
        }
    ) => {
        $(#[$attr])*
        $vis trait $Trait: ::std::marker::Send + ::std::marker::Sync + 'static {
            $(
                $(#[$method_attr])*
                fn $method(&$this, $request: $Request, $host: &$crate::Host<'_>)
                -> $crate::Result<$Reply> $body
            )*
        }

        impl $crate::interface::Interface for dyn $Trait {
            const NAME: &'static str = $name;

            fn answer(
                &self,
                call: $crate::interface::Incoming<'_>,
            ) -> $crate::Result<$crate::interface::Outgoing> {
                match call.method() {
                    $(::std::stringify!($method) => {
                        call.answer(|request: $Request, host| self.$method(request, host))
                    })*
                    _ => call.unknown(),
                }
            }
        }

        impl $Trait for $crate::interface::Remote<dyn $Trait> {
            $(
                fn $method(&self, request: $Request, host: &$crate::Host<'_>)
                -> $crate::Result<$Reply> {
                    let name = ::std::concat!($name, "/", ::std::stringify!($method));
                    self.call(name, &request, host)
                }
            )*
        }
    };
}
