//! Lists in messages.

/// Joins items for a message: `` `a`, `b` ``.
pub(super) fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(|it| format!("`{it}`")).collect();
    items.join(", ")
}
