//! The connection to a server: one for all callers, made and made again in the background, so that nobody waits for it
//! longer than they want to.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, ProtocolVersion, PushInfo, PushKind, RedisError,
    ScriptInvocation, aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

use crate::store::StoreError;

/// How long one attempt at a connection may take, signing in included.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The waits between attempts: twice as long each time, from the first to the second of these.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A connection on which nothing has been answered for so long, although something was asked, is taken for dead. Without
/// this a peer that vanished without a word is noticed only after a quarter of an hour.
const SILENCE: Duration = Duration::from_secs(1);

/// A connection that looks after itself.
pub(super) struct Link {
    client: Client,
    /// What the keeper of the connection tells. Without a listener it ends.
    state: Mutex<watch::Receiver<State>>,
}

#[derive(Clone)]
enum State {
    /// Being made, and it is not known yet whether it can be.
    Making,
    Up(Arc<Line>),
    /// Can't be made, for this reason; the attempts go on.
    Down(StoreError),
}

/// A connection that stands, or stood.
struct Line {
    connection: MultiplexedConnection,
    /// Told once it is of no more use.
    lost: Arc<Notify>,
    /// Since when it has been asked without any answer.
    silent_since: Mutex<Option<Instant>>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        // There is no keeper yet: whoever needs a connection first begins it.
        let (_, state) = watch::channel(State::Making);
        Self {
            client,
            state: Mutex::new(state),
        }
    }

    /// Runs a script, and waits for a connection and for the answer so long at most, both together.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        patience: Duration,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let waited = timeout(patience, self.line()).await;
        let line = waited.map_err(|_| too_slow())??;
        let mut connection = line.connection.clone();
        let left = patience.saturating_sub(began.elapsed());
        match timeout(left, script.invoke_async(&mut connection)).await {
            Ok(Ok(answer)) => {
                line.heard();
                Ok(answer)
            }
            Ok(Err(error)) => {
                line.heard();
                if is_fatal(&error) {
                    line.lost.notify_one();
                }
                Err(told(&error))
            }
            Err(_) => {
                if line.is_dead(began) {
                    line.lost.notify_one();
                }
                Err(too_slow())
            }
        }
    }

    /// The connection that stands, or the one being made; an error if the last attempt at one has failed.
    async fn line(&self) -> Result<Arc<Line>, StoreError> {
        let mut receiver = self.receiver();
        loop {
            match &*receiver.borrow_and_update() {
                State::Up(line) => return Ok(Arc::clone(line)),
                State::Down(why) => return Err(why.clone()),
                State::Making => {}
            }
            if receiver.changed().await.is_err() {
                // The keeper has gone, with the runtime that it was on.
                receiver = self.receiver();
            }
        }
    }

    /// Where the state is told, by a keeper that is at work.
    fn receiver(&self) -> watch::Receiver<State> {
        // Nothing panics while it is held.
        let mut receiver = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if receiver.has_changed().is_err() {
            let (state, told) = watch::channel(State::Making);
            let client = self.client.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = keep(&client, &state) => {}
                    () = state.closed() => {}
                }
            });
            *receiver = told;
        }
        receiver.clone()
    }
}

/// Makes a connection, and another whenever it is lost.
async fn keep(client: &Client, state: &watch::Sender<State>) {
    loop {
        let line = make(client, state).await;
        let lost = Arc::clone(&line.lost);
        state.send_replace(State::Up(Arc::new(line)));
        lost.notified().await;
        state.send_replace(State::Making);
    }
}

/// Tries until a connection stands, and tells when an attempt has failed.
async fn make(client: &Client, state: &watch::Sender<State>) -> Line {
    let mut pause = FIRST_PAUSE;
    loop {
        let lost = Arc::new(Notify::new());
        // The limits are ours: one for the attempt, and the caller's own for each answer.
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let settings = client.get_connection_info().redis_settings();
        if settings.protocol() == ProtocolVersion::RESP3 {
            let lost = Arc::clone(&lost);
            config = config.set_push_sender(move |told: PushInfo| {
                if told.kind == PushKind::Disconnection {
                    lost.notify_one();
                }
                Ok::<(), Infallible>(())
            });
        }
        let attempt = client.get_multiplexed_async_connection_with_config(&config);
        let error = match timeout(ATTEMPT, attempt).await {
            Ok(Ok(connection)) => {
                return Line {
                    connection,
                    lost,
                    silent_since: Mutex::default(),
                };
            }
            Ok(Err(error)) => told(&error),
            Err(_) => too_slow(),
        };
        state.send_replace(State::Down(error));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

impl Line {
    fn silent_since(&self) -> MutexGuard<'_, Option<Instant>> {
        // Nothing panics while it is held.
        self.silent_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) {
        *self.silent_since() = None;
    }

    /// Whether there has been no answer for too long, now that another has not come to what was asked then.
    fn is_dead(&self, asked: Instant) -> bool {
        let since = *self.silent_since().get_or_insert(asked);
        since.elapsed() >= SILENCE
    }
}

/// Whether a connection is of no more use after this: it is broken, or leads to a server that was turned into a replica,
/// or that wants another password.
fn is_fatal(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || matches!(error.code(), Some("READONLY" | "NOAUTH"))
}

/// An error in words that have nothing of what was sent or answered in them: servers quote commands.
fn told(error: &RedisError) -> StoreError {
    let what = error.category();
    StoreError(match error.code() {
        Some(code) => format!("Redis: {what} ({code})"),
        None => format!("Redis: {what}"),
    })
}

fn too_slow() -> StoreError {
    StoreError("Redis did not answer in time".to_owned())
}
