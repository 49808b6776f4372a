//! `host serve`: the data directory behind one address or two, until it is stopped.
//!
//! Owns who may be served where, when it is ready and that it ends well: requests that were taken are answered first.
//! Knows no route.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail, ensure};
use host_api::{ListenError, ServeOptions, Server, Shared, Tls, Tokens};
use sd_notify::NotifyState;

use super::deploy;
use crate::args::{Common, ServeArgs};
use crate::exit::{Exit, OrExit};
use crate::sandbox::{self, Sandbox};
use crate::session::{self, Ending, Session, Stop};
use crate::settings::{self, ServeSettings, Settings};
use crate::show::trace::Detail;

/// Where Dapr's clients look.
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3500);
const GRPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_001);

/// Where is listened.
#[derive(Clone, Copy)]
struct Addresses {
    http: SocketAddr,
    /// Where gRPC's clients look, too; none where that is the same.
    grpc: Option<SocketAddr>,
}

/// Does it.
pub(crate) fn run(common: &Common, args: &ServeArgs) -> Ending {
    let settings = settings::read(common.config.as_deref()).or_exit(Exit::BadUsage)?;
    let serve = chosen(args, &settings.serve);
    let addresses = Addresses::of(&serve);
    let options = options(&serve, &settings).or_exit(Exit::BadUsage)?;
    let components = deploy::read(&serve.plugins.clone().unwrap_or_default())?;
    let detail = session::detail(common, Detail::Little);
    let wanted = serve.sandbox.unwrap_or_default();
    let missing = give_up(wanted, common, &serve).or_exit(Exit::Failed)?;
    session::run_to_the_end(common, detail, async move |session, stop| {
        let asks = !options.tokens.is_empty() || session.runtime.has_tokens();
        for address in addresses.all() {
            check_address(address, asks).or_exit(Exit::BadUsage)?;
        }
        missing
            .iter()
            .for_each(|missing| session.console.note(missing));
        sandbox::close(wanted).or_exit(Exit::Failed)?;
        deploy::deploy(session, &components, args.pin).await?;
        session.resume().await?;
        serve_at(session, addresses, options, stop).await
    })
}

/// Gives up what a server does not need, and returns what it could not give up. The directory must be there by then.
fn give_up(wanted: Sandbox, common: &Common, serve: &ServeSettings) -> Result<Vec<String>> {
    // Where it cannot be made, the store says why.
    fs::create_dir_all(&common.data).ok();
    let read = [
        &common.config,
        &serve.tls_cert,
        &serve.tls_key,
        &serve.token_file,
    ];
    let read: Vec<_> = read.into_iter().flatten().cloned().collect();
    sandbox::enter(wanted, &common.data, &read)
}

impl Addresses {
    fn of(serve: &ServeSettings) -> Addresses {
        let http = serve.http.unwrap_or(HTTP);
        let grpc = serve.grpc.unwrap_or(GRPC);
        // Any port is never the same one.
        let is_other = grpc != http || grpc.port() == 0;
        let grpc = is_other.then_some(grpc);
        Addresses { http, grpc }
    }

    fn all(self) -> impl Iterator<Item = SocketAddr> {
        [Some(self.http), self.grpc].into_iter().flatten()
    }

    /// Why it does not listen, and which option is to be another.
    fn not_listening(self, error: ListenError) -> Error {
        let address = error.address;
        let option = match self.grpc {
            Some(grpc) if grpc == address => "--grpc",
            _ => "--http",
        };
        let text = format!(
            "serve with {option} {address}, which may be another, or port 0 for any that is free"
        );
        Error::new(error).context(text)
    }
}

/// What is said on the command line or in the environment, or else in the file.
fn chosen(args: &ServeArgs, file: &ServeSettings) -> ServeSettings {
    let plugins = Some(args.plugins.clone()).filter(|plugins| !plugins.is_empty());
    ServeSettings {
        plugins: plugins.or_else(|| file.plugins.clone()),
        http: args.http.or(file.http),
        grpc: args.grpc.or(file.grpc),
        tls_cert: args.tls_cert.clone().or_else(|| file.tls_cert.clone()),
        tls_key: args.tls_key.clone().or_else(|| file.tls_key.clone()),
        token_file: args.token_file.clone().or_else(|| file.token_file.clone()),
        sandbox: args.sandbox.or(file.sandbox),
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

/// Where nobody is asked for a token, whoever reaches the address may do everything.
fn check_address(address: SocketAddr, asks: bool) -> Result<()> {
    ensure!(
        address.ip().is_loopback() || asks,
        "{address} can be reached from other machines, and nobody is asked for a token: say --token-file FILE or \
         make one with \"host token create\", or serve on 127.0.0.1 and let a proxy that asks who it is stand before it"
    );
    Ok(())
}

async fn serve_at(
    session: &Session,
    addresses: Addresses,
    options: ServeOptions,
    stop: Stop,
) -> Ending {
    let console = &session.console;
    let scheme = match options.tls {
        Some(_) => "https",
        None => "http",
    };
    let asks = !options.tokens.is_empty() || session.runtime.has_tokens();
    let is_secret = options.tls.is_some() || !asks;
    if !is_secret && addresses.all().any(|address| !address.ip().is_loopback()) {
        console.note("Tokens can be read on their way: say --tls-cert and --tls-key, or let a proxy speak TLS");
    }
    let shared = Shared::new(Arc::clone(&session.runtime));
    let wanted: Vec<_> = addresses.all().collect();
    // On the threads where plugins run: a request that a turn answers does not change threads for it.
    let threads = session.runtime.handle();
    let listening = threads.spawn(async move { Server::listen(&wanted, options).await });
    let server = listening.await.context("listen").or_exit(Exit::Failed)?;
    let server = server.map_err(|error| addresses.not_listening(error));
    let server = server.or_exit(Exit::Failed)?;
    tell(session, scheme, &server.addresses());
    tell_supervisor(NotifyState::Ready);
    let (console, served) = (Arc::clone(console), shared.clone());
    let stopped = async move {
        // Only a signal ends it, and the listener of signals lives as long as the process.
        let _ = stop.await;
        console.note("Stopping; requests that were taken are answered first");
        tell_supervisor(NotifyState::Stopping);
        shared.stop();
    };
    let serving = threads.spawn(server.serve(served, stopped));
    serving.await.context("serve").or_exit(Exit::Failed)?;
    Ok(Exit::Done)
}

/// Says to systemd how it stands, where that is what started it.
fn tell_supervisor(state: NotifyState<'_>) {
    // A supervisor that does not listen waits in vain and says so itself.
    sd_notify::notify(&[state]).ok();
}

/// HTTP is told last: from then on, all of it is there.
fn tell(session: &Session, scheme: &str, addresses: &[SocketAddr]) {
    let Some((http, others)) = addresses.split_first() else {
        return;
    };
    for grpc in others {
        session.console.note(&format!("Serving gRPC on {grpc}"));
    }
    session
        .console
        .note(&format!("Serving on {scheme}://{http}"));
}
