//! Prints the interface as JSON, for `cargo xtask abi`; without the feature `schema`, nothing.
#![cfg_attr(feature = "schema", expect(clippy::print_stdout, reason = "a program prints"))]

fn main() {
    #[cfg(feature = "schema")]
    println!("{:#}", pintle_plugin::schema::dump());
}
