//! The yardstick on the side of the vendor: reqwest alone, with the requests that the gateway makes.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};

use crate::{
    role::{Orders, say},
    vendor::{ACTIVE, Access, CUSTOMERS, person},
};

/// Makes requests when it is told to, `get ID CALLERS SECONDS` or `post PREFIX CALLERS SECONDS`, and says how many there
/// were and how many seconds they took. Usernames begin with the prefix, which must be another one each time.
pub(crate) async fn play(base_url: &str, mut orders: Orders) {
    let access = Access::log_in(base_url).await;
    say("ready");
    while let Some(order) = orders.recv().await {
        let words: Vec<_> = order.split(' ').collect();
        let [verb, about, callers, seconds] = words[..] else {
            panic!("this is no order: {order}");
        };
        let time = Duration::from_secs_f64(seconds.parse().unwrap());
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for caller in 0..callers.parse::<u32>().unwrap() {
            let (access, about) = (access.clone(), about.to_owned());
            match verb {
                "get" => tasks.spawn(get(access, about, start + time)),
                _ => tasks.spawn(post(access, format!("{about}-{caller}"), start + time)),
            };
        }
        let requests: u64 = tasks.join_all().await.into_iter().sum();
        say(format_args!("{requests} {}", start.elapsed().as_secs_f64()));
    }
}

async fn get(access: Access, id: String, until: Instant) -> u64 {
    let mut requests = 0;
    while Instant::now() < until {
        let request = access
            .http
            .get(format!("{}{CUSTOMERS}/{id}", access.base_url));
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        answer.bytes().await.unwrap();
        requests += 1;
    }
    requests
}

async fn post(access: Access, prefix: String, until: Instant) -> u64 {
    let mut requests = 0;
    while Instant::now() < until {
        let body = person(&format!("{prefix}-{requests}"));
        let request = access.http.post(format!("{}{ACTIVE}", access.base_url));
        let answer = request.json(&body).send().await.unwrap();
        answer.error_for_status().unwrap().bytes().await.unwrap();
        requests += 1;
    }
    requests
}
