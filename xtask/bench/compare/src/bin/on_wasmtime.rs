//! A host of WebAssembly components: `on_wasmtime`, or `on_wasmtime compiled` to exclude from the
//! load the compilation, whose result can be stored in a file.

use anyhow::{Result, ensure};
use compare::{SIZES, nanos, print};
use std::time::Instant;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

const COMPONENT: &str = include_str!("../scan.wat");

fn main() -> Result<()> {
    let compiled = Engine::default().precompile_component(COMPONENT.as_bytes())?;
    let is_compiled = std::env::args().nth(1).is_some();
    let start = Instant::now();
    let engine = Engine::default();
    let component = match is_compiled {
        // SAFETY: the bytes are those that `precompile_component` returned.
        true => unsafe { Component::deserialize(&engine, &compiled) }?,
        false => Component::new(&engine, COMPONENT)?,
    };
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let scan = instance.get_typed_func::<(&str, u32, &[u8]), (u32,)>(&mut store, "scan")?;
    let load = start.elapsed();
    let mut times = [0.0; 2];
    for (time, size) in times.iter_mut().zip(SIZES) {
        let pixels = vec![1; size];
        let mut call = || -> Result<u32> {
            let (n_bytes,) = scan.call(&mut store, ("photo", 8, &pixels))?;
            Ok(n_bytes)
        };
        ensure!(call()? as usize == size);
        *time = nanos(|| drop(call()));
    }
    print(load, times);
    Ok(())
}
