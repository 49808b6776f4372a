//! One listener: connections are taken until the host is to stop, and requests that were taken are answered.
//!
//! Knows no route.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long requests that were taken may go on once the host is to stop; they are cut off then.
const STOP_GRACE: Duration = Duration::from_secs(20);

/// A listener cannot be opened, or breaks.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The operator must choose another address or stop whoever has it.
    #[error("listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// It takes no more connections.
    #[error("take connections: {0}")]
    Accept(std::io::Error),
}

/// Listens there, tells where that is (a port of 0 stands for any that is free), and serves until `stop` ends.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    address: SocketAddr,
    router: Router,
    tell: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let listen = |error| ServeError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    tell(listener.local_addr().map_err(listen)?);
    let (stopping, mut stopped) = watch::channel(false);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop);
    let cut_off = async {
        // It ends with an error where serving ended by itself.
        if stopped.wait_for(|stopped| *stopped).await.is_ok() {
            tokio::time::sleep(STOP_GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        served = serving => served.map_err(ServeError::Accept),
        () = cut_off => Ok(()),
    }
}
