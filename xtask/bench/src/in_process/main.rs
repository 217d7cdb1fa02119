//! Measures operations inside one process, and prints the times as JSON: nanoseconds by name.
//!
//! Its arguments are the file with the event's payload, the program that is a plugin, and the
//! plugin files to open, which must all differ.
#![expect(clippy::print_stdout, reason = "the result goes to `cargo xtask bench`")]

mod clock;
mod open;

use anyhow::{Context, Result, bail, ensure};
use clock::{median, nanos_per_call};
use open::{Opened, open};
use pintle::catalog::Rules;
use pintle::transport::LoadedPlugin;
use pintle::transport::program::{self, Surroundings};
use pintle_bench_plugin::{Image, Scanner};
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::{ErrorReply, ScaffoldRequest, ServiceReply, ServiceRequest, Step};
use pintle_plugin::raw::{PluginRootRef, RawHost};
use pintle_plugin::{Host, MODE_FILE, Node, Select};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The event that the benchmark's plugin subscribes to.
const EVENT: &str = "post-resource-create";

type Results = Map<String, Value>;

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let event = args.next().context("usage: in-process EVENT.json PROGRAM PLUGIN…")?;
    let payload = std::fs::read(event).context("failed to read the event")?;
    let program = args.next().context("usage: in-process EVENT.json PROGRAM PLUGIN…")?;
    let plugins: Vec<_> = args.collect();
    let Some(first) = plugins.first() else { bail!("there are no plugins to measure") };

    let mut results = Results::new();
    // The host's own loader is last: otherwise, the libraries would already be open.
    let opened = measure_opening(&plugins, &mut results)?;
    measure_calls(&opened, &payload, &mut results);
    let plugin = load_native(first).context("failed to load the plugin as the host does")?;
    measure_host(&plugin, &payload, &mut results);
    measure_interface(&plugin, &mut results)?;
    measure_program(&plugin, &program, &payload, &mut results)?;
    println!("{}", Value::Object(results));
    Ok(())
}

/// Opens a plugin as the host does.
fn load_native(path: &Path) -> Result<LoadedPlugin> {
    Ok(pintle::transport::load(path, &Rules::default())?)
}

/// Opens and checks every plugin; the results are medians over them.
///
/// An average would mostly show how often the scheduler interrupted the process.
fn measure_opening(plugins: &[PathBuf], results: &mut Results) -> Result<Opened> {
    let (mut times, mut first) = (BTreeMap::<_, Vec<f64>>::new(), None);
    for path in plugins {
        let opened = open(path).with_context(|| format!("failed to open `{}`", path.display()))?;
        for (step, time) in opened.times {
            times.entry(step).or_default().push(time.as_nanos() as f64);
        }
        first.get_or_insert(opened);
    }
    results.extend(times.into_iter().map(|(step, it)| (step.to_owned(), median(it).into())));
    first.context("there are no plugins to measure")
}

/// Measures calls at the boundary itself: calls of a plugin, and the least that a call can cost.
fn measure_calls(opened: &Opened, payload: &[u8], results: &mut Results) {
    let raw = nanos_per_call(|| {
        black_box((opened.raw)(black_box(1)));
    });
    results.insert("raw_call".to_owned(), raw.into());
    let manifest = nanos_per_call(|| {
        black_box(opened.root_module.manifest()());
    });
    results.insert("root_call".to_owned(), manifest.into());
    let native = nanos_per_call(|| call_hook(opened.root_module, payload));
    results.insert("hook_native".to_owned(), native.into());
    let linked = pintle_bench_plugin::plugin().root();
    let linked = nanos_per_call(|| call_hook(linked, payload));
    results.insert("hook_linked".to_owned(), linked.into());
}

fn call_hook(root: PluginRootRef, payload: &[u8]) {
    let reply = root.event(EVENT, black_box(payload), RawHost::new(&Silent));
    drop(black_box(reply.into_message()));
}

/// Measures a hook call as the host makes it.
fn measure_host(plugin: &LoadedPlugin, payload: &[u8], results: &mut Results) {
    let nanos = nanos_per_call(|| {
        drop(black_box(plugin.event(EVENT, black_box(payload), &Silent)));
    });
    results.insert("hook_host".to_owned(), nanos.into());
}

/// Measures calls of an interface of a host in another domain, with a buffer in both directions.
fn measure_interface(plugin: &LoadedPlugin, results: &mut Results) -> Result<()> {
    let scanner = plugin.interface::<dyn Scanner>()?;
    for (name, size) in [("interface_small", 64), ("interface_large", 50_000_000)] {
        let image = Image { name: "photo".to_owned(), width: 8, pixels: vec![1; size].into() };
        let report = scanner.scan(image.clone(), &Host::of(&Silent))?;
        ensure!(report.n_bytes == size, "the plugin saw {} bytes", report.n_bytes);
        let nanos = nanos_per_call(|| {
            drop(black_box(scanner.scan(black_box(image.clone()), &Host::of(&Silent))));
        });
        results.insert(name.to_owned(), nanos.into());
    }
    Ok(())
}

/// Measures a program that does the same as the plugin: a hook, and a step of scaffolding on a
/// hundred files.
fn measure_program(
    plugin: &LoadedPlugin,
    program: &Path,
    payload: &[u8],
    results: &mut Results,
) -> Result<()> {
    let around = Surroundings { events: vec![EVENT], ..Surroundings::default() };
    let (manifest, endpoint) = program::examine(program, None, &around.into())?;
    let key = format!("{}.pintle.dev/v{}", manifest.name, manifest.version).parse()?;
    let program = pintle::transport::adapt(endpoint, key, manifest);

    let hook = nanos_per_call(|| drop(program.event(EVENT, payload, &Silent)));
    results.insert("hook_program".to_owned(), hook.into());

    let mut request = ScaffoldRequest::default();
    request.subcommand = "edit".to_owned();
    request.step = Step::Scaffold;
    let node = |idx| Node::new(format!("src/{idx:03}.rs"), vec![b'x'; 5000], MODE_FILE);
    let files = Files((0..100).map(node).collect());
    for (name, plugin) in [("scaffold_native", plugin), ("scaffold_program", &program)] {
        let (_, changed) = plugin.scaffold(&request, &files)?;
        ensure!(changed.len() == 1, "{} files were changed", changed.len());
        let nanos = nanos_per_call(|| drop(black_box(plugin.scaffold(&request, &files))));
        results.insert(name.to_owned(), nanos.into());
    }
    Ok(())
}

/// A host that provides some files.
struct Files(Vec<Node>);

impl HostServices for Files {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, _level: Level, _text: &str) {}

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        Silent.request(request)
    }

    // Nothing cancels it, and there is no time limit.
    fn wait_cancelled(&self, _limit: Duration) -> bool {
        false
    }

    fn nodes(&self, _select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        Ok(self.0.clone())
    }

    fn all_nodes(&self) -> Result<&[Node], ErrorReply> {
        Ok(&self.0)
    }
}

/// A host whose services are never called.
struct Silent;

impl HostServices for Silent {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, _level: Level, _text: &str) {}

    fn request(&self, _request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        Err(ErrorReply::failed("the benchmark provides no services"))
    }

    fn wait_cancelled(&self, _limit: Duration) -> bool {
        false
    }
}
