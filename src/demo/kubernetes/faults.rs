//! Making a cluster misbehave: what can go wrong, and the listener on which it does.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What is wrong with a cluster. The default is nothing.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each a yes or no")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Connections break: new ones at once, open ones and their watches too.
    pub unreachable: bool,
    /// Every write (create, update, patch, delete) answers 403, and access reviews say so.
    pub forbid_patch: bool,
    /// Every request answers 403, and access reviews say so.
    pub forbid_everything: bool,
    /// Every request answers 500.
    pub error_500: bool,
    /// Every request answers 429, and asks to wait a second.
    pub error_429: bool,
    /// Every request is taken, and never answered; watches that are open fall silent.
    pub hang: bool,
    /// Raised, all watches that are open fall silent for good, as behind a proxy that lost its other end.
    pub silent_watches: u32,
    /// Raised, all watches that are open break off in the middle of an event.
    pub broken_watches: u32,
    /// Reads are answered, and every write (but one that only asks) is answered with this status: 403, 409, 429 or 500.
    pub refuse_writes: Option<u16>,
    /// Each different write is made, and the first time it is never answered.
    pub swallow_answers: bool,
    /// How long each answer takes longer.
    pub delay: Duration,
}

/// A listener whose connections break while [`Faults::unreachable`] is set.
#[derive(Debug)]
pub struct FaultyListener {
    /// The real listener.
    pub listener: TcpListener,
    /// What is wrong at the moment.
    pub faults: watch::Receiver<Faults>,
}

impl axum::serve::Listener for FaultyListener {
    type Io = FaultyStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            // Dropping the stream is what a client sees of a server that is gone.
            if !self.faults.borrow().unreachable {
                // Watch events are small and must not wait to be merged into one packet.
                let _ = stream.set_nodelay(true);
                return (FaultyStream { stream, faults: self.faults.clone() }, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that breaks while [`Faults::unreachable`] is set.
#[derive(Debug)]
pub struct FaultyStream {
    stream: TcpStream,
    faults: watch::Receiver<Faults>,
}

impl FaultyStream {
    fn check(&self) -> io::Result<()> {
        if self.faults.borrow().unreachable {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        // Asked after reading: a request that arrives in the fault must not be answered.
        self.check()?;
        polled
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
