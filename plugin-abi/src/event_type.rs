//! The contract of an event, as a value that host and hooks share.

use crate::error::{ErrorReply, Result, from_reply};
use crate::message::HookReply;
use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// An event that a host passes to hooks with a payload `P`, and that they answer with an `R`.
///
/// It is a constant of a crate that the host and its plugins depend on. The host registers and
/// sends the event with this constant, and a hook uses it to read the payload and to reply. The
/// events of Pintle itself are in [`events`](crate::events).
///
/// ```
/// use pintle_plugin::{EventType, prelude::*, testing};
/// use serde::{Deserialize, Serialize};
///
/// // The crate that the program's plugins depend on:
/// pub const PRE_SAIL: EventType<Voyage, Advice> =
///     EventType::new("pre-sail", "before a ship leaves the harbour").with_veto();
///
/// #[derive(Default, Serialize, Deserialize)]
/// #[serde(default)]
/// pub struct Voyage {
///     pub knots: u8,
/// }
///
/// #[derive(Default, Serialize, Deserialize, PartialEq, Debug)]
/// #[serde(default)]
/// pub struct Advice {
///     pub sails: u8,
/// }
///
/// // A plugin:
/// pintle_plugin::export_plugin! {
///     name: "pilot.example.org",
///     description: "Advises captains",
///     hooks: [Pilot],
///     host_events: [PRE_SAIL.name()],
/// }
///
/// #[derive(Default)]
/// struct Pilot;
///
/// impl Hook for Pilot {
///     const EVENTS: &'static [&'static str] = &[PRE_SAIL.name()];
///
///     fn on_event(&self, event: &Event<'_>, _host: &Host<'_>) -> Result<HookReply> {
///         let voyage = event.payload(&PRE_SAIL)?;
///         match voyage.knots {
///             0..40 => PRE_SAIL.reply(&Advice { sails: 9 - voyage.knots / 5 }),
///             _ => Ok(HookReply::veto("there is a storm")),
///         }
///     }
/// }
///
/// // A test of the plugin:
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sail = testing::event(plugin(), PRE_SAIL.name()).payload(&Voyage { knots: 10 }).run()?;
/// assert_eq!(PRE_SAIL.replies(&sail.reply)?, [Advice { sails: 7 }]);
/// # Ok(())
/// # }
/// ```
pub struct EventType<P, R = ()> {
    name: &'static str,
    about: &'static str,
    may: Option<&'static str>,
    has_veto: bool,
    has_amendments: bool,
    types: PhantomData<fn(&P) -> R>,
}

impl<P, R> Clone for EventType<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for EventType<P, R> {}

impl<P, R> EventType<P, R> {
    /// Returns the event `name`, with `about` as the description of when it happens. A hook can act
    /// on it and fail; the methods below add what else it can do.
    ///
    /// ```
    /// use pintle_plugin::EventType;
    ///
    /// const POST_SAIL: EventType<u8> = EventType::new("post-sail", "when a ship has left");
    /// assert_eq!(POST_SAIL.permits(), "act");
    /// ```
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        let (has_veto, has_amendments) = (false, false);
        Self { name, about, may: None, has_veto, has_amendments, types: PhantomData }
    }

    /// Allows hooks to veto what the event announces.
    ///
    /// ```
    /// use pintle_plugin::EventType;
    ///
    /// const PRE_SAIL: EventType<u8> = EventType::new("pre-sail", "before a ship leaves").with_veto();
    /// assert_eq!(PRE_SAIL.permits(), "veto");
    /// ```
    pub const fn with_veto(mut self) -> Self {
        self.has_veto = true;
        self
    }

    /// Allows hooks to amend what the event announces, by name.
    ///
    /// ```
    /// use pintle_plugin::EventType;
    ///
    /// const PRE_SAIL: EventType<u8> =
    ///     EventType::new("pre-sail", "before a ship leaves").with_amendments();
    /// assert_eq!(PRE_SAIL.permits(), "amend");
    /// ```
    pub const fn with_amendments(mut self) -> Self {
        self.has_amendments = true;
        self
    }

    /// Sets what lists show that a hook may do, if there is more to describe than `act`, `veto` and
    /// `amend`.
    ///
    /// ```
    /// use pintle_plugin::EventType;
    ///
    /// const POST_SAIL: EventType<u8> =
    ///     EventType::new("post-sail", "when a ship has left").may("act; a failure calls it back");
    /// assert_eq!(POST_SAIL.permits(), "act; a failure calls it back");
    /// ```
    pub const fn may(mut self, may: &'static str) -> Self {
        self.may = Some(may);
        self
    }

    /// Returns the event's name.
    ///
    /// ```
    /// assert_eq!(pintle_plugin::events::PRE_NODE_DELETE.name(), "pre-node-delete");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns when the event happens.
    ///
    /// ```
    /// assert_eq!(pintle_plugin::events::POST_NODE_DELETE.about(), "after the nodes are deleted");
    /// ```
    pub const fn about(&self) -> &'static str {
        self.about
    }

    /// Returns what a hook may do, besides failing.
    ///
    /// ```
    /// assert_eq!(pintle_plugin::events::PRE_NODE_CREATE.permits(), "amend, veto");
    /// ```
    pub const fn permits(&self) -> &'static str {
        match (self.may, self.has_amendments, self.has_veto) {
            (Some(may), _, _) => may,
            (None, true, true) => "amend, veto",
            (None, true, false) => "amend",
            (None, false, true) => "veto",
            (None, false, false) => "act",
        }
    }

    /// Returns whether hooks may veto what the event announces.
    ///
    /// ```
    /// assert!(pintle_plugin::events::PRE_NODE_CREATE.has_veto());
    /// ```
    pub const fn has_veto(&self) -> bool {
        self.has_veto
    }

    /// Returns whether hooks may amend what the event announces.
    ///
    /// ```
    /// assert!(!pintle_plugin::events::PRE_NODE_DELETE.has_amendments());
    /// ```
    pub const fn has_amendments(&self) -> bool {
        self.has_amendments
    }
}

impl<P, R: Serialize + DeserializeOwned> EventType<P, R> {
    /// Returns a hook's typed answer. Amendments can be added to it.
    ///
    /// ```
    /// use pintle_plugin::EventType;
    ///
    /// const PRE_SAIL: EventType<u8, u8> = EventType::new("pre-sail", "before a ship leaves");
    /// let reply = PRE_SAIL.reply(&7).unwrap();
    /// assert_eq!(PRE_SAIL.replies(&reply).unwrap(), [7]);
    /// ```
    ///
    /// # Errors
    ///
    /// If `reply` cannot be represented as JSON.
    pub fn reply(&self, reply: &R) -> Result<HookReply> {
        let value = serde_json::to_value(reply);
        let value = value.with_context(|| format!("invalid reply to `{}`", self.name))?;
        Ok(HookReply { replies: vec![value], ..HookReply::default() })
    }

    /// Reads the typed answers of a plugin: one for each of its hooks that sent one.
    ///
    /// ```
    /// use pintle_plugin::EventType;
    ///
    /// const PRE_SAIL: EventType<u8, u8> = EventType::new("pre-sail", "before a ship leaves");
    /// assert!(PRE_SAIL.replies(&pintle_plugin::HookReply::proceed()).unwrap().is_empty());
    /// ```
    ///
    /// # Errors
    ///
    /// If an answer is not an `R`.
    pub fn replies(&self, reply: &HookReply) -> Result<Vec<R>, ErrorReply> {
        let read = |it| R::deserialize(it);
        reply.replies.iter().map(read).collect::<Result<_, _>>().map_err(|err| {
            let mut reply = ErrorReply::failed(format!("invalid reply to `{}`", self.name));
            reply.causes.push(err.to_string());
            reply
        })
    }
}

impl<P: DeserializeOwned, R> EventType<P, R> {
    pub(crate) fn read(&self, name: &str, payload: &[u8]) -> Result<P> {
        anyhow::ensure!(name == self.name, "this is the event `{name}`, not `{}`", self.name);
        crate::message::decode("event payload", payload).map_err(from_reply)
    }
}
