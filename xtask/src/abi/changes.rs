//! Compares two descriptions of the interface and finds the changes that break plugins or hosts.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The differences. Each text names the thing that has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Changes that make existing plugins or hosts fail.
    pub(super) breaks: Vec<String>,
    /// Changes that existing plugins and hosts can ignore.
    pub(super) additions: Vec<String>,
}

/// Compares two descriptions.
pub(super) fn compare(old: &Value, new: &Value) -> Changes {
    let mut changes = Changes::default();
    if old["manifest_format"] != new["manifest_format"] {
        changes.breaks(format!(
            "the manifest's format changed from {} to {}",
            old["manifest_format"], new["manifest_format"]
        ));
    }
    for (kind, numbers) in fields(&old["numbers"]) {
        changes.numbers(kind, fields(numbers), fields(&new["numbers"][kind]));
    }
    changes.layouts(fields(&old["layout"]), fields(&new["layout"]));
    changes.messages(fields(&old["messages"]), fields(&new["messages"]));
    changes
}

/// Returns the fields of an object; anything else has none.
fn fields(value: &Value) -> &Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

impl Changes {
    fn breaks(&mut self, text: String) {
        self.breaks.push(text);
    }

    fn adds(&mut self, text: String) {
        self.additions.push(text);
    }

    fn numbers(&mut self, kind: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        for (name, number) in old {
            match new.get(name) {
                None => self.breaks(format!("the {kind} `{name}` ({number}) was removed")),
                Some(it) if it != number => {
                    self.breaks(format!("the {kind} `{name}` changed from {number} to {it}"));
                }
                Some(_) => {}
            }
        }
        for (name, number) in new.iter().filter(|it| !old.contains_key(it.0)) {
            let taken = old.iter().find(|it| it.1 == number);
            match taken {
                Some((other, _)) => {
                    self.breaks(format!("the {kind} `{name}` has the number {number} of `{other}`"))
                }
                None => self.adds(format!("the {kind} `{name}` ({number})")),
            }
        }
    }

    fn layouts(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        for (name, layout) in old {
            match new.get(name) {
                None => self.breaks(format!("the type `{name}` no longer crosses the boundary")),
                Some(it) => self.layout(name, layout, it),
            }
        }
        for name in new.keys().filter(|it| !old.contains_key(*it)) {
            self.adds(format!("the type `{name}`, which crosses the boundary natively"));
        }
    }

    fn layout(&mut self, of: &str, old: &Value, new: &Value) {
        let grows = old["grows"] == true && new["grows"] == true;
        let (old_fields, new_fields) = (items(&old["fields"]), items(&new["fields"]));
        for (idx, field) in old_fields.iter().enumerate() {
            let path = format!("{of}.{}", name(field));
            match new_fields.get(idx) {
                None => self.breaks(format!("the field `{path}` was removed from the layout")),
                Some(it) if name(it) != name(field) => self.breaks(format!(
                    "the layout has `{}` in place of the field `{path}`",
                    name(it)
                )),
                Some(it) if it["type"] != field["type"] => self.breaks(format!(
                    "the field `{path}` changed from `{}` to `{}`",
                    field["type"].as_str().unwrap_or_default(),
                    it["type"].as_str().unwrap_or_default()
                )),
                Some(it) if it["offset"] != field["offset"] => self.breaks(format!(
                    "the field `{path}` moved from offset {} to {}",
                    field["offset"], it["offset"]
                )),
                Some(_) => {}
            }
        }
        for field in new_fields.iter().skip(old_fields.len()) {
            let text = format!("the field `{of}.{}` at the end of the layout", name(field));
            if grows { self.adds(text) } else { self.breaks(format!("{text}, which is frozen")) }
        }
        let sizes = if grows { ["grows", "alignment"] } else { ["size", "alignment"] };
        for what in sizes.into_iter().filter(|it| old[it] != new[it]) {
            self.breaks(format!(
                "the {what} of `{of}` changed from {} to {}",
                old[what], new[what]
            ));
        }
    }

    fn messages(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        for (name, schema) in old {
            match new.get(name) {
                None => self.breaks(format!("the message type `{name}` was removed")),
                Some(it) => self.schema(name, schema, it),
            }
        }
        for name in new.keys().filter(|it| !old.contains_key(*it)) {
            self.adds(format!("the message type `{name}`"));
        }
    }

    /// Compares the schemas at `path`.
    fn schema(&mut self, path: &str, old: &Value, new: &Value) {
        let (Value::Object(old), Value::Object(new)) = (old, new) else {
            if old != new {
                self.retyped(path, old, new);
            }
            return;
        };
        let words = ["oneOf", "enum", "const"];
        if words.iter().any(|it| old.contains_key(*it) || new.contains_key(*it)) {
            return self.variants(path, old, new);
        }
        let handled = ["properties", "required", "default", "items", "additionalProperties"];
        let rest = |it: &Map<String, Value>| -> BTreeMap<String, Value> {
            let rest = it.iter().filter(|it| !handled.contains(&it.0.as_str()));
            rest.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        if rest(old) != rest(new) {
            let [old, new] = [old, new].map(|it| Value::from_iter(rest(it)));
            return self.retyped(path, &old, &new);
        }
        self.absent(path, old.get("default"), new.get("default"));
        for inner in ["items", "additionalProperties"] {
            let [old, new] = [old, new].map(|it| it.get(inner).unwrap_or(&Value::Null));
            self.schema(&format!("{path}[]"), old, new);
        }
        self.properties(path, old, new);
    }

    fn properties(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        let of =
            |it: &Map<String, Value>| it.get("properties").map(fields).cloned().unwrap_or_default();
        let required = |it: &Map<String, Value>, name: &str| {
            it.get("required").is_some_and(|it| items(it).iter().any(|it| it == name))
        };
        let (old_fields, new_fields) = (of(old), of(new));
        for (name, schema) in &old_fields {
            let field = format!("{path}.{name}");
            let Some(now) = new_fields.get(name) else {
                self.breaks(format!("the field `{field}` was removed"));
                continue;
            };
            self.schema(&field, schema, now);
            if required(new, name) && !required(old, name) {
                self.breaks(format!("the field `{field}` no longer has a default"));
            }
        }
        for name in new_fields.keys().filter(|it| !old_fields.contains_key(*it)) {
            let field = format!("{path}.{name}");
            match required(new, name) {
                true => self.breaks(format!("the new field `{field}` has no default")),
                false => self.adds(format!("the field `{field}`")),
            }
        }
    }

    /// Compares two enums by the words or fields that distinguish their variants.
    fn variants(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        let (old_variants, new_variants) = (variants(old), variants(new));
        for (name, schema) in &old_variants {
            let variant = format!("{path}::{name}");
            match new_variants.get(name) {
                None => self.breaks(format!("the variant `{variant}` was removed")),
                Some(it) => self.schema(&variant, schema, it),
            }
        }
        for name in new_variants.keys().filter(|it| !old_variants.contains_key(*it)) {
            self.adds(format!("the variant `{path}::{name}`"));
        }
        self.absent(path, old.get("default"), new.get("default"));
    }

    /// An absent field has its default. A default that is an object may get new fields.
    fn absent(&mut self, path: &str, old: Option<&Value>, new: Option<&Value>) {
        let Some(old) = old else { return };
        if !new.is_some_and(|it| is_within(old, it)) {
            let new = new.unwrap_or(&Value::Null);
            self.breaks(format!("the default of `{path}` changed from {old} to {new}"));
        }
    }

    fn retyped(&mut self, path: &str, old: &Value, new: &Value) {
        self.breaks(format!("the type of `{path}` changed from {old} to {new}"));
    }
}

/// Returns whether everything in one default is also in another.
fn is_within(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(name, value)| new.get(name).is_some_and(|it| is_within(value, it)))
        }
        _ => old == new,
    }
}

/// Returns the variants of an enum, by their names.
fn variants(schema: &Map<String, Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut open: Vec<_> = schema.get("oneOf").map(items).unwrap_or_default().to_vec();
    if open.is_empty() {
        open.push(schema.clone().into());
    }
    for variant in open {
        let words = items(&variant["enum"]).iter().chain(variant.get("const"));
        let words: Vec<_> = words.filter_map(Value::as_str).collect();
        for word in &words {
            found.insert((*word).to_owned(), Value::Null);
        }
        if words.is_empty() {
            let (label, rest) = labelled(variant);
            found.insert(label, rest);
        }
    }
    found
}

/// Finds the name of a variant with fields: the one constant among them, or the only field. Returns
/// the variant without that constant.
fn labelled(mut variant: Value) -> (String, Value) {
    let properties = fields(&variant["properties"]);
    let tag = properties.iter().find_map(|(name, it)| Some((name.clone(), it["const"].as_str()?)));
    if let Some((field, label)) = tag.map(|(field, label)| (field, label.to_owned())) {
        if let Some(properties) = variant["properties"].as_object_mut() {
            properties.shift_remove(&field);
        }
        return (label, variant);
    }
    let only = properties.keys().next().cloned();
    (only.unwrap_or_else(|| variant.to_string()), variant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn interface() -> Value {
        json!({
            "manifest_format": 1,
            "numbers": { "entry": { "COMMAND": 1, "EVENT": 3 } },
            "layout": {
                "Root": {
                    "grows": true, "size": 16, "alignment": 8,
                    "fields": [
                        { "name": "manifest", "offset": 0, "type": "extern fn() -> RSlice<u8>" },
                        { "name": "call", "offset": 8, "type": "extern fn(u32) -> Reply" },
                    ],
                },
                "Reply": {
                    "grows": false, "size": 4, "alignment": 4,
                    "fields": [{ "name": "code", "offset": 0, "type": "u32" }],
                },
            },
            "messages": {
                "Caller": {
                    "type": "object",
                    "properties": { "host": { "type": "string", "default": "" } },
                },
                "Request": {
                    "type": "object",
                    "properties": {
                        "caller": { "$ref": "#/$defs/Caller", "default": { "host": "" } },
                        "path": { "type": "array", "items": { "type": "string" }, "default": [] },
                        "mode": { "type": "integer", "format": "uint32", "default": 0 },
                        "id": { "type": "string" },
                    },
                    "required": ["id"],
                },
                "Kind": { "oneOf": [
                    { "type": "string", "enum": ["failed", "usage"] },
                    { "type": "string", "const": "other" },
                ]},
                "Ask": { "oneOf": [
                    {
                        "type": "object",
                        "properties": {
                            "call": { "type": "string", "const": "start" },
                            "name": { "type": "string" },
                        },
                        "required": ["call", "name"],
                    },
                ]},
            },
        })
    }

    /// Changes the interface, and checks which changes are found.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), breaks: &[&str], additions: &[&str]) {
        let mut new = interface();
        change(&mut new);
        let changes = compare(&interface(), &new);
        assert_eq!(changes.breaks, breaks);
        assert_eq!(changes.additions, additions);
    }

    #[test]
    fn without_a_change_there_is_nothing_to_report() {
        check(|_| {}, &[], &[]);
    }

    #[test]
    fn numbers_are_added_and_never_changed() {
        let entry = |it: &mut Value, name: &str, number: u32| {
            it["numbers"]["entry"][name] = number.into();
        };
        check(|it| entry(it, "NEW", 4), &[], &["the entry `NEW` (4)"]);
        check(|it| entry(it, "NEW", 3), &["the entry `NEW` has the number 3 of `EVENT`"], &[]);
        check(|it| entry(it, "EVENT", 2), &["the entry `EVENT` changed from 3 to 2"], &[]);
        let remove = |it: &mut Value| {
            it["numbers"]["entry"] = json!({ "COMMAND": 1 });
        };
        check(remove, &["the entry `EVENT` (3) was removed"], &[]);
        check(
            |it| it["manifest_format"] = 2.into(),
            &["the manifest's format changed from 1 to 2"],
            &[],
        );
    }

    fn push(layout: &mut Value, name: &str, offset: u32) {
        let field = json!({ "name": name, "offset": offset, "type": "u32" });
        layout["fields"].as_array_mut().unwrap().push(field);
    }

    #[test]
    fn a_layout_grows_at_the_end_of_the_root_module_only() {
        let grow = |it: &mut Value| {
            push(&mut it["layout"]["Root"], "new", 16);
            it["layout"]["Root"]["size"] = 24.into();
        };
        check(grow, &[], &["the field `Root.new` at the end of the layout"]);
        let grow = |it: &mut Value| {
            push(&mut it["layout"]["Reply"], "new", 4);
            it["layout"]["Reply"]["size"] = 8.into();
        };
        let breaks = [
            "the field `Reply.new` at the end of the layout, which is frozen",
            "the size of `Reply` changed from 4 to 8",
        ];
        check(grow, &breaks, &[]);
        let swap =
            |it: &mut Value| it["layout"]["Root"]["fields"].as_array_mut().unwrap().swap(0, 1);
        let breaks = [
            "the layout has `call` in place of the field `Root.manifest`",
            "the layout has `manifest` in place of the field `Root.call`",
        ];
        check(swap, &breaks, &[]);
    }

    #[test]
    fn fields_of_layouts_keep_their_types() {
        let field = |it: &mut Value, name: &str, value: Value| {
            it["layout"]["Reply"]["fields"][0][name] = value;
        };
        check(
            |it| field(it, "type", "u64".into()),
            &["the field `Reply.code` changed from `u32` to `u64`"],
            &[],
        );
        check(
            |it| field(it, "offset", 8.into()),
            &["the field `Reply.code` moved from offset 0 to 8"],
            &[],
        );
        check(
            |it| it["layout"]["Root"]["fields"] = json!([]),
            &[
                "the field `Root.manifest` was removed from the layout",
                "the field `Root.call` was removed from the layout",
            ],
            &[],
        );
        check(
            |it| drop(it["layout"].as_object_mut().unwrap().shift_remove("Reply")),
            &["the type `Reply` no longer crosses the boundary"],
            &[],
        );
        check(
            |it| it["layout"]["New"] = json!({}),
            &[],
            &["the type `New`, which crosses the boundary natively"],
        );
    }

    fn property(it: &mut Value, name: &str, schema: Value) {
        it["messages"]["Request"]["properties"][name] = schema;
    }

    #[test]
    fn a_new_field_of_a_message_has_a_default() {
        let new = || json!({ "type": "string", "default": "" });
        check(|it| property(it, "new", new()), &[], &["the field `Request.new`"]);
        let required = |it: &mut Value| {
            property(it, "new", json!({ "type": "string" }));
            it["messages"]["Request"]["required"] = json!(["id", "new"]);
        };
        check(required, &["the new field `Request.new` has no default"], &[]);
        let required = |it: &mut Value| {
            it["messages"]["Request"]["required"] = json!(["id", "path"]);
        };
        check(required, &["the field `Request.path` no longer has a default"], &[]);
    }

    #[test]
    fn a_renamed_field_is_one_that_is_gone() {
        let rename = |it: &mut Value| {
            let properties = it["messages"]["Request"]["properties"].as_object_mut().unwrap();
            let path = properties.shift_remove("path").unwrap();
            properties.insert("words".to_owned(), path);
        };
        check(rename, &["the field `Request.path` was removed"], &["the field `Request.words`"]);
    }

    #[test]
    fn a_field_of_a_message_keeps_its_type_and_its_default() {
        check(
            |it| {
                property(it, "mode", json!({ "type": "integer", "format": "uint8", "default": 0 }))
            },
            &[
                "the type of `Request.mode` changed from {\"format\":\"uint32\",\"type\":\"integer\"} \
               to {\"format\":\"uint8\",\"type\":\"integer\"}",
            ],
            &[],
        );
        let texts = json!({ "type": "array", "items": { "type": "number" }, "default": [] });
        check(
            |it| property(it, "path", texts),
            &[
                "the type of `Request.path[]` changed from {\"type\":\"string\"} to {\"type\":\"number\"}",
            ],
            &[],
        );
        let mode = json!({ "type": "integer", "format": "uint32", "default": 7 });
        check(
            |it| property(it, "mode", mode),
            &["the default of `Request.mode` changed from 0 to 7"],
            &[],
        );
        // A type in it has a new field.
        let caller = json!({ "$ref": "#/$defs/Caller", "default": { "host": "", "new": 1 } });
        check(|it| property(it, "caller", caller), &[], &[]);
    }

    #[test]
    fn variants_are_added_and_never_removed() {
        let kind = |words: &[&str]| json!({ "type": "string", "enum": words });
        check(
            |it| it["messages"]["Kind"] = kind(&["failed", "usage", "other", "new"]),
            &[],
            &["the variant `Kind::new`"],
        );
        check(
            |it| it["messages"]["Kind"] = kind(&["failed", "other"]),
            &["the variant `Kind::usage` was removed"],
            &[],
        );
        let field = |it: &mut Value| {
            let fields = &mut it["messages"]["Ask"]["oneOf"][0]["properties"];
            *fields = json!({ "call": { "const": "start" }, "id": { "type": "string" } });
            it["messages"]["Ask"]["oneOf"][0]["required"] = json!(["call", "id"]);
        };
        let breaks = [
            "the field `Ask::start.name` was removed",
            "the new field `Ask::start.id` has no default",
        ];
        check(field, &breaks, &[]);
        check(
            |it| drop(it["messages"].as_object_mut().unwrap().shift_remove("Ask")),
            &["the message type `Ask` was removed"],
            &[],
        );
    }
}
