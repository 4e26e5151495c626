//! The client of a cluster: every answer must begin in time and end somewhere, and a server that has too much to do says
//! for how long.

use crate::domain::text::{clean, fit};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kube::{
    Client,
    client::{Body, ClientBuilder, DynBody},
};
use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::{BoxError, Service, layer::layer_fn, util::BoxService};

/// The server took the request and said nothing in time.
#[derive(Debug)]
pub(super) struct Late(pub(super) Duration);

impl fmt::Display for Late {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it did not answer within {}", words(self.0))
    }
}

impl Error for Late {}

/// The server has too much to do.
#[derive(Debug)]
pub(super) struct Busy {
    /// 429 or 503.
    status: u16,
    /// For how long it asks us to stay away, if it does.
    pub(super) retry_after: Option<Duration>,
}

impl fmt::Display for Busy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status;
        write!(formatter, "the API server answered {status}: it has too much to do")?;
        match self.retry_after {
            Some(asked) => write!(formatter, ", and asks us to wait {}", words(asked)),
            None => Ok(()),
        }
    }
}

impl Error for Busy {}

/// `10 s`, or `0.2 s`.
pub(super) fn words(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// The server sends us elsewhere.
#[derive(Debug)]
pub(super) struct Moved {
    status: u16,
    to: String,
}

impl fmt::Display for Moved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, to } = self;
        write!(formatter, "it answered {status} and sends us to {to}, where no credentials are taken")
    }
}

impl Error for Moved {}

/// The server sends more than is read.
#[derive(Debug)]
pub(super) struct TooLong(usize);

impl fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it answered with more than {} MiB in one piece", self.0 / MIB)
    }
}

impl Error for TooLong {}

/// Makes the client. A credential plugin runs here, and blocks.
///
/// # Errors
/// The settings cannot be used, or the credentials could not be had.
pub(super) fn client(settings: kube::Config, deadline: Duration) -> Result<Client, kube::Error> {
    let builder = ClientBuilder::try_from(settings)?;
    // Outside of everything else, so that asking for credentials again counts as well.
    let bounded = layer_fn(move |inner: Stack| Bounded { inner, deadline });
    Ok(builder.with_layer(&bounded).build())
}

/// What the library's builder is made of.
type Stack = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// Answers that begin in time and are no longer than they may be.
struct Bounded {
    inner: Stack,
    deadline: Duration,
}

impl Service<Request<Body>> for Bounded {
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let measure = Measure::of(request.uri());
        let (answer, deadline) = (self.inner.call(request), self.deadline);
        Box::pin(async move {
            let response = tokio::time::timeout(deadline, answer)
                .await
                .map_err(|_| BoxError::from(Late(deadline)))??;
            let status = response.status();
            let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
            let asked = header(http::header::RETRY_AFTER);
            let retry_after = asked.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
            if status == 429 || (status == 503 && retry_after.is_some()) {
                return Err(BoxError::from(Busy { status: status.as_u16(), retry_after }));
            }
            if status.is_redirection() {
                // What follows the path may be a secret.
                let to = header(http::header::LOCATION).and_then(|to| to.split(['?', '#']).next());
                let to = clean(to.unwrap_or("nowhere"));
                return Err(BoxError::from(Moved { status: status.as_u16(), to: fit(&to, 200) }));
            }
            Ok(match measure {
                Some(measure) => {
                    response.map(|inner| Box::new(Measured { inner, measure, read: 0 }) as Box<DynBody>)
                }
                None => response,
            })
        })
    }
}

const MIB: usize = 1 << 20;

/// How much of an answer is read into memory.
#[derive(Debug, Clone, Copy)]
struct Measure {
    /// So many bytes.
    most: usize,
    /// Whether of each line, which is an object of a watch, or of the whole: a page of a list, an object.
    by_line: bool,
}

impl Measure {
    /// The measure of an answer; none for a log, which is read line by line and only as far as it is wanted.
    fn of(uri: &Uri) -> Option<Self> {
        if uri.path().ends_with("/log") {
            return None;
        }
        let by_line = uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"));
        Some(Self { most: if by_line { 16 * MIB } else { 64 * MIB }, by_line })
    }
}

/// A body that fails once it is longer than it may be, so that no server fills our memory.
struct Measured {
    inner: Box<DynBody>,
    measure: Measure,
    read: usize,
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut *self.inner).poll_frame(context));
        let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) else {
            return Poll::Ready(frame);
        };
        let Measure { most, by_line } = self.measure;
        let ended = by_line.then(|| data.iter().rposition(|byte| *byte == b'\n')).flatten();
        match ended {
            Some(end) => self.read = data.len() - end - 1,
            None => self.read += data.len(),
        }
        Poll::Ready(if self.read > most { Some(Err(TooLong(most).into())) } else { frame })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;

    /// How much is read of an answer that never ends, in MiB.
    async fn read(path: &str, piece: &'static [u8]) -> Option<usize> {
        let endless = futures::stream::repeat_with(move || Ok(Frame::data(Bytes::from_static(piece))));
        let inner = BoxService::new(tower::service_fn(move |_: Request<Body>| {
            let body: Box<DynBody> = Box::new(Endless(endless.clone().boxed()));
            std::future::ready(Ok::<_, BoxError>(Response::new(body)))
        }));
        let mut service = Bounded { inner, deadline: Duration::from_secs(5) };
        let response = service.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let mut body = response.into_body();
        let mut read = 0;
        while read < 200 * MIB {
            match std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
                Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(error)) => {
                    assert!(error.is::<TooLong>(), "{error}");
                    return Some(read / MIB);
                }
                None => panic!("it ends"),
            }
        }
        None
    }

    struct Endless(futures::stream::BoxStream<'static, Result<Frame<Bytes>, BoxError>>);

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            self.0.poll_next_unpin(context)
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        static LINE: [u8; MIB] = [b'x'; MIB];
        static LINES: [u8; MIB] = [b'\n'; MIB];
        assert_eq!(read("/api/v1/pods?limit=500", &LINES).await, Some(64));
        assert_eq!(read("/api/v1/pods?limit=500&watch=true", &LINE).await, Some(16));
        assert_eq!(read("/api/v1/pods?watch=true&resourceVersion=7", &LINES).await, None);
        assert_eq!(read("/api/v1/namespaces/shop/pods/api/log?follow=true", &LINE).await, None);
    }
}
