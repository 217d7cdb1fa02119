//! What most plugins import.

pub use crate::anyhow::{Context as _, anyhow, bail, ensure};
pub use crate::{
    Amendment, Arg, ArgGroup, Args, Call, Candidate, ChangeSet, ClusterEvent, Command,
    ContainerSpec, Draft, ErrorExt as _, Event, Hint as _, Hook, HookReply, Host, Node, NodeEvent,
    Outcome, Place, ProjectInfo, Prompt, Resource, Result, Scaffold, ScaffoldCall, Select, Stop,
    Table, Tool, Universe, UsageError, Webhooks, json,
};
