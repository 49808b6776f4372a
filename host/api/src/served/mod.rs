//! Listeners: connections are taken until the host is to stop, and requests that were taken are answered.
//!
//! Owns how many connections there are, and how each of them is held to its bounds. Knows no route.

mod audit;
mod body;
mod gate;
mod guesses;
mod tls;
mod tokens;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use futures_util::future::join_all;
use host_base::ServerLimits;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;

use crate::Shared;
use gate::Gate;
pub use tls::{Tls, TlsError};
pub use tokens::{TOKEN_BYTES_MIN, Tokens, TokensError};

/// How long requests that were taken may go on once the host is to stop; they are cut off then.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// How long nobody is let in after the system has refused a connection, mostly because too many files are open.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// What a connection is told that is one too many. It is sent as far as it fits without waiting.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Length: 0\r\n\r\n";

/// A listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("listen on {address}: {error}")]
pub struct ListenError {
    /// The address. The operator must choose another one or stop whoever has it.
    pub address: SocketAddr,
    /// Why not.
    pub error: std::io::Error,
}

/// Who may connect, and how.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// What each connection and all of them are held to.
    pub limits: ServerLimits,
    /// Without it, what is said can be read on its way.
    pub tls: Option<Arc<Tls>>,
    /// Those of whoever runs the host, for all tenants. Where there are none, and no tenant has any either when the
    /// host begins to serve, everybody is served who reaches the address: from this machine, and as whoever runs it.
    pub tokens: Tokens,
}

/// Addresses that are listened at; nobody is served before [`Server::serve`].
pub struct Server {
    listeners: Vec<TcpListener>,
    options: ServeOptions,
}

impl Server {
    /// Listens at these addresses; a port of 0 stands for any that is free.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub async fn listen(
        addresses: &[SocketAddr],
        options: ServeOptions,
    ) -> Result<Server, ListenError> {
        let mut listeners = Vec::new();
        for &address in addresses {
            let listener = TcpListener::bind(address).await;
            listeners.push(listener.map_err(|error| ListenError { address, error })?);
        }
        Ok(Server { listeners, options })
    }

    /// Where it listens, in the order in which that was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.listeners.iter().map(TcpListener::local_addr);
        // One that the system no longer knows takes no connection either.
        addresses.filter_map(Result::ok).collect()
    }

    /// Serves until `stop` ends and all that was asked until then is answered, or the time for that is over.
    pub async fn serve(self, shared: Shared, stop: impl Future<Output = ()>) {
        let Server { listeners, options } = self;
        let limits = &options.limits;
        let tokens = options.tokens.clone();
        let gate = Gate::new(limits, tokens, Arc::clone(&shared.runtime));
        let router = gate.before(shared.router());
        let connections = Connections::new(options, router);
        let taking = listeners.iter();
        let taking = taking.map(|listener| connections.take_from(listener));
        tokio::select! {
            _ = join_all(taking) => {}
            () = stop => {}
        }
        drop(listeners);
        // What goes on longer is cut off with the process.
        let answered = connections.graceful.shutdown();
        tokio::time::timeout(STOP_GRACE, answered).await.ok();
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
struct Peer(SocketAddr);

/// All connections that there are.
struct Connections {
    places: Arc<Semaphore>,
    builder: Arc<Builder<TokioExecutor>>,
    graceful: GracefulShutdown,
    router: Router,
    options: ServeOptions,
}

impl Connections {
    fn new(options: ServeOptions, router: Router) -> Connections {
        Connections {
            places: Arc::new(Semaphore::new(options.limits.connections_max)),
            builder: Arc::new(builder(&options.limits)),
            graceful: GracefulShutdown::new(),
            router,
            options,
        }
    }

    /// Takes connections, for ever.
    async fn take_from(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.take(stream, Peer(peer)),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "a connection cannot be taken");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: Peer) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            // In clear, whatever was agreed: a client that does not understand it sees that it is closed.
            stream.try_write(TOO_MANY).ok();
            return;
        };
        // Small answers are not to wait for each other.
        stream.set_nodelay(true).ok();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.options.limits.response_stall_max));
        let connection = Connection {
            place,
            peer,
            builder: Arc::clone(&self.builder),
            watcher: self.graceful.watcher(),
            router: self.router.clone(),
            patience: self.options.limits.connection_idle_max,
        };
        match self.options.tls.clone() {
            None => drop(tokio::spawn(connection.serve(Box::pin(stream)))),
            Some(tls) => drop(tokio::spawn(async move {
                let greeted = tls.accept(Box::pin(stream));
                let greeted = tokio::time::timeout(connection.patience, greeted).await;
                // Who does not manage to greet is not to fill the log.
                if let Ok(Ok(stream)) = greeted {
                    connection.serve(stream).await;
                }
            })),
        }
    }
}

/// Whether only that connection cannot be taken, whose client has gone.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn builder(limits: &ServerLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let head_bytes_max = limits.request_head_bytes_max;
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.connection_idle_max)
        .max_buf_size(head_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.connection_idle_max)
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(head_bytes_max).unwrap_or(u32::MAX));
    builder
}

/// A connection that was taken.
struct Connection {
    place: OwnedSemaphorePermit,
    peer: Peer,
    builder: Arc<Builder<TokioExecutor>>,
    watcher: Watcher,
    router: Router,
    patience: Duration,
}

impl Connection {
    /// Answers what is asked over it, until the client has gone or the host is to stop.
    async fn serve<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let asked = Arc::new(AtomicBool::new(false));
        let router = Noting {
            router: self.router,
            asked: Arc::clone(&asked),
            peer: self.peer,
        };
        let service = TowerToHyperService::new(router);
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let served = self.watcher.watch(connection.into_owned());
        tokio::select! {
            // What breaks is the client's side of it, which learns of that itself.
            _ = served => {}
            () = nobody_asks(&asked, self.patience) => {}
        }
        drop(self.place);
    }
}

/// Ends where nothing has been asked after so long. From then on, the protocol's own times hold.
async fn nobody_asks(asked: &AtomicBool, patience: Duration) {
    tokio::time::sleep(patience).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// All routes; notes that something was asked, and beside it by whom.
#[derive(Clone)]
struct Noting {
    router: Router,
    asked: Arc<AtomicBool>,
    peer: Peer,
}

impl<B> Service<Request<B>> for Noting
where
    Router: Service<Request<B>>,
{
    type Response = <Router as Service<Request<B>>>::Response;
    type Error = <Router as Service<Request<B>>>::Error;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.router.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.asked.store(true, Ordering::Relaxed);
        self.router.call(request)
    }
}
