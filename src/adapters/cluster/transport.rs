//! The client of a cluster: every answer must begin in time, and a server that has too much to do says for how long.

use kube::{
    Client,
    client::{Body, ClientBuilder},
};
use std::{error::Error, fmt, time::Duration};
use tower::{BoxError, ServiceExt as _, layer::layer_fn};

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

/// Makes the client. A credential plugin runs here, and blocks.
///
/// # Errors
/// The settings cannot be used, or the credentials could not be had.
pub(super) fn client(settings: kube::Config, deadline: Duration) -> Result<Client, kube::Error> {
    let builder = ClientBuilder::try_from(settings)?;
    // Outside of everything else, so that asking for credentials again counts as well. Of what is streamed (a watch, a
    // log) only the beginning must come in time.
    let bounded = layer_fn(move |service: Stack| {
        service.map_future(move |answer| async move {
            let response = tokio::time::timeout(deadline, answer)
                .await
                .map_err(|_| BoxError::from(Late(deadline)))??;
            let status = response.status().as_u16();
            let asked = response.headers().get(http::header::RETRY_AFTER);
            let retry_after =
                asked.and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
            if status == 429 || (status == 503 && retry_after.is_some()) {
                return Err(BoxError::from(Busy { status, retry_after }));
            }
            Ok(response)
        })
    });
    Ok(builder.with_layer(&bounded).build())
}

/// What the library's builder is made of.
type Stack =
    tower::util::BoxService<http::Request<Body>, http::Response<Box<kube::client::DynBody>>, BoxError>;
