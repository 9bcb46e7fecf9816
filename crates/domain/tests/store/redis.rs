//! The store in Redis.

use std::{sync::Arc, time::Duration};

use openfinance::store::Redis;

use crate::{
    conformance::conformance,
    redis_server::RedisServer,
    subject::{Subject, Time},
};

/// More than a machine that is busy with other tests needs.
const PATIENT: Duration = Duration::from_secs(10);

fn subject() -> (Subject, RedisServer) {
    let server = RedisServer::start();
    let store = Redis::connect(&server.url()).unwrap().patient_for(PATIENT);
    let subject = Subject {
        store: Arc::new(store),
        time: Time::Real,
    };
    (subject, server)
}

conformance!(tokio::test, subject());
