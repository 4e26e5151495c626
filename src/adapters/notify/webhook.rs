//! The generic webhook: the notice as JSON, and its signature (docs/FORGES.md describes both).

use crate::domain::notice::Notice;
use ring::hmac;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The version of the document.
const VERSION: u32 = 1;

/// The notice as a document.
pub(super) fn body(notice: &Notice) -> Value {
    json!({ "version": VERSION, "notice": notice })
}

/// `sha256=` and the HMAC-SHA256 of time, a dot and the body, in hexadecimal digits.
pub(super) fn signature(secret: &str, at: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let mut out = "sha256=".to_owned();
    for byte in tag.as_ref() {
        let _ = write!(out, "{byte:02x}");
    }
    out
}
