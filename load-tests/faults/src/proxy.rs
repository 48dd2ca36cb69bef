//! A TCP proxy that breaks the network on demand.
//!
//! ```text
//! program ──▶ 127.0.0.1:<own port> ──[mode]──▶ 127.0.0.1:<upstream>
//! ```
//! It must never lose or change a byte of a connection that it lets live: what a network may do to TCP is to delay it or to
//! end it. Buffers are small, so that a reader who stops is felt by the writer.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::Rng as _;
use rand::rngs::StdRng;
use service_runtime::Tasks;
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const CHUNK: usize = 16 * 1024;
const SOCKET_BUFFER: usize = 64 * 1024;

/// What is done to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Connections are reset, and new ones are, too, until it heals.
    Refuse,
    /// Nothing gets through until it heals; then connections go on, as TCP does after a partition.
    BlackHole,
    /// Every piece of data takes longer.
    Delay(Duration),
    /// The direction to the server is closed in order; the other one stays open.
    HalfClose,
    /// Connections are reset once; new ones work.
    Reset,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    cut: Option<Cut>,
    resets: u64,
    halves: u64,
}

/// One link.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    state: watch::Sender<State>,
}

impl Cut {
    /// Any of them.
    pub(crate) fn random(random: &mut StdRng) -> Self {
        match random.random_range(0..5) {
            0 => Self::Refuse,
            1 => Self::BlackHole,
            2 => Self::Delay(Duration::from_millis(random.random_range(20..250))),
            3 => Self::HalfClose,
            _ => Self::Reset,
        }
    }
}

impl Proxy {
    /// A link to a port of this machine; it works until it is cut.
    pub(crate) async fn start(tasks: &Tasks, upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for a proxy")?;
        let port = listener.local_addr()?.port();
        let (state, watching) = watch::channel(State::default());
        let spawner = tasks.clone();
        tasks.spawn("proxy", async move {
            while let Ok((client, _)) = accept(&listener, &watching).await {
                let watching = watching.clone();
                spawner.spawn("proxied connection", async move {
                    // How a connection through a broken network ends is its peers' business.
                    let _ended = carry(client, upstream, watching).await;
                });
            }
        });
        Ok(Self { port, state })
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Breaks the link.
    pub(crate) fn cut(&self, cut: Cut) {
        self.state.send_modify(|state| {
            state.cut = Some(cut);
            match cut {
                Cut::Refuse | Cut::Reset => state.resets += 1,
                Cut::HalfClose => state.halves += 1,
                Cut::BlackHole | Cut::Delay(_) => {}
            }
        });
    }

    /// Mends it.
    pub(crate) fn heal(&self) {
        self.state.send_modify(|state| state.cut = None);
    }
}

/// The next connection; an error when the proxy was dropped.
async fn accept(listener: &TcpListener, watching: &watch::Receiver<State>) -> Result<(TcpStream, std::net::SocketAddr)> {
    let mut watching = watching.clone();
    loop {
        // Both are cancel-safe: a connection that was not returned stays in the backlog.
        tokio::select! {
            accepted = listener.accept() => return Ok(accepted?),
            changed = watching.changed() => changed?,
        }
    }
}

async fn carry(mut client: TcpStream, upstream: u16, mut watching: watch::Receiver<State>) -> Result<()> {
    let began = *watching.borrow_and_update();
    if began.cut == Some(Cut::Refuse) {
        return Ok(SockRef::from(&client).set_linger(Some(Duration::ZERO))?);
    }
    if began.cut == Some(Cut::BlackHole) {
        watching.wait_for(|state| state.cut != Some(Cut::BlackHole)).await?;
    }
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await else {
        // Nobody listens: that is what the client is told, too.
        return Ok(SockRef::from(&client).set_linger(Some(Duration::ZERO))?);
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        SockRef::from(stream).set_send_buffer_size(SOCKET_BUFFER)?;
        SockRef::from(stream).set_recv_buffer_size(SOCKET_BUFFER)?;
    }
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    let up = pump(client_reads, server_writes, watching.clone(), Some(began.halves));
    let down = pump(server_reads, client_writes, watching.clone(), None);
    // Neither is used again after the other wins.
    let reset = tokio::select! {
        // Both directions end in order, or the first error ends them both.
        ended = futures_util::future::try_join(up, down) => ended.is_err(),
        reset = watching.wait_for(|state| state.resets > began.resets) => reset.is_ok(),
    };
    if reset {
        for stream in [&client, &server] {
            SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
        }
    }
    Ok(())
}

/// Copies one direction; `halves`: ends in order when the link has been half-closed more often than that.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut watching: watch::Receiver<State>, halves: Option<u64>) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let half = |state: &State| halves.is_some_and(|halves| state.halves > halves);
        // Both are cancel-safe.
        let count = tokio::select! {
            count = from.read(&mut buffer) => count?,
            closed = watching.wait_for(half) => { drop(closed?); 0 }
        };
        let cut = watching.wait_for(|state| state.cut != Some(Cut::BlackHole)).await?.cut;
        if let Some(Cut::Delay(delay)) = cut {
            tokio::time::sleep(delay).await;
        }
        if count == 0 {
            return Ok(to.shutdown().await?);
        }
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair(proxy: &Proxy, upstream: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        let (server, _) = upstream.accept().await.unwrap();
        (client, server)
    }

    async fn passes(from: &mut TcpStream, to: &mut TcpStream) -> bool {
        let mut got = [0; 2];
        from.write_all(b"hi").await.is_ok() && to.read_exact(&mut got).await.is_ok() && &got == b"hi"
    }

    #[tokio::test]
    async fn each_cut_does_what_it_says() {
        let tasks = Tasks::new();
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(&tasks, upstream.local_addr().unwrap().port()).await.unwrap();

        let (mut client, mut server) = pair(&proxy, &upstream).await;
        assert!(passes(&mut client, &mut server).await && passes(&mut server, &mut client).await);

        proxy.cut(Cut::BlackHole);
        client.write_all(b"held").await.unwrap();
        let mut held = [0; 4];
        assert!(tokio::time::timeout(Duration::from_millis(50), server.read_exact(&mut held)).await.is_err());
        proxy.heal();
        server.read_exact(&mut held).await.unwrap();
        assert_eq!(&held, b"held");

        proxy.cut(Cut::HalfClose);
        assert_eq!(server.read(&mut held).await.unwrap(), 0);
        assert!(passes(&mut server, &mut client).await);
        proxy.heal();

        let (mut client, mut server) = pair(&proxy, &upstream).await;
        proxy.cut(Cut::Reset);
        assert!(client.read(&mut held).await.is_err() && server.read(&mut held).await.is_err());
        let (mut client, mut server) = pair(&proxy, &upstream).await;
        assert!(passes(&mut client, &mut server).await);

        // What one side does to its connection, the other one feels.
        SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
        drop(server);
        assert!(client.read(&mut held).await.is_err());

        proxy.cut(Cut::Refuse);
        let mut refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert!(!matches!(refused.read(&mut held).await, Ok(1..)));
        proxy.heal();
        let (mut client, mut server) = pair(&proxy, &upstream).await;
        assert!(passes(&mut client, &mut server).await);
    }
}
