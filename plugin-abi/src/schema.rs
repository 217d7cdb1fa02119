//! The interface as JSON: the layouts and the messages that must never change incompatibly.
//!
//! `cargo xtask abi` compares it with `abi.json`. Layouts are those of 64-bit platforms.

use crate::cluster::{Amendment, ClusterEvent, NodeEvent};
use crate::manifest::{self, INTERFACE_VERSION, Manifest};
use crate::message::program::{
    HostLine, ProgramCommandReply, ProgramHookReply, ProgramInfo, ProgramLine,
};
use crate::message::{
    CommandDescription, CommandReply, CommandRequest, CompleteReply, CompleteRequest,
    DescribeRequest, ErrorReply, HookReply, ProjectEvent, ScaffoldReply, ScaffoldRequest,
    ServiceReply, ServiceRequest,
};
use crate::node::{ChangeKind, Select};
use crate::raw::{PluginRootRef, RawHost, RawReply};
use crate::streams::{Level, Stream};
use abi_stable::StableAbi;
use abi_stable::type_layout::{TLField, TypeLayout};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Returns the description of the interface.
pub fn dump() -> Value {
    json!({
        "interface": INTERFACE_VERSION,
        "manifest_format": manifest::FORMAT,
        "numbers": numbers(),
        "layout": layouts(),
        "messages": messages(),
    })
}

/// Numbers that cross the boundary but are not constants in `raw.rs`.
fn numbers() -> Value {
    let select = |it: Select<'_>| it.to_raw().0;
    json!({
        "stream": { "Out": Stream::Out as u32, "Err": Stream::Err as u32 },
        "level": {
            "Error": Level::Error as u32,
            "Warn": Level::Warn as u32,
            "Info": Level::Info as u32,
            "Debug": Level::Debug as u32,
            "Trace": Level::Trace as u32,
        },
        "select": {
            "All": select(Select::All),
            "Glob": select(Select::Glob("")),
            "Plugin": select(Select::Plugin("")),
            "Path": select(Select::Path("")),
            "Origin": select(Select::Origin { plugin: "", subcommand: "" }),
        },
        "change": {
            "Add": ChangeKind::Add as u32,
            "Edit": ChangeKind::Edit as u32,
            "Put": ChangeKind::Put as u32,
        },
    })
}

/// Describes each message, and each type in it.
fn messages() -> Map<String, Value> {
    let mut generator = SchemaGenerator::default();
    // New messages are added here.
    add::<Manifest>(&mut generator);
    add::<DescribeRequest>(&mut generator);
    add::<CommandDescription>(&mut generator);
    add::<CommandRequest>(&mut generator);
    add::<CommandReply>(&mut generator);
    add::<CompleteRequest>(&mut generator);
    add::<CompleteReply>(&mut generator);
    add::<ScaffoldRequest>(&mut generator);
    add::<ScaffoldReply>(&mut generator);
    add::<ProjectEvent>(&mut generator);
    add::<ClusterEvent>(&mut generator);
    add::<NodeEvent>(&mut generator);
    add::<Amendment>(&mut generator);
    add::<HookReply>(&mut generator);
    add::<ServiceRequest>(&mut generator);
    add::<ServiceReply>(&mut generator);
    add::<ErrorReply>(&mut generator);
    add_programs(&mut generator);
    let mut types = generator.take_definitions(true);
    types.values_mut().for_each(strip);
    types
}

/// Returns the JSON schema of the messages between a host and a program, each by its name in
/// `$defs`.
pub fn protocol() -> Value {
    let mut generator = SchemaGenerator::default();
    add_programs(&mut generator);
    let mut types = generator.take_definitions(true);
    types.sort_keys();
    types.values_mut().for_each(leave_out_examples);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The messages between a host and programs that are its plugins",
        "description": "docs/protocol.md says which of them travels where.",
        "$defs": types,
    })
}

/// Removes the examples, which are Rust, from the descriptions of types.
fn leave_out_examples(schema: &mut Value) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        if let Some(start) = text.find("\n\n```") {
            text.truncate(start);
        }
    }
}

fn add_programs(generator: &mut SchemaGenerator) {
    add::<ProgramInfo>(generator);
    add::<ProgramHookReply>(generator);
    add::<ProgramCommandReply>(generator);
    add::<HostLine>(generator);
    add::<ProgramLine>(generator);
    add::<CommandRequest>(generator);
    add::<ProjectEvent>(generator);
    add::<ClusterEvent>(generator);
    add::<NodeEvent>(generator);
    // The type of `amend` for events of clusters.
    add::<Amendment>(generator);
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// Removes everything that is only for people to read.
fn strip(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.shift_remove("description");
            // A property may also have that name; it is a schema then.
            for (name, value) in fields {
                match (name.as_str(), &mut *value) {
                    ("properties" | "$defs", Value::Object(named)) => {
                        named.values_mut().for_each(strip);
                    }
                    ("default" | "const" | "enum", _) => {}
                    _ => strip(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Describes each type that crosses the boundary natively, by its name.
fn layouts() -> Map<String, Value> {
    // Parameters of functions are not reachable from the root module: new types are added here.
    let mut open = vec![
        <PluginRootRef as StableAbi>::LAYOUT,
        <RawHost<'static> as StableAbi>::LAYOUT,
        <RawReply as StableAbi>::LAYOUT,
    ];
    let mut types = Map::new();
    while let Some(layout) = open.pop() {
        let name = type_name(layout);
        if !types.contains_key(&name) {
            types.insert(name, describe(layout));
            // The target of a pointer is among the phantom fields.
            let fields = layout.get_fields().into_iter().chain([layout.phantom_fields()]);
            let fields = fields.flat_map(|it| it.to_vec());
            open.extend(fields.filter(|it| !it.is_function()).map(|it| it.layout()));
        }
    }
    types.sort_keys();
    types
}

fn describe(layout: &'static TypeLayout) -> Value {
    let mut end = 0_usize;
    let fields = layout.get_fields().into_iter().flat_map(|it| it.to_vec());
    let fields = fields.map(|field| {
        let offset = end.next_multiple_of(field.layout().alignment().max(1));
        end = offset + field.layout().size();
        json!({ "name": field.name(), "offset": offset, "type": field_type(&field) })
    });
    let fields: Vec<_> = fields.collect();
    json!({
        "grows": layout.is_prefix_kind(),
        "size": layout.size(),
        "alignment": layout.alignment(),
        "fields": fields,
    })
}

/// Returns the name of a type with the names of its parameters. Some types of abi_stable name them
/// only in a field without a size.
fn type_name(layout: &TypeLayout) -> String {
    let marker = || {
        let fields = layout.get_fields().into_iter().flat_map(|it| it.to_vec());
        fields.map(|it| it.layout()).find(|it| it.name() == "PhantomData")
    };
    let params = match layout.generics().type_params() {
        [] => marker().map_or(&[][..], |it| it.generics().type_params()),
        params => params,
    };
    let params: Vec<_> = params.iter().map(|it| type_name(it())).collect();
    match (layout.name().trim(), params.join(", ")) {
        (name, params) if params.is_empty() => name.to_owned(),
        (name, params) if name.chars().all(char::is_alphanumeric) => format!("{name}<{params}>"),
        (pointer, params) => format!("{pointer} {params}"),
    }
}

/// Returns the type of a field, or the signature of a function.
fn field_type(field: &TLField) -> String {
    if !field.is_function() {
        return type_name(field.layout());
    }
    let functions = field.function_range().iter().map(|it| signature(&it.to_string()));
    functions.collect::<Vec<_>>().join("; ")
}

/// Simplifies abi_stable's form of a signature, which includes the names of parameters and what is
/// known about lifetimes: `fn(,: u32, param_1: u8)->u8 lifetime indices:…`.
fn signature(text: &str) -> String {
    let (text, _) = text.split_once("lifetime indices").unwrap_or((text, ""));
    let words = text.split_whitespace().filter(|it| !it.starts_with("param_"));
    let text = words.collect::<Vec<_>>().join(" ");
    let Some((start, rest)) = text.split_once('(') else { return text };
    format!("{start}({}", rest.trim_start_matches([',', ':', ' ']))
}
