//! Prints the interface as JSON, for `cargo xtask abi`.
#![expect(clippy::print_stdout, reason = "a program prints")]

fn main() {
    println!("{:#}", pintle_plugin::schema::dump());
}
