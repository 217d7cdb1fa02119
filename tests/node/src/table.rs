//! Objects as the tables that kubectl prints: it has no columns of its own.

use crate::api::Kind;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// Returns the objects as a table.
pub(crate) fn table(kind: &Kind, items: &[Value], version: u64) -> Value {
    let names: &[(&str, u8)] = match kind.kind {
        "Node" => &[
            ("Name", 0),
            ("Status", 0),
            ("Roles", 0),
            ("Age", 0),
            ("Version", 0),
            ("Internal-IP", 1),
            ("OS-Image", 1),
            ("Kernel-Version", 1),
            ("Container-Runtime", 1),
        ],
        "Namespace" => &[("Name", 0), ("Status", 0), ("Age", 0)],
        _ => &[("Name", 0), ("Data", 0), ("Age", 0)],
    };
    let column = |(name, priority): &(&str, u8)| {
        let format = if *name == "Name" { "name" } else { "" };
        json!({ "name": name, "type": "string", "format": format, "description": "", "priority": priority })
    };
    let row = |item: &Value| {
        let object = json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": item["metadata"],
        });
        json!({ "cells": cells(kind, item), "object": object })
    };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": { "resourceVersion": version.to_string() },
        "columnDefinitions": names.iter().map(column).collect::<Vec<_>>(),
        "rows": items.iter().map(row).collect::<Vec<_>>(),
    })
}

fn cells(kind: &Kind, item: &Value) -> Value {
    let (name, age) = (&item["metadata"]["name"], age(item));
    match kind.kind {
        "Node" => {
            let info = &item["status"]["nodeInfo"];
            json!([
                name,
                node_status(item),
                roles(item),
                age,
                info["kubeletVersion"],
                address(item),
                info["osImage"],
                info["kernelVersion"],
                info["containerRuntimeVersion"],
            ])
        }
        "Namespace" => json!([name, item["status"]["phase"], age]),
        _ => json!([name, item["data"].as_object().map_or(0, |it| it.len()).to_string(), age]),
    }
}

fn node_status(item: &Value) -> &'static str {
    let conditions = item["status"]["conditions"].as_array();
    let mut ready = conditions.into_iter().flatten().filter(|it| it["type"] == "Ready");
    match ready.next().map(|it| it["status"] == "True") {
        Some(true) => "Ready",
        Some(false) => "NotReady",
        None => "Unknown",
    }
}

fn roles(item: &Value) -> String {
    let labels = item["metadata"]["labels"].as_object();
    let keys = labels.into_iter().flatten().map(|(key, _)| key);
    let roles: Vec<_> = keys.filter_map(|it| it.strip_prefix("node-role.kubernetes.io/")).collect();
    if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
}

fn address(item: &Value) -> Value {
    let addresses = item["status"]["addresses"].as_array();
    let mut internal = addresses.into_iter().flatten().filter(|it| it["type"] == "InternalIP");
    internal.next().map_or_else(|| "<none>".into(), |it| it["address"].clone())
}

fn age(item: &Value) -> String {
    let created = item["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
    let Ok(created) = OffsetDateTime::parse(created, &Rfc3339) else {
        return "<unknown>".to_owned();
    };
    let age = (OffsetDateTime::now_utc() - created).max(Duration::ZERO);
    match age.whole_seconds() {
        it @ 0..120 => format!("{it}s"),
        it @ 120..7200 => format!("{}m", it / 60),
        it @ 7200..172_800 => format!("{}h", it / 3600),
        it => format!("{}d", it / 86400),
    }
}
