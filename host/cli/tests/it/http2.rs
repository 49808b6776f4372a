//! A connection over HTTP/2, in clear and without asking for it first, as gRPC's clients open it.
//!
//! Knows nothing of what is asked over it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;

type Body = tonic::body::Body;

/// A connection over which calls are made; its clones share it.
#[derive(Clone)]
pub(crate) struct Connection(SendRequest<Body>);

impl Connection {
    /// Looks every so often whether the server is there still. Returns what stands before a path, too.
    pub(crate) async fn new(port: u16, interval: Duration) -> (Connection, Uri) {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (requests, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(interval)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let origin = format!("http://127.0.0.1:{port}").parse().unwrap();
        (Connection(requests), origin)
    }
}

impl tower_service::Service<hyper::Request<Body>> for Connection {
    type Response = hyper::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: hyper::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
