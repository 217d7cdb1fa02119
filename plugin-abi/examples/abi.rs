//! Prints the interface as JSON, for `cargo xtask abi`, or with the argument `protocol` the schema
//! of the messages of programs. Without the feature `schema`, it prints nothing.
#![cfg_attr(feature = "schema", expect(clippy::print_stdout, reason = "a program prints"))]

fn main() {
    #[cfg(feature = "schema")]
    match std::env::args().nth(1).as_deref() {
        Some("protocol") => println!("{:#}", pintle_plugin::schema::protocol()),
        _ => println!("{:#}", pintle_plugin::schema::dump()),
    }
}
