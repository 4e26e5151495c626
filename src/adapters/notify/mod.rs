//! Notices to people over HTTP: Slack and plain webhooks, tried again with growing waits.

mod slack;
#[cfg(test)]
mod tests;
mod webhook;

use crate::{
    adapters::{
        metrics::fetch::{Fetcher, Reply, is_loopback},
        secret,
    },
    domain::notice::{AddressPlace, Channel, ChannelKind, Delivery, Notice, backoff},
    error::Failure,
    ports::{Clock, Notifier},
};
use futures::{FutureExt, future::BoxFuture};
use reqwest::{
    Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(4);
/// How often it is tried.
const MOST_ATTEMPTS: u32 = 4;
/// The wait after the first attempt.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait that a receiver may ask for; the person waits for the outcome.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Delivers over HTTP.
pub struct HttpNotifier {
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    first_wait: Duration,
}

/// What one attempt came to.
enum Attempt {
    Sent,
    /// It may go well later; after this wait, if the receiver named one.
    Again(String, Option<Duration>),
    /// It will not go well.
    Never(String),
}

/// A message as it goes out: the same on every attempt.
struct Message {
    url: Url,
    shown: String,
    headers: HeaderMap,
    body: String,
}

impl HttpNotifier {
    /// A notifier; nothing is connected yet. [`crate::adapters::install_crypto`] must have run.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { fetcher: Fetcher::without_redirects(), clock, timeout: TIMEOUT, first_wait: FIRST_WAIT }
    }

    /// As patient as a test.
    #[cfg(test)]
    fn hasty(clock: Arc<dyn Clock>) -> Self {
        let (timeout, first_wait) = (Duration::from_millis(300), Duration::from_millis(1));
        Self { timeout, first_wait, ..Self::new(clock) }
    }

    fn message(&self, channel: &Channel, notice: &Notice) -> Result<Message, Failure> {
        let what = format!("the address of the channel {}", channel.name);
        let url = match &channel.address {
            AddressPlace::Plain(url) => url.clone(),
            AddressPlace::Secret(place) => secret::read(place, &what)?,
        };
        // The address itself is not shown: whoever knows it may write there.
        let wrong = |cause: &str| Failure::configuration(format!("{what} cannot be used")).cause(cause);
        let url = Url::parse(&url).ok().filter(Url::has_host).ok_or_else(|| wrong("it is no address"))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err(wrong("it is not https"));
        }
        let shown = url.host_str().unwrap_or_default().to_owned();
        let body = match channel.kind {
            ChannelKind::Slack => slack::body(notice),
            ChannelKind::Webhook => webhook::body(notice),
        };
        let body = serde_json::to_string(&body)
            .map_err(|error| Failure::failed("could not write the notice as JSON").because(&error))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if channel.kind == ChannelKind::Webhook {
            let mut put = |name: &'static str, value: &str| -> Result<(), Failure> {
                let value = HeaderValue::from_str(value).map_err(|_| wrong("a header cannot be written"))?;
                headers.insert(HeaderName::from_static(name), value);
                Ok(())
            };
            put("idempotency-key", &notice.key)?;
            if let Some(place) = &channel.secret {
                let secret = secret::read(place, &format!("the secret of the channel {}", channel.name))?;
                let at = self.clock.now().timestamp().to_string();
                put("x-quarterdeck-signature", &webhook::signature(&secret, &at, &body))?;
                put("x-quarterdeck-timestamp", &at)?;
            }
        }
        Ok(Message { url, shown, headers, body })
    }

    async fn attempt(&self, message: &Message) -> Attempt {
        let sent = self
            .fetcher
            .send("deliver the notice", message.url.clone(), &message.shown, self.timeout, |client, url| {
                client.post(url).headers(message.headers.clone()).body(message.body.clone())
            })
            .await;
        match sent {
            Ok(reply) => judge(&message.shown, &reply),
            Err(failure) => Attempt::Again(failure.causes.join(": "), None),
        }
    }

    async fn all_attempts(&self, channel: &Channel, notice: &Notice) -> (Option<String>, u32) {
        let message = match self.message(channel, notice) {
            Ok(message) => message,
            Err(failure) => {
                let cause = failure.causes.first().map(|cause| format!(": {cause}")).unwrap_or_default();
                return (Some(format!("{failure}{cause}")), 0);
            }
        };
        let mut attempt = 1;
        loop {
            let (why, asked) = match self.attempt(&message).await {
                Attempt::Sent => return (None, attempt),
                Attempt::Never(why) => return (Some(why), attempt),
                Attempt::Again(why, asked) => (why, asked),
            };
            if attempt >= MOST_ATTEMPTS || asked.is_some_and(|wait| wait > LONGEST_WAIT) {
                return (Some(why), attempt);
            }
            let wait = backoff(self.first_wait, attempt, jitter());
            tokio::time::sleep(asked.map_or(wait, |asked| asked.max(wait))).await;
            attempt += 1;
        }
    }
}

/// Whether an answer means that the notice arrived, or may yet.
fn judge(shown: &str, reply: &Reply) -> Attempt {
    let why = format!("{shown} answered {}", reply.status);
    match reply.status.as_u16() {
        200..=299 => Attempt::Sent,
        408 | 429 | 500..=599 => {
            let seconds =
                reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            Attempt::Again(why, seconds.map(Duration::from_secs))
        }
        // Slack says in a word what it does not like; other bodies may be anything.
        _ => Attempt::Never(why),
    }
}

/// A number between 0 and 1 that nobody can tell before.
fn jitter() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

impl Notifier for HttpNotifier {
    fn deliver<'a>(&'a self, channel: &'a Channel, notice: &'a Notice) -> BoxFuture<'a, Delivery> {
        async move {
            let (failed, attempts) = self.all_attempts(channel, notice).await;
            Delivery { channel: channel.name.clone(), failed, attempts, at: self.clock.now() }
        }
        .boxed()
    }
}
