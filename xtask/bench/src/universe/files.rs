//! The files of the project.

/// How many files there are.
pub(crate) const N_FILES: usize = 10_000;

/// How long each of them is: 50 MB in all.
pub(crate) const N_BYTES: usize = 5_000;

/// Returns paths and texts of the first `n_files`.
pub(crate) fn files(n_files: usize) -> impl Iterator<Item = (String, String)> {
    (0..n_files).map(|idx| {
        let path = format!("src/room_{:02}/file_{:02}.rs", idx / 100, idx % 100);
        (path, text(idx))
    })
}

/// Returns a text as source files are: lines with some quotes.
fn text(idx: usize) -> String {
    let line = format!("    let value_{idx} = find(\"key {idx}\")?;\n");
    let mut text = String::with_capacity(N_BYTES);
    while text.len() < N_BYTES {
        text.push_str(&line[..line.len().min(N_BYTES - text.len())]);
    }
    text
}
