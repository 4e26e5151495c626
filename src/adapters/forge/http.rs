//! Requests to a forge's API: addresses, tokens, pages, waits that the forge asks for, and what its refusals mean.

use crate::{
    adapters::{
        metrics::fetch::{Fetcher, Reply, is_loopback},
        secret,
    },
    domain::{
        forge::{ForgeKind, ForgeSettings},
        name::CommitId,
        text,
        units::format_duration,
    },
    error::Failure,
    ports::Clock,
};
use chrono::{DateTime, Utc};
use reqwest::{
    Method, StatusCode, Url,
    header::{
        ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LINK, RETRY_AFTER,
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many pages of a list are read; more is no list that a person works on.
const MOST_PAGES: usize = 10;
/// The longest wait after which a read is tried a second time at once.
const SHORT_WAIT: Duration = Duration::from_secs(2);
/// How many answers are kept to be asked about again by their mark.
const KEPT: usize = 1024;
/// The longest text of others that is kept, in characters.
const LONGEST_TEXT: usize = 300;

/// What all calls share: connections, answers with a mark, and until when a forge asked for silence.
pub(super) struct Wire {
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    /// Before a read is tried a second time where the forge names no time.
    pause: Duration,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    answers: BTreeMap<String, (HeaderValue, Reply)>,
    quiet: BTreeMap<String, DateTime<Utc>>,
}

impl Wire {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            fetcher: Fetcher::without_redirects(),
            clock,
            timeout: TIMEOUT,
            pause: Duration::from_millis(300),
            memory: Mutex::default(),
        }
    }

    /// As patient as a test.
    #[cfg(test)]
    pub(super) fn hasty(clock: Arc<dyn Clock>) -> Self {
        Self { timeout: Duration::from_millis(400), pause: Duration::ZERO, ..Self::new(clock) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One forge with the token read.
pub(super) struct Api<'a> {
    wire: &'a Wire,
    /// Its settings.
    pub settings: &'a ForgeSettings,
    base: Url,
    headers: HeaderMap,
}

/// One call.
pub(super) struct Call<'a> {
    /// What is tried, as in "could not …".
    pub attempt: &'a str,
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'a str, &'a str)>,
    body: Option<Value>,
}

impl<'a> Call<'a> {
    /// A read.
    pub fn get(attempt: &'a str, path: &[&'a str]) -> Self {
        Self { attempt, method: Method::GET, path: path.to_vec(), query: Vec::new(), body: None }
    }

    /// Something that changes the forge.
    pub fn send(attempt: &'a str, method: Method, path: &[&'a str], body: Value) -> Self {
        Self { method, body: Some(body), ..Self::get(attempt, path) }
    }

    /// With parameters.
    pub fn with(mut self, query: &[(&'a str, &'a str)]) -> Self {
        self.query.extend_from_slice(query);
        self
    }
}

impl<'a> Api<'a> {
    /// Reads the token and checks the address; nothing is sent.
    pub(super) fn new(wire: &'a Wire, settings: &'a ForgeSettings) -> Result<Self, Failure> {
        let wrong = |cause: String| {
            Failure::configuration(format!("the forge {} cannot be used", settings.kind.title()))
                .cause(cause)
                .hint("see [forge] in quarterdeck.toml")
        };
        let shown = text::clean(&settings.url);
        let base = Url::parse(&settings.url).ok().filter(Url::has_host);
        let base = base.ok_or_else(|| wrong(format!("`{shown}` is no address")))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("its address holds a user or a password".to_owned())
                .hint("name the token by `token_env` or `token_file`"));
        }
        if base.scheme() != "https" && !(base.scheme() == "http" && is_loopback(&base)) {
            return Err(wrong(format!("`{shown}` is not https, and a token would go over it")));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong(format!("`{shown}` has more than a path")));
        }
        if !ForgeSettings::is_repository(settings.kind, &settings.repository) {
            return Err(wrong(format!("`{}` is no repository", text::clean(&settings.repository))));
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if settings.kind == ForgeKind::GitHub {
            headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
            headers.insert(
                HeaderName::from_static("x-github-api-version"),
                HeaderValue::from_static("2022-11-28"),
            );
        }
        if let Some(place) = &settings.token {
            let what = format!("the token for {}", settings.kind.title());
            let token = secret::read(place, &what)?;
            let (name, text) = match settings.kind {
                ForgeKind::GitHub => (AUTHORIZATION, format!("Bearer {token}")),
                ForgeKind::GitLab => (HeaderName::from_static("private-token"), token),
                ForgeKind::Gitea => (AUTHORIZATION, format!("token {token}")),
            };
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                wrong("its token holds characters that no token has".to_owned())
                    .hint("see that the file or variable holds the token alone, on one line")
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self { wire, settings, base, headers })
    }

    /// The path of the API below the address, then that of the repository.
    pub(super) fn repository(&self) -> Vec<&'a str> {
        repository_path(self.settings.kind, &self.settings.repository)
    }

    fn url(&self, call: &Call<'_>) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        let version: &[&str] = match self.settings.kind {
            ForgeKind::GitHub => &[],
            ForgeKind::GitLab => &["api", "v4"],
            ForgeKind::Gitea => &["api", "v1"],
        };
        url.path_segments_mut()
            .map_err(|()| Failure::configuration("the address of the forge takes no path"))?
            .pop_if_empty()
            .extend(version)
            .extend(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }

    /// A read of one thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Failure> {
        let url = self.url(&call)?;
        let reply = self.read(&call, url).await?;
        self.parse(&call, &reply)
    }

    /// A read of a list, page after page.
    pub(super) async fn list<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Vec<T>, Failure> {
        self.pages(call, |page: Vec<T>| page).await
    }

    /// A read of a list that lies in an object, page after page.
    pub(super) async fn pages<P: DeserializeOwned, T>(
        &self,
        call: Call<'_>,
        items: fn(P) -> Vec<T>,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut url = self.url(&call)?;
        for _ in 0..MOST_PAGES {
            let reply = self.read(&call, url.clone()).await?;
            all.extend(items(self.parse(&call, &reply)?));
            match self.next_page(&call, &url, &reply.headers)? {
                Some(next) => url = next,
                None => return Ok(all),
            }
        }
        Err(self.failed(&call, &format!("its list has more than {MOST_PAGES} pages")))
    }

    /// The address of the next page, if there is one. It must be on the same forge: the token goes along.
    fn next_page(&self, call: &Call<'_>, url: &Url, headers: &HeaderMap) -> Result<Option<Url>, Failure> {
        let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
        let next = links.flat_map(|value| value.split(',')).find_map(|link| {
            let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = parameters.split(';').any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"));
            is_next.then_some(address)
        });
        if let Some(address) = next {
            let next = Url::parse(address).ok().filter(|next| next.origin() == self.base.origin());
            return match next {
                Some(next) => Ok(Some(next)),
                None => Err(self.failed(call, "it says that the next page is somewhere else")),
            };
        }
        let number = headers.get("x-next-page").and_then(|value| value.to_str().ok()).map(str::trim);
        Ok(number.filter(|number| number.parse::<u32>().is_ok()).map(|number| {
            let others: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(key, _)| key != "page")
                .map(|(k, v)| (k.into(), v.into()))
                .collect();
            let mut next = url.clone();
            next.query_pairs_mut().clear().extend_pairs(others).append_pair("page", number);
            next
        }))
    }

    /// A change of the forge: sent once, whatever comes back.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Reply, Failure> {
        let url = self.url(&call)?;
        self.silence(&call)?;
        let reply = self.exchange(&call, url, None).await?;
        if reply.status.is_success() { Ok(reply) } else { Err(self.refusal(&call, &reply)) }
    }

    /// A read. Where the forge stumbles or asks for a short wait, it is asked a second time.
    async fn read(&self, call: &Call<'_>, url: Url) -> Result<Reply, Failure> {
        self.silence(call)?;
        let key = url.to_string();
        let known = self.wire.memory().answers.get(&key).cloned();
        let mut reply = self.exchange(call, url.clone(), known.as_ref().map(|(mark, _)| mark)).await?;
        let stumbled = matches!(reply.status.as_u16(), 500 | 502..=504);
        let wait = match self.asked_wait(&reply) {
            Some(until) => (until - self.wire.clock.now()).to_std().unwrap_or_default(),
            None => self.wire.pause,
        };
        if (stumbled || self.asked_wait(&reply).is_some()) && wait <= SHORT_WAIT {
            tokio::time::sleep(wait).await;
            reply = self.exchange(call, url, known.as_ref().map(|(mark, _)| mark)).await?;
        }
        if reply.status == StatusCode::NOT_MODIFIED
            && let Some((_, reply)) = known
        {
            return Ok(reply);
        }
        if !reply.status.is_success() {
            return Err(self.refusal(call, &reply));
        }
        if let Some(mark) = reply.headers.get(ETAG) {
            let mut memory = self.wire.memory();
            if memory.answers.len() >= KEPT {
                memory.answers.clear();
            }
            memory.answers.insert(key, (mark.clone(), reply.clone()));
        }
        Ok(reply)
    }

    async fn exchange(
        &self,
        call: &Call<'_>,
        url: Url,
        mark: Option<&HeaderValue>,
    ) -> Result<Reply, Failure> {
        let shown = format!("{}{}", self.base.origin().ascii_serialization(), url.path());
        self.wire
            .fetcher
            .send(call.attempt, url, &shown, self.wire.timeout, |client, url| {
                let mut request = client.request(call.method.clone(), url).headers(self.headers.clone());
                if let Some(mark) = mark {
                    request = request.header(IF_NONE_MATCH, mark);
                }
                match &call.body {
                    Some(body) => request.json(body),
                    None => request,
                }
            })
            .await
            .map_err(|failure| {
                failure.hint("check `url` under [forge] in quarterdeck.toml, and that the forge is up")
            })
    }

    /// Refuses to ask while the forge has asked for silence.
    fn silence(&self, call: &Call<'_>) -> Result<(), Failure> {
        let mut memory = self.wire.memory();
        let now = self.wire.clock.now();
        memory.quiet.retain(|_, until| *until > now);
        match memory.quiet.get(self.base.as_str()) {
            Some(until) => Err(self.waiting(call, *until)),
            None => Ok(()),
        }
    }

    fn waiting(&self, call: &Call<'_>, until: DateTime<Utc>) -> Failure {
        let left = format_duration((until - self.wire.clock.now()).max(chrono::Duration::zero()));
        self.failed(
            call,
            &format!("it asks to be left alone until {} (for {left})", until.format("%H:%M:%S UTC")),
        )
        .hint("wait, or use a token with a higher limit")
    }

    /// Until when the forge asks to be left alone, where it does.
    fn asked_wait(&self, reply: &Reply) -> Option<DateTime<Utc>> {
        let header =
            |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let used_up = header("x-ratelimit-remaining").or_else(|| header("ratelimit-remaining")) == Some("0");
        let limited = reply.status == StatusCode::TOO_MANY_REQUESTS
            || reply.status == StatusCode::FORBIDDEN && (used_up || header(RETRY_AFTER.as_str()).is_some())
            || reply.status == StatusCode::SERVICE_UNAVAILABLE && header(RETRY_AFTER.as_str()).is_some();
        if !limited {
            return None;
        }
        let now = self.wire.clock.now();
        let after = header(RETRY_AFTER.as_str()).and_then(|text| match text.parse::<u32>() {
            Ok(seconds) => Some(now + chrono::Duration::seconds(seconds.into())),
            Err(_) => DateTime::parse_from_rfc2822(text).ok().map(|moment| moment.with_timezone(&Utc)),
        });
        let reset = || {
            let seconds = header("x-ratelimit-reset").or_else(|| header("ratelimit-reset"))?.parse().ok()?;
            DateTime::from_timestamp(seconds, 0)
        };
        // Longer than a day is a clock that is wrong, not a limit.
        let until = after.or_else(reset).unwrap_or(now + chrono::Duration::minutes(1));
        Some(until.clamp(now, now + chrono::Duration::days(1)))
    }

    /// What an answer means that is no success.
    fn refusal(&self, call: &Call<'_>, reply: &Reply) -> Failure {
        if let Some(until) = self.asked_wait(reply) {
            self.wire.memory().quiet.insert(self.base.to_string(), until);
            return self.waiting(call, until);
        }
        let title = self.settings.kind.title();
        let said = said(&reply.body);
        let because = |failure: Failure| match &said {
            Some(said) => failure.cause(format!("{title} answered {}: {said}", reply.status)),
            None => failure.cause(format!("{title} answered {}", reply.status)),
        };
        let message = format!("could not {}", call.attempt);
        let acts = call.method != Method::GET;
        because(match reply.status.as_u16() {
            401 => Failure::forbidden(message)
                .hint("see that the token under [forge] is valid and has not run out"),
            403 => Failure::forbidden(message)
                .hint(format!("see what the token may do in {}", text::clean(&self.settings.repository))),
            404 => Failure::unreachable(message).hint(format!(
                "see that `repository` under [forge] is right and that the token may see {}",
                text::clean(&self.settings.repository)
            )),
            301 | 302 | 307 | 308 => Failure::configuration(message)
                .hint("the repository or the forge has moved: give its new place under [forge]"),
            409 => Failure::conflict(message).hint("look at it again: its head has moved"),
            405 | 406 | 412 | 422 if acts => Failure::refused(message),
            _ => Failure::unreachable(message),
        })
    }

    fn failed(&self, call: &Call<'_>, cause: &str) -> Failure {
        Failure::unreachable(format!("could not {}", call.attempt))
            .cause(format!("{}: {cause}", self.settings.kind.title()))
    }

    /// Reads an answer as what it should be.
    pub(super) fn parse<T: DeserializeOwned>(&self, call: &Call<'_>, reply: &Reply) -> Result<T, Failure> {
        serde_json::from_str(&reply.body).map_err(|error| {
            self.failed(call, "it answers with something else than its API")
                .because(&error)
                .hint("see that `kind` and `url` under [forge] belong together")
        })
    }

    /// A commit id that the forge gave, checked: it is shown, compared, and sent back.
    pub(super) fn commit(&self, attempt: &str, text: &str) -> Result<CommitId, Failure> {
        let is_id = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id {
            return Ok(CommitId::from(text.to_ascii_lowercase()));
        }
        Err(Failure::unreachable(format!("could not {attempt}")).cause(format!(
            "{} gave `{}` for a commit",
            self.settings.kind.title(),
            tidy(text)
        )))
    }

    /// That a request still has the head that was meant.
    pub(super) fn same_head(&self, attempt: &str, meant: &CommitId, found: &str) -> Result<(), Failure> {
        let found = self.commit(attempt, found)?;
        if found == *meant {
            return Ok(());
        }
        Err(Failure::conflict(format!("could not {attempt}"))
            .cause(format!("its head is {} now, and {} was meant", found.short(), meant.short()))
            .hint("look at the new head first"))
    }
}

/// The segments before what a repository holds.
pub(super) fn repository_path(kind: ForgeKind, repository: &str) -> Vec<&str> {
    match kind {
        ForgeKind::GitHub | ForgeKind::Gitea => {
            std::iter::once("repos").chain(repository.split('/')).collect()
        }
        ForgeKind::GitLab => vec!["projects", repository],
    }
}

/// Below `path`.
pub(super) fn below<'p>(path: &[&'p str], rest: &[&'p str]) -> Vec<&'p str> {
    path.iter().chain(rest).copied().collect()
}

/// Text of others, on one line, without power and not too long.
pub(super) fn tidy(text: &str) -> String {
    let line = text::clean(text);
    match line.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// An address that a person may open; others are dropped.
pub(super) fn page(url: &str) -> String {
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && url.len() <= 2_000 => text::clean(url),
        _ => String::new(),
    }
}

/// The reason that an answer's body gives, in the shapes that the forges use.
fn said(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    let mut parts = Vec::new();
    for key in ["message", "error", "error_description"] {
        match &value[key] {
            Value::Null => {}
            Value::String(text) => parts.push(text.clone()),
            other => parts.push(other.to_string()),
        }
    }
    for error in value["errors"].as_array().into_iter().flatten() {
        match error {
            Value::String(text) => parts.push(text.clone()),
            other => parts.extend(other["message"].as_str().map(str::to_owned)),
        }
    }
    (!parts.is_empty()).then(|| tidy(&parts.join("; ")))
}
