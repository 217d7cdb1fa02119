//! The fields of [`export_plugin!`](crate::export_plugin).
//!
//! The macro converts them, one after the other, to the initializer of a [`PluginFields`]. The
//! compiler itself then finds a field that is unknown or given twice, and points at it.

use super::contents::{AnyCommand, AnyHook, AnyImplementation, AnyScaffold, Contents};
use crate::manifest::{ManifestSpec, Noun, Package};

/// The fields that the author provides.
pub struct PluginFields {
    pub name: Option<&'static str>,
    pub description: Option<&'static str>,
    pub version: Option<&'static str>,
    pub deprecated: Option<&'static str>,
    pub host: Option<&'static str>,
    pub project_versions: Option<&'static [&'static str]>,
    pub host_events: Option<&'static [&'static str]>,
    pub nouns: Option<&'static [Noun]>,
    pub commands: List<(&'static [&'static str], &'static str), dyn AnyCommand>,
    pub scaffolds: List<&'static str, dyn AnyScaffold>,
    pub hooks: List<&'static [&'static str], dyn AnyHook>,
    pub interfaces: List<&'static str, dyn AnyImplementation>,
}

/// The types in a field: the manifest's description of each, and how to get its value.
pub struct List<F: 'static, T: ?Sized + 'static> {
    pub facts: &'static [F],
    pub parts: &'static [fn() -> &'static T],
}

/// The facts about a plugin that its compiler knows.
pub struct Build {
    pub version: &'static str,
    pub panic: &'static str,
    pub root: &'static str,
    pub package: Package,
}

impl PluginFields {
    /// No field.
    pub const NONE: Self = Self {
        name: None,
        description: None,
        version: None,
        deprecated: None,
        host: None,
        project_versions: None,
        host_events: None,
        nouns: None,
        commands: List { facts: &[], parts: &[] },
        scaffolds: List { facts: &[], parts: &[] },
        hooks: List { facts: &[], parts: &[] },
        interfaces: List { facts: &[], parts: &[] },
    };

    /// Returns the facts for the manifest.
    ///
    /// # Panics
    ///
    /// If a required field is missing, or if no host would accept the fields.
    pub const fn manifest(&self, build: Build) -> ManifestSpec {
        ManifestSpec {
            name: required(self.name, "missing field `name` in `export_plugin!`"),
            version: or(self.version, build.version),
            description: required(
                self.description,
                "missing field `description` in `export_plugin!`",
            ),
            deprecated: self.deprecated,
            panic: build.panic,
            root: build.root,
            host: or(self.host, "*"),
            project_versions: match self.project_versions {
                Some(it) => it,
                None => &[],
            },
            commands: self.commands.facts,
            subcommands: self.scaffolds.facts,
            events: self.hooks.facts,
            interfaces: self.interfaces.facts,
            host_events: match self.host_events {
                Some(it) => it,
                None => &[],
            },
            nouns: match self.nouns {
                Some(it) => it,
                None => &[],
            },
            package: build.package,
        }
        .validated()
    }

    /// Returns the parts that the plugin has.
    pub const fn contents(&self) -> Contents {
        Contents {
            commands: self.commands.parts,
            scaffolds: self.scaffolds.parts,
            hooks: self.hooks.parts,
            interfaces: self.interfaces.parts,
        }
    }
}

const fn required(field: Option<&'static str>, missing: &'static str) -> &'static str {
    match field {
        Some(it) => it,
        None => panic!("{}", missing),
    }
}

/// Returns the text, or an empty string.
pub const fn or_empty(text: Option<&'static str>) -> &'static str {
    or(text, "")
}

const fn or(field: Option<&'static str>, default: &'static str) -> &'static str {
    match field {
        Some(it) => it,
        None => default,
    }
}

/// Converts the fields of [`export_plugin!`](crate::export_plugin) to a [`PluginFields`].
///
/// The braces collect the initializers of the fields so far. A new field takes one line in the
/// table below, and one in each of the struct, `NONE` and the function that uses it.
#[doc(hidden)]
#[macro_export]
macro_rules! __plugin_fields {
    // The table: each field, and the form of its value.
    (@field name $($it:tt)*) => { $crate::__plugin_fields!(@value $($it)*) };
    (@field description $($it:tt)*) => { $crate::__plugin_fields!(@value $($it)*) };
    (@field version $($it:tt)*) => { $crate::__plugin_fields!(@value $($it)*) };
    (@field deprecated $($it:tt)*) => { $crate::__plugin_fields!(@value $($it)*) };
    (@field host $($it:tt)*) => { $crate::__plugin_fields!(@value $($it)*) };
    (@field project_versions $($it:tt)*) => { $crate::__plugin_fields!(@slice $($it)*) };
    (@field host_events $($it:tt)*) => { $crate::__plugin_fields!(@slice $($it)*) };
    (@field nouns $($it:tt)*) => { $crate::__plugin_fields!(@nouns $($it)*) };
    (@field commands $($it:tt)*) => { $crate::__plugin_fields!(@types command $($it)*) };
    (@field scaffolds $($it:tt)*) => { $crate::__plugin_fields!(@types scaffold $($it)*) };
    (@field hooks $($it:tt)*) => { $crate::__plugin_fields!(@types hook $($it)*) };
    (@field interfaces $($it:tt)*) => { $crate::__plugin_fields!(@implementations $($it)*) };
    (@field $unknown:ident $($it:tt)*) => { $crate::__plugin_fields!(@unknown $($it)*) };

    // The facts about a type for the manifest.
    (@command $ty:ty) => { (<$ty as $crate::Command>::PATH, <$ty as $crate::Command>::ABOUT) };
    (@scaffold $ty:ty) => { <$ty as $crate::Scaffold>::SUBCOMMAND };
    (@hook $ty:ty) => { <$ty as $crate::Hook>::EVENTS };

    (@value {$($done:tt)*} $field:ident: $value:expr $(, $($rest:tt)*)?) => {
        $crate::__plugin_fields!({ $($done)* $field: Some($value), } $($($rest)*)?)
    };
    (@slice {$($done:tt)*} $field:ident: $value:expr $(, $($rest:tt)*)?) => {
        $crate::__plugin_fields!({ $($done)* $field: Some(&$value), } $($($rest)*)?)
    };
    // A separate constant, because calls that create nouns are not promoted to one.
    (@nouns {$($done:tt)*} $field:ident: $value:expr $(, $($rest:tt)*)?) => {
        $crate::__plugin_fields!({
            $($done)*
            $field: Some({
                const NOUNS: &[$crate::Noun] = &$value;
                NOUNS
            }),
        } $($($rest)*)?)
    };
    (@types $kind:ident {$($done:tt)*} $field:ident: [$($ty:ty),* $(,)?] $(, $($rest:tt)*)?) => {
        $crate::__plugin_fields!({
            $($done)*
            $field: $crate::export::List {
                facts: &[$($crate::__plugin_fields!(@$kind $ty)),*],
                parts: &[$(|| {
                    static PART: $crate::export::Lazy<$ty> = $crate::export::Lazy::new();
                    &PART
                }),*],
            },
        } $($($rest)*)?)
    };
    (
        @implementations {$($done:tt)*}
        $field:ident: [$($ty:ty as $interface:path),* $(,)?] $(, $($rest:tt)*)?
    ) => {
        $crate::__plugin_fields!({
            $($done)*
            $field: $crate::export::List {
                facts: &[$(<dyn $interface as $crate::Interface>::NAME),*],
                parts: &[$(|| {
                    static PART: $crate::export::Implementation<dyn $interface, $ty> =
                        $crate::export::Implementation::new(|it| it);
                    &PART
                }),*],
            },
        } $($($rest)*)?)
    };
    (@implementations $done:tt $field:ident $($rest:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($field), "` takes a list of types and interfaces: `",
            stringify!($field), ": [First as Interface]`",
        ))
    };
    (@types $kind:ident $done:tt $field:ident $($rest:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($field), "` takes a list of types: `", stringify!($field),
            ": [First, Second]`",
        ))
    };
    // Without its value, so that the compiler reports only the name.
    (@unknown $done:tt $field:ident $($rest:tt)*) => {
        $crate::export::PluginFields { $field: () }
    };
    (@$form:ident $done:tt $field:ident: $($rest:tt)*) => {
        compile_error!(concat!(
            "invalid value of the field `", stringify!($field),
            "`, or no comma after it: `", stringify!($($rest)*), "`",
        ))
    };

    ($done:tt $field:ident: $($rest:tt)*) => {
        $crate::__plugin_fields!(@field $field $done $field: $($rest)*)
    };
    ({$($done:tt)*}) => {
        $crate::export::PluginFields { $($done)* ..$crate::export::PluginFields::NONE }
    };
    ($done:tt $($rest:tt)*) => {
        compile_error!(concat!(
            "`export_plugin!` takes fields of the form `name: value`, separated by commas, not `",
            stringify!($($rest)*), "`",
        ))
    };
}
