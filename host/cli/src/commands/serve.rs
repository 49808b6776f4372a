//! `host serve`: the data directory behind an address, until it is stopped.
//!
//! Owns when it is ready and that it ends well: requests that were taken are answered first. Knows no route.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Error, ensure};
use host_api::Api;

use super::deploy;
use crate::args::{Common, ServeArgs};
use crate::exit::{Exit, OrExit};
use crate::session::{self, Ending, Session, Stop};
use crate::show::trace::Detail;

/// Does it.
pub(crate) fn run(common: &Common, args: &ServeArgs) -> Ending {
    check_address(args.http).or_exit(Exit::BadUsage)?;
    let components = deploy::read(&args.plugins)?;
    let detail = session::detail(common, Detail::Little);
    session::run_to_the_end(common, detail, async move |session, stop| {
        deploy::deploy(session, &components, args.pin).await?;
        session.resume().await?;
        serve(session, args.http, stop).await
    })
}

async fn serve(session: &Session, address: SocketAddr, stop: Stop) -> Ending {
    let api = Api::new(Arc::clone(&session.runtime), session.tenant.clone());
    let console = Arc::clone(&session.console);
    let tell = |address| console.note(&format!("Serving on http://{address}"));
    let stopped = {
        let console = Arc::clone(&session.console);
        async move {
            // Only a signal ends it, and the listener of signals lives as long as the process.
            let _ = stop.await;
            console.note("Stopping; requests that were taken are answered first");
        }
    };
    let served = host_api::serve(address, api.router(), tell, stopped).await;
    served.map_err(Error::new).or_exit(Exit::Failed)?;
    Ok(Exit::Done)
}

/// Whoever reaches the address may do everything.
fn check_address(address: SocketAddr) -> Result<(), Error> {
    ensure!(
        address.ip().is_loopback(),
        "--http {address} can be reached from other machines, and no token is asked for yet: serve on 127.0.0.1, \
         and let a proxy that asks who it is stand before it"
    );
    Ok(())
}
