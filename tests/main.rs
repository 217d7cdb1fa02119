//! The integration tests, in one binary: hosts that run, and plugins that are opened.
// The fixtures are ELF files, and so are some of the faulty plugins.
#![cfg(all(test, target_os = "linux"))]

mod control_plane;
mod engine;
mod kubectl;
mod libraries;
mod program_kit;
mod proxy;
mod rebuilt;
#[allow(dead_code, reason = "shared with the unit tests of the manager")]
mod release_server;
mod support;
mod vices;

mod beside_kubebuilder;
mod callables;
mod checks;
mod cluster_failures;
mod cluster_hooks;
mod cluster_k3d_files;
mod cluster_servers;
mod cluster_whole;
mod clusters;
mod commands;
mod compilers;
mod completion;
mod configuration;
mod conflicts;
mod embedding;
mod external_plugins;
mod fuzzing;
mod guides;
mod hooks;
mod index;
mod interface_age;
mod interfaces;
mod kit;
mod listing;
mod locked_projects;
mod manifests;
mod many_hooks;
mod names;
mod operator;
mod operator_deployed;
mod operator_faults;
mod plugin_index;
mod plugin_manager;
mod plugin_manager_rules;
mod plugin_manager_servers;
mod plugin_manager_weather;
mod plugin_new;
mod plugin_store;
mod policies;
mod privileges;
mod programs;
mod records;
mod refused;
mod release;
mod scaffold_branches;
mod scaffold_edited;
mod scaffold_older;
mod scaffolding;
mod time_limits;
mod transactions;
mod transports;
