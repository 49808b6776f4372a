//! `host serve`: the data directory behind an address, until it is stopped.
//!
//! Owns who may be served where, when it is ready and that it ends well: requests that were taken are answered first.
//! Knows no route.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail, ensure};
use host_api::{Api, ServeOptions, Server, Tls, Tokens};
use sd_notify::NotifyState;

use super::deploy;
use crate::args::{Common, ServeArgs};
use crate::exit::{Exit, OrExit};
use crate::session::{self, Ending, Session, Stop};
use crate::settings::{self, ServeSettings, Settings};
use crate::show::trace::Detail;

/// Where Dapr's clients look.
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 3500);

/// Does it.
pub(crate) fn run(common: &Common, args: &ServeArgs) -> Ending {
    let settings = settings::read(common.config.as_deref()).or_exit(Exit::BadUsage)?;
    let serve = chosen(args, &settings.serve);
    let address = serve.http.unwrap_or(HTTP);
    let options = options(&serve, &settings).or_exit(Exit::BadUsage)?;
    check_address(address, &options).or_exit(Exit::BadUsage)?;
    let components = deploy::read(&serve.plugins.unwrap_or_default())?;
    let detail = session::detail(common, Detail::Little);
    session::run_to_the_end(common, detail, async move |session, stop| {
        deploy::deploy(session, &components, args.pin).await?;
        session.resume().await?;
        serve_at(session, address, options, stop).await
    })
}

/// What is said on the command line or in the environment, or else in the file.
fn chosen(args: &ServeArgs, file: &ServeSettings) -> ServeSettings {
    let plugins = Some(args.plugins.clone()).filter(|plugins| !plugins.is_empty());
    ServeSettings {
        plugins: plugins.or_else(|| file.plugins.clone()),
        http: args.http.or(file.http),
        tls_cert: args.tls_cert.clone().or_else(|| file.tls_cert.clone()),
        tls_key: args.tls_key.clone().or_else(|| file.tls_key.clone()),
        token_file: args.token_file.clone().or_else(|| file.token_file.clone()),
    }
}

fn options(serve: &ServeSettings, settings: &Settings) -> Result<ServeOptions> {
    let tls = match (&serve.tls_cert, &serve.tls_key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(read_tls(certificate, key)?),
        (Some(_), None) => bail!("--tls-cert needs its key: --tls-key FILE"),
        (None, Some(_)) => bail!("--tls-key needs its certificate: --tls-cert FILE"),
    };
    let tokens = serve.token_file.as_deref().map(read_tokens);
    Ok(ServeOptions {
        limits: settings.limits.server.clone(),
        tls,
        tokens: tokens.transpose()?.unwrap_or_default(),
    })
}

fn read_tls(certificate: &Path, key: &Path) -> Result<Arc<Tls>> {
    let tls = Tls::read(certificate, key).context("read the certificate for TLS")?;
    Ok(Arc::new(tls))
}

fn read_tokens(file: &Path) -> Result<Tokens> {
    Tokens::read(file).with_context(|| format!("read the tokens in {}", file.display()))
}

/// Without a token, whoever reaches the address may do everything.
fn check_address(address: SocketAddr, options: &ServeOptions) -> Result<()> {
    ensure!(
        address.ip().is_loopback() || !options.tokens.is_empty(),
        "{address} can be reached from other machines, and nobody is asked for a token: say --token-file FILE, or \
         serve on 127.0.0.1 and let a proxy that asks who it is stand before it"
    );
    Ok(())
}

async fn serve_at(
    session: &Session,
    address: SocketAddr,
    options: ServeOptions,
    stop: Stop,
) -> Ending {
    let console = &session.console;
    let (scheme, secret) = match options.tls {
        Some(_) => ("https", true),
        None => (
            "http",
            options.tokens.is_empty() || address.ip().is_loopback(),
        ),
    };
    if !secret {
        console.note("Tokens can be read on their way: say --tls-cert and --tls-key, or let a proxy speak TLS");
    }
    let api = Api::new(Arc::clone(&session.runtime), session.tenant.clone());
    let server = Server::listen(&[address], options).await;
    let server = server.map_err(Error::new).or_exit(Exit::Failed)?;
    for address in server.addresses() {
        console.note(&format!("Serving on {scheme}://{address}"));
    }
    tell_supervisor(NotifyState::Ready);
    let stopped = async {
        // Only a signal ends it, and the listener of signals lives as long as the process.
        let _ = stop.await;
        console.note("Stopping; requests that were taken are answered first");
        tell_supervisor(NotifyState::Stopping);
    };
    server.serve(api.router(), stopped).await;
    Ok(Exit::Done)
}

/// Says to systemd how it stands, where that is what started it.
fn tell_supervisor(state: NotifyState<'_>) {
    // A supervisor that does not listen waits in vain and says so itself.
    sd_notify::notify(&[state]).ok();
}
