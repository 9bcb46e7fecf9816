//! A door between gateway and sandbox, for the two faults that the sandbox can't have because nothing of it is there to
//! have them: a connection that is refused, and one that the server closes while a request is on its way.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What the door does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Whoever comes is let through.
    Open,
    /// Nobody is let through, and whoever was is sent away.
    Refused,
    /// Whoever says something next is sent away instead of being heard; then it is open.
    ClosedOnNext,
}

pub(super) struct Doorway {
    address: SocketAddr,
    state: Arc<watch::Sender<Door>>,
    keeper: JoinHandle<()>,
}

impl Doorway {
    /// An open door to `target`.
    pub(super) fn to(target: SocketAddr) -> Self {
        let socket = socket(([127, 0, 0, 1], 0).into());
        let address = socket.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(Door::Open));
        let keeper = tokio::spawn(keep(socket, address, target, Arc::clone(&state)));
        Self {
            address,
            state,
            keeper,
        }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn set(&self, door: Door) {
        self.state.send_replace(door);
    }

    pub(super) fn state(&self) -> Door {
        *self.state.borrow()
    }
}

impl Drop for Doorway {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// A socket that has this address. As long as it does not listen, the system refuses whoever wants to connect.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn keep(
    mut shut: TcpSocket,
    address: SocketAddr,
    target: SocketAddr,
    state: Arc<watch::Sender<Door>>,
) {
    let mut changes = state.subscribe();
    loop {
        if changes
            .wait_for(|door| *door != Door::Refused)
            .await
            .is_err()
        {
            return;
        }
        let listener = shut.listen(16).unwrap();
        tokio::select! {
            () = admit(&listener, target, &state) => return,
            () = refused(&mut changes) => {}
        }
        drop(listener);
        shut = socket(address);
    }
}

/// Ends when nobody is let through any more.
async fn refused(changes: &mut watch::Receiver<Door>) {
    // The sender lives as long as the doorway, and whoever is left then may stay.
    let _ = changes.wait_for(|door| *door == Door::Refused).await;
}

async fn admit(listener: &TcpListener, target: SocketAddr, state: &Arc<watch::Sender<Door>>) {
    while let Ok((caller, _)) = listener.accept().await {
        tokio::spawn(carry(caller, target, Arc::clone(state)));
    }
}

/// Carries what is said to and fro until either side, or the door, closes.
async fn carry(mut caller: TcpStream, target: SocketAddr, state: Arc<watch::Sender<Door>>) {
    let mut changes = state.subscribe();
    let mut server = TcpStream::connect(target).await.unwrap();
    let (mut said, mut answered) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            () = refused(&mut changes) => return,
            count = caller.read(&mut said) => {
                let Ok(count @ 1..) = count else { return };
                let close = |door: &mut Door| {
                    let close = *door == Door::ClosedOnNext;
                    if close {
                        *door = Door::Open;
                    }
                    close
                };
                if state.send_if_modified(close) || server.write_all(&said[..count]).await.is_err() {
                    return;
                }
            }
            count = server.read(&mut answered) => {
                let Ok(count @ 1..) = count else { return };
                if caller.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
