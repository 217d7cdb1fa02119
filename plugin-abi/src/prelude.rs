//! What most plugins import.

pub use crate::anyhow::{Context as _, anyhow, bail, ensure};
pub use crate::{
    Amendment, Arg, Args, Call, ChangeSet, ClusterEvent, Command, ContainerSpec, Draft,
    ErrorExt as _, Event, Hint as _, Hook, HookReply, Host, Node, NodeEvent, Outcome, Place,
    ProjectInfo, Prompt, Resource, Result, Scaffold, ScaffoldCall, Select, Stop, Tool, Universe,
    UsageError, Webhooks, json,
};
