//! The files of the project.

/// The number of files.
pub(crate) const N_FILES: usize = 10_000;

/// The length of each file: 50 MB in all.
pub(crate) const N_BYTES: usize = 5_000;

/// Returns the paths and contents of the first `n_files`.
pub(crate) fn files(n_files: usize) -> impl Iterator<Item = (String, String)> {
    (0..n_files).map(|idx| {
        let path = format!("src/room_{:02}/file_{:02}.rs", idx / 100, idx % 100);
        (path, text(idx))
    })
}

/// Returns a text that resembles a source file: lines with some quotes.
fn text(idx: usize) -> String {
    let line = format!("    let value_{idx} = find(\"key {idx}\")?;\n");
    let mut text = String::with_capacity(N_BYTES);
    while text.len() < N_BYTES {
        text.push_str(&line[..line.len().min(N_BYTES - text.len())]);
    }
    text
}
