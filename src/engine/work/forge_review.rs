//! Giving an approval of the ledger on the forge as well, where the settings ask for it. The ledger's approval is
//! the one that counts: whatever the forge makes of it is only told.

use crate::{
    domain::{
        forge::{self, ReviewDraft},
        plan::Outcome,
    },
    engine::Outside,
    error::Failure,
    ports::Revision,
};

/// Approves the request of a branch at the head that was approved; adds to the outcome how that went.
pub(super) async fn after(
    outside: &Outside,
    branch: &str,
    review: ReviewDraft,
    mut outcome: Outcome,
) -> Outcome {
    let words = match give(outside, branch, review).await {
        Ok(None) => return outcome,
        Ok(Some(words)) => words,
        Err(failure) => format!("the forge did not take the review: {failure}"),
    };
    outcome.summary += &format!("; {words}");
    outcome
}

async fn give(outside: &Outside, branch: &str, review: ReviewDraft) -> Result<Option<String>, Failure> {
    let catalog = outside.ports.repository.load(&Revision::WorkingTree).await?;
    let settings = &catalog.settings;
    let Some(forge) = settings.forge.as_ref().filter(|forge| forge.review) else { return Ok(None) };
    let requests = outside.ports.forge.requests(forge).await?;
    let Some(request) = forge::of_change(&requests, branch, &review.head, &settings.main) else {
        return Ok(None);
    };
    if request.head != review.head {
        return Ok(Some(format!(
            "#{} is at {} on the forge, so it was not approved there",
            request.number,
            request.head.short()
        )));
    }
    let review = ReviewDraft { number: request.number, ..review };
    outside.ports.forge.review(forge, &review).await?;
    Ok(Some(format!("#{} approved on the forge", request.number)))
}
