//! Random names and secrets.

/// Returns 20 random hexadecimal digits, 80 bits.
pub(crate) fn random_hex() -> String {
    let mut bytes = [0; 10];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
