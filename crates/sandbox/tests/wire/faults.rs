//! What faults do to a connection, seen from the other end of the wire.

use std::{io::ErrorKind, time::Duration};

use openfinance_sandbox::{Commit, FaultRule, Malformed, Operation, Revoke, Stage};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{CUSTOMERS, TESTING, World};

/// Long enough for a slow machine, short enough for a person.
const SOON: Duration = Duration::from_secs(10);
/// Nothing has come for so long, so nothing will.
const SILENCE: Duration = Duration::from_millis(500);

/// How an answer ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The connection was closed in good order.
    Closed,
    /// The connection was reset.
    Reset,
    /// Nothing came any more, and the connection stayed open.
    Silent,
}

/// What came back on one connection.
struct Heard {
    text: String,
    end: End,
    stream: TcpStream,
}

impl Heard {
    fn body(&self) -> &str {
        self.text
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
    }
}

impl World {
    /// One request as bytes, after which the connection is to be closed.
    fn bytes(&self, method: &str, path: &str, body: &str) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\nfinicity-app-key: {}\r\n\
             finicity-app-token: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.partner.app_key,
            self.token,
            body.len(),
        )
    }

    async fn open(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.sandbox.address())
            .await
            .expect("the sandbox listens");
        // A reset may come before all is written.
        let _ = stream.write_all(bytes.as_bytes()).await;
        stream
    }

    async fn say(&self, bytes: &str) -> Heard {
        hear(self.open(bytes).await, |_| false).await
    }

    fn create(&self, username: &str) -> String {
        let body = json!({ "username": username }).to_string();
        self.bytes("POST", TESTING, &body)
    }

    fn plan(&self, rule: FaultRule) -> u64 {
        let control = self.sandbox.control();
        control.add_fault(rule).expect("the rule can be kept to")
    }

    fn customers(&self) -> usize {
        self.sandbox.control().counts().customers
    }
}

fn body_length(bytes: &[u8]) -> usize {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    head.map_or(0, |head| bytes.len() - head - 4)
}

/// Hears an answer out. Once there is `enough` of it, only silence is waited for.
async fn hear(mut stream: TcpStream, enough: impl Fn(&[u8]) -> bool) -> Heard {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        let patience = if enough(&bytes) { SILENCE } else { SOON };
        match timeout(patience, stream.read(&mut piece)).await {
            Err(_) => break End::Silent,
            Ok(Ok(0)) => break End::Closed,
            Ok(Ok(read)) => bytes.extend_from_slice(&piece[..read]),
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
            Ok(Err(error)) => panic!("reading failed otherwise: {error}"),
        }
    };
    Heard {
        text: String::from_utf8(bytes).expect("answers are text"),
        end,
        stream,
    }
}

fn create() -> FaultRule {
    FaultRule::on(Operation::AddTestingCustomer)
}

#[tokio::test]
async fn a_reset_before_the_request_is_complete_leaves_nothing_behind() {
    let world = World::start().await;
    for stage in [Stage::Accept, Stage::RequestHeaders, Stage::RequestBody] {
        world.plan(create().reset_at(stage));
        let heard = world.say(&world.create("customer1")).await;
        assert_eq!(
            (heard.text.as_str(), heard.end),
            ("", End::Reset),
            "{stage:?}"
        );
        assert_eq!(world.customers(), 0, "{stage:?}");
    }
    assert!(
        world
            .sandbox
            .control()
            .faults()
            .iter()
            .all(|fault| fault.fired == 1)
    );
}

#[tokio::test]
async fn a_reset_in_place_of_the_answer_hides_whether_the_work_was_done() {
    let world = World::start().await;
    for (commit, username, after) in [
        (Commit::Before, "customer1", 1),
        (Commit::Never, "customer2", 1),
        (Commit::Late(Duration::from_secs(3)), "customer3", 1),
    ] {
        world.plan(create().commit(commit).reset_at(Stage::ResponseHeaders));
        let heard = world.say(&world.create(username)).await;
        assert_eq!(
            (heard.text.as_str(), heard.end),
            ("", End::Reset),
            "{commit:?}"
        );
        assert_eq!(world.customers(), after, "{commit:?}");
    }
    let requests = world
        .sandbox
        .control()
        .requests(Some(Operation::AddTestingCustomer));
    assert!(requests.iter().all(|request| request.status.is_none()));
    world
        .sandbox
        .control()
        .advance(Duration::from_secs(2))
        .unwrap();
    assert_eq!(world.customers(), 1);
    world
        .sandbox
        .control()
        .advance(Duration::from_secs(1))
        .unwrap();
    assert_eq!(world.customers(), 2);
}

#[tokio::test]
async fn late_work_was_let_in_when_it_came_and_may_be_seen_later_still() {
    let mut world = World::start().await;
    let control = world.sandbox.control();
    let late = Commit::Late(Duration::from_secs(10));
    let unseen = create().visible_after(Duration::from_secs(5));
    world.plan(unseen.commit(late).answer(503, None));
    let answer = world.post(TESTING, json!({"username": "customer1"})).await;
    assert_eq!(answer.status, 503);
    control.revoke_tokens(Revoke::All);
    control.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(world.customers(), 1);
    let seen = world.log_in(&world.partner.secret).await;
    world.token = seen.json()["token"].as_str().unwrap().to_owned();
    let path = format!("{CUSTOMERS}?username=customer1");
    assert_eq!(world.get(&path).await.json()["found"], 0);
    let control = world.sandbox.control();
    control.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(world.get(&path).await.json()["found"], 1);
}

#[tokio::test]
async fn a_reset_within_the_body_sends_the_head_and_half() {
    let world = World::start().await;
    world.plan(create().reset_at(Stage::ResponseBody));
    let heard = world.say(&world.create("customer1")).await;
    assert!(
        heard.text.starts_with("HTTP/1.1 201 Created"),
        "{}",
        heard.text
    );
    assert!(heard.body().starts_with("{\"id\":") && !heard.body().ends_with('}'));
    assert_eq!(heard.end, End::Reset);
    assert_eq!(world.customers(), 1);
}

#[tokio::test]
async fn a_stall_says_nothing_until_the_rule_is_removed() {
    let world = World::start().await;
    for (stage, username, after) in [
        (Stage::Accept, "customer1", 0),
        (Stage::RequestHeaders, "customer2", 0),
        (Stage::RequestBody, "customer3", 0),
        (Stage::ResponseHeaders, "customer4", 1),
        (Stage::ResponseBody, "customer5", 2),
    ] {
        let fault = world.plan(create().stall_at(stage));
        let stream = world.open(&world.create(username)).await;
        // Of an answer that stalls half way, half is heard.
        let half = stage == Stage::ResponseBody;
        let mut heard = hear(stream, |bytes| !half || body_length(bytes) > 0).await;
        assert_eq!(heard.end, End::Silent, "{stage:?}");
        assert_eq!(heard.text.is_empty(), stage != Stage::ResponseBody);
        assert_eq!(world.customers(), after, "{stage:?}");
        world.sandbox.control().remove_fault(fault).unwrap();
        let mut rest = String::new();
        let left = timeout(SOON, heard.stream.read_to_string(&mut rest)).await;
        assert!(
            left.expect("the connection ends")
                .is_ok_and(|read| read == 0),
            "{stage:?}"
        );
    }
}

#[tokio::test]
async fn stopping_ends_what_stalls() {
    let world = World::start().await;
    for stage in [Stage::Accept, Stage::ResponseHeaders, Stage::ResponseBody] {
        world.plan(create().stall_at(stage));
        let stream = world.open(&world.create("customer1")).await;
        assert_eq!(hear(stream, |_| true).await.end, End::Silent);
    }
    timeout(SOON, world.sandbox.stop()).await.expect("it stops");
}

#[tokio::test]
async fn a_rule_about_new_connections_makes_kept_ones_close() {
    let world = World::start().await;
    let mut kept = TcpStream::connect(world.sandbox.address()).await.unwrap();
    let request = world.bytes("GET", CUSTOMERS, "");
    let keep = request.replace("connection: close\r\n", "");
    kept.write_all(keep.as_bytes()).await.unwrap();
    let heard = hear(kept, |bytes| bytes.ends_with(b"}")).await;
    assert!(heard.text.starts_with("HTTP/1.1 200 OK"), "{}", heard.text);
    assert_eq!(heard.end, End::Silent);
    world.plan(create().reset_at(Stage::Accept));
    let after = hear(heard.stream, |_| false).await;
    assert_eq!((after.text.as_str(), after.end), ("", End::Closed));
    // Another operation passes, but does not keep its connection, for the next request is to be met.
    let passed = world.say(&keep).await;
    assert!(passed.text.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(passed.end, End::Closed);
    let create = world.create("customer1");
    assert_eq!(world.say(&create).await.end, End::Reset);
    let again = world.say(&create).await.text;
    assert!(again.starts_with("HTTP/1.1 201 Created"), "{again}");
}

#[tokio::test]
async fn a_rule_about_new_connections_spares_the_control_plane_and_meets_the_silent() {
    let world = World::start().await;
    let any = FaultRule::on_any().times(1000);
    let fault = world.plan(any.reset_at(Stage::Accept));
    let request = world.bytes("GET", CUSTOMERS, "");
    assert_eq!(world.say(&request).await.end, End::Reset);
    for path in ["/__sandbox/v1/faults", "/__sandbox/"] {
        let asked = world.say(&world.bytes("GET", path, "")).await;
        assert!(asked.text.starts_with("HTTP/1.1 200 OK"), "{}", asked.text);
    }
    let mut silent = TcpStream::connect(world.sandbox.address()).await.unwrap();
    let end = timeout(SOON, silent.read(&mut [0])).await.expect("it ends");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    // A request line that comes in pieces is waited for.
    let (start, rest) = request.split_at(10);
    let mut slow = world.open(start).await;
    tokio::time::sleep(SILENCE).await;
    slow.write_all(rest.as_bytes()).await.unwrap();
    assert_eq!(hear(slow, |_| false).await.end, End::Reset);
    assert_eq!(world.sandbox.control().faults()[0].fired, 3);
    let path = format!("/__sandbox/v1/faults/{fault}");
    let removed = world.say(&world.bytes("DELETE", &path, "")).await;
    assert!(removed.text.ends_with(r#"{"removed":1}"#));
    assert!(world.say(&request).await.text.ends_with("[]}"));
}

#[tokio::test]
async fn what_breaks_within_the_body_breaks_even_if_there_is_none() {
    let world = World::start().await;
    let created = world.say(&world.create("customer1")).await;
    let created: Value = serde_json::from_str(created.body()).unwrap();
    let path = format!("{CUSTOMERS}/{}", created["id"].as_str().unwrap());
    let change = world.bytes("PUT", &path, r#"{"firstName": "Ada"}"#);
    let modify = || FaultRule::on(Operation::ModifyCustomer);
    for (rule, status) in [
        (modify(), "200 OK"),
        (modify().commit(Commit::Never), "504 Gateway Timeout"),
        (modify().answer(503, None), "503 Service Unavailable"),
        (modify().truncate_bytes(1000), "200 OK"),
    ] {
        world.plan(rule.clone().reset_at(Stage::ResponseBody));
        let heard = world.say(&change).await;
        let line = format!("HTTP/1.1 {status}\r\n");
        assert!(heard.text.starts_with(&line), "{}", heard.text);
        assert!(heard.text.contains("content-length: 1\r\n"));
        assert_eq!((heard.body(), &heard.end), ("", &End::Reset), "{status}");
        let fault = world.plan(rule.stall_at(Stage::ResponseBody));
        let stalled = world.open(&change).await;
        let heard = hear(stalled, |bytes| bytes.ends_with(b"\r\n\r\n")).await;
        assert_eq!((heard.body(), &heard.end), ("", &End::Silent), "{status}");
        world.sandbox.control().remove_fault(fault).unwrap();
    }
}

#[tokio::test]
async fn a_truncated_answer_announces_more_than_it_sends() {
    let world = World::start().await;
    world.plan(create().truncate_bytes(17));
    let heard = world.say(&world.create("customer1")).await;
    assert_eq!(heard.body().len(), 17);
    assert_eq!(heard.end, End::Closed);
    let announced = heard
        .text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    assert!(announced.unwrap().parse::<usize>().unwrap() > 17);
    assert_eq!(world.customers(), 1);
}

#[tokio::test]
async fn a_body_can_drip() {
    let world = World::start().await;
    let body = openfinance_sandbox::FaultBody::Text("x".repeat(60));
    world.plan(
        FaultRule::on(Operation::GetCustomers)
            .answer(200, Some(body))
            .drip_bytes_per_second(200),
    );
    let begun = Instant::now();
    let heard = world.say(&world.bytes("GET", CUSTOMERS, "")).await;
    assert_eq!(heard.body().len(), 60);
    // Three pieces of twenty bytes, each after a tenth of a second.
    assert!(
        begun.elapsed() >= Duration::from_millis(290),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn effects_combine() {
    let world = World::start().await;
    let rule = create()
        .malformed(Malformed::ExtraFields)
        .truncate_bytes(40)
        .drip_bytes_per_second(400)
        .stall_at(Stage::ResponseBody)
        .latency(Duration::from_millis(20));
    world.plan(rule);
    let stream = world.open(&world.create("customer1")).await;
    let heard = hear(stream, |bytes| body_length(bytes) == 40).await;
    assert!(heard.body().contains("another") && heard.body().len() == 40);
    assert_eq!(heard.end, End::Silent);
}

#[tokio::test]
async fn a_redirect_sends_the_caller_elsewhere_after_the_work() {
    let world = World::start().await;
    for (rule, status) in [
        (create(), "308 Permanent Redirect"),
        (create().answer(302, None), "302 Found"),
    ] {
        world.plan(rule.redirect_to("https://example.com/elsewhere"));
        let username = format!("customer{}", &status[..3]);
        let heard = world.say(&world.create(&username)).await;
        assert!(
            heard.text.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{}",
            heard.text
        );
        assert!(
            heard
                .text
                .contains("location: https://example.com/elsewhere\r\n")
        );
        assert_eq!(heard.body(), "");
    }
    assert_eq!(world.customers(), 2);
}

#[tokio::test]
async fn answers_are_spoilt_in_every_way() {
    let world = World::start().await;
    let first = world.customer("customer1").await;
    for number in 2..=4 {
        world.customer(&format!("customer{number}")).await;
    }
    let list = format!("{CUSTOMERS}?username=customer1&limit=3");
    let spoilt = async |malformed| {
        world.plan(FaultRule::on_any().malformed(malformed));
        world.say(&world.bytes("GET", &list, "")).await
    };
    let json = |heard: &Heard| serde_json::from_str::<Value>(heard.body());

    let heard = spoilt(Malformed::NotJson).await;
    assert!(json(&heard).is_err() && heard.text.contains("content-type: application/json\r\n"));
    let heard = spoilt(Malformed::Empty).await;
    assert!(heard.text.contains("content-length: 0\r\n") && heard.body().is_empty());
    let body = json(&spoilt(Malformed::MissingField).await).unwrap();
    assert!(body.get("customers").is_none() && body["found"] == 1);
    let body = json(&spoilt(Malformed::ExtraFields).await).unwrap();
    assert!(body["customers"][0]["unheardOf"].is_object());
    let body = json(&spoilt(Malformed::WrongRecord).await).unwrap();
    assert_ne!(body["customers"][0]["id"], first);
    assert_ne!(body["customers"][0]["username"], "customer1");
    let body = json(&spoilt(Malformed::FilterIgnored).await).unwrap();
    assert_eq!(body["customers"].as_array().unwrap().len(), 3);
    assert_eq!(body["found"], 4);
    let heard = spoilt(Malformed::Deep).await;
    assert!(heard.body().contains(&"[".repeat(100_000)));
    assert_eq!(
        json(&world.say(&world.bytes("GET", &list, "")).await).unwrap()["found"],
        1
    );
}

#[tokio::test]
async fn a_huge_answer_does_not_end_before_the_client_leaves() {
    let world = World::start().await;
    world.plan(FaultRule::on(Operation::GetCustomers).malformed(Malformed::Huge));
    let mut stream = TcpStream::connect(world.sandbox.address()).await.unwrap();
    let request = world.bytes("GET", CUSTOMERS, "");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut piece = vec![0; 64 * 1024];
    let mut read = 0;
    while read < 8 * 1024 * 1024 {
        read += timeout(SOON, stream.read(&mut piece))
            .await
            .unwrap()
            .unwrap();
    }
    let text = String::from_utf8_lossy(&piece);
    assert!(text.contains("xxxx"));
    drop(stream);
    assert_eq!(world.get(CUSTOMERS).await.status, 200);
}

#[tokio::test]
async fn a_write_can_stay_unseen_by_reads_while_later_writes_build_on_it() {
    let world = World::start().await;
    let control = world.sandbox.control();
    let lag = |operation| {
        let rule = FaultRule::on(operation).visible_after(Duration::from_secs(5));
        control.add_fault(rule).unwrap()
    };
    let lookup = format!("{CUSTOMERS}?username=customer1");

    // A create: nowhere to be read, but its username is taken.
    lag(Operation::AddTestingCustomer);
    let id = world.customer("customer1").await;
    let path = format!("{CUSTOMERS}/{id}");
    assert_eq!(world.get(&path).await.status, 404);
    assert_eq!(world.get(&lookup).await.json()["found"], 0);
    assert_eq!(world.get(CUSTOMERS).await.json()["found"], 0);
    let again = world.post(TESTING, json!({"username": "customer1"})).await;
    assert_eq!(again.status, 409);
    control.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(world.get(&path).await.json()["id"], id);
    assert_eq!(world.get(&lookup).await.json()["found"], 1);

    // A change: the old name is read.
    lag(Operation::ModifyCustomer);
    world.put(&path, json!({"firstName": "Ada"})).await;
    assert_eq!(world.get(&path).await.json().get("firstName"), None);
    control.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(world.get(&path).await.json()["firstName"], "Ada");

    // Two writes that build on each other: a consumer, and a business that needs it.
    lag(Operation::CreateConsumer);
    let consumer = format!("/decisioning/v1/customers/{id}/consumer");
    let body = json!({
        "firstName": "Ada", "lastName": "Lovelace", "state": "UT", "ssn": "123456789", "email": "ada@example.com",
    });
    let created = world.post(&consumer, body).await.json();
    let seen = world.get(&consumer).await.json();
    assert_eq!(seen["code"], 10100, "{seen}");
    let by_id = format!(
        "/decisioning/v1/consumers/{}",
        created["id"].as_str().unwrap()
    );
    assert_eq!(world.get(&by_id).await.status, 404);
    let business = format!("/business-services/customers/{id}/businesses");
    lag(Operation::AddBusinessDetails);
    let body = json!({"name": "A", "personallyLiable": true, "address": {}, "phoneNumber": {}});
    assert_eq!(world.post(&business, body).await.status, 200);
    assert_eq!(world.get(&business).await.json()["code"], 10003);
    control.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(world.get(&consumer).await.json()["id"], created["id"]);
    assert_eq!(world.get(&business).await.status, 200);

    // A deletion: the record is still read, and its username is free already.
    lag(Operation::DeleteCustomer);
    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.get(&path).await.json()["firstName"], "Ada");
    assert_eq!(world.get(&lookup).await.json()["found"], 1);
    assert_eq!(world.get(&consumer).await.status, 200);
    let next = world.customer("customer1").await;
    assert_eq!(world.get(&lookup).await.json()["customers"][0]["id"], next);
    assert_eq!(world.get(&path).await.status, 200);
    control.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(world.get(&path).await.status, 404);
    assert_eq!(world.get(&lookup).await.json()["customers"][0]["id"], next);
    assert_eq!(world.get(CUSTOMERS).await.json()["found"], 1);
}
