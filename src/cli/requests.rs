//! Requests of the forge beside a change: as a word in the list, and as JSON.

use crate::domain::{change::Change, forge::Request};
use serde_json::{Value, json};

/// A request of the forge: each reviewer's last word, with whether it is about another commit.
pub(super) fn json(request: &Request) -> Value {
    let reviews: Vec<Value> = request
        .opinions()
        .into_iter()
        .map(|review| {
            let (by, state) = (&review.by, review.state);
            json!({ "by": by, "state": state, "commit": review.commit, "stale": request.is_stale(review), "at": review.at })
        })
        .collect();
    json!({
        "number": request.number,
        "title": request.title,
        "author": request.author,
        "url": request.url,
        "draft": request.draft,
        "head": request.head,
        "reviews": reviews,
        "checks": request.checks,
    })
}

/// A request in a few words, for the list.
pub(super) fn word(change: &Change) -> String {
    match change.request.as_deref() {
        None => "–".to_owned(),
        Some(request) if request.draft => format!("#{} draft", request.number),
        Some(request) => format!("#{}", request.number),
    }
}
