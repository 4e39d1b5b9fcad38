//! A way to a server that can be cut.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is open.
    Open,
    /// What clients send arrives, and no answer does.
    Silent,
    /// Connections end, those that are there too.
    Cut,
}

/// The way. Connections end with it.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    way: watch::Sender<Way>,
    _tasks: JoinSet<()>,
}

impl Relay {
    /// A way to the server there.
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, is) = watch::channel(Way::Open);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, is));
        Self { address, way, _tasks: tasks }
    }

    pub(crate) fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    pub(crate) fn silence(&self) {
        self.way.send_replace(Way::Silent);
    }

    /// Connections of which answers are missing end.
    pub(crate) fn open(&self) {
        self.way.send_replace(Way::Open);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, way: watch::Receiver<Way>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(pass(client, server, way.clone()));
    }
}

async fn pass(client: TcpStream, server: SocketAddr, mut way: watch::Receiver<Way>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut is_cut = way.clone();
    tokio::select! {
        () = forward(from_client, to_server) => {}
        () = answer(from_server, to_client, &mut way) => {}
        _ = is_cut.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = copy(&mut from, &mut to).await;
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &mut watch::Receiver<Way>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if *way.borrow() == Way::Silent {
            let _ = way.wait_for(|way| *way != Way::Silent).await;
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
