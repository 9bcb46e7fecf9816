//! Key sets: which of their keys count, for how long, and what becomes of sources that are broken or hostile.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"NAME"}"#;

const HOUR: Duration = Duration::from_secs(3_600);

const PACE: Pace = Pace {
    every: Duration::from_secs(300),
    at_most_every: Duration::from_secs(10),
};

fn set(names: &[&str]) -> Vec<u8> {
    let keys: Vec<_> = names
        .iter()
        .map(|name| ED25519.replace("NAME", name))
        .collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into_bytes()
}

fn jwks(names: &[&str]) -> Jwks {
    let jwks = Jwks::new();
    jwks.put(Some(keys(&set(names)).unwrap()));
    jwks
}

fn knows(jwks: &Jwks, name: &str) -> bool {
    !jwks.keys(Some(name), Algorithm::EdDSA).is_empty()
}

#[test]
fn keys_for_something_else_are_passed_over() {
    let others = [
        r#"{"kty":"oct","k":"c2VjcmV0","kid":"a"}"#.to_owned(),
        r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA","kid":"a"}"#.to_owned(),
        r#"{"kty":"new","kid":"a"}"#.to_owned(),
        "7".to_owned(),
        ED25519.replace(r#""kid":"#, r#""use":"enc","kid":"#),
        ED25519.replace(r#""kid":"#, r#""alg":"HS256","kid":"#),
    ];
    for other in others {
        let alone = format!(r#"{{"keys":[{other}]}}"#);
        assert!(keys(alone.as_bytes()).unwrap().is_empty(), "{other}");
        let beside = format!(r#"{{"keys":[{other},{ED25519}]}}"#);
        assert_eq!(keys(beside.as_bytes()).unwrap().len(), 1, "{other}");
    }
    for text in ["", "{}", "[]", "canary"] {
        assert!(keys(text.as_bytes()).is_err());
    }
}

#[tokio::test]
async fn without_a_name_each_key_of_the_kind_may_be_meant_and_four_at_most_are_tried() {
    let one = jwks(&["a"]);
    let count = |jwks: &Jwks, algorithm| jwks.keys(None, algorithm).len();
    assert_eq!(count(&one, Algorithm::EdDSA), 1);
    assert_eq!(count(&one, Algorithm::RS256), 0);
    assert!(one.keys(Some("a"), Algorithm::ES256).is_empty());
    let two = jwks(&["a", "b"]);
    assert_eq!(count(&two, Algorithm::EdDSA), 2);
    assert!(knows(&two, "a") && knows(&two, "b"));
    let many = jwks(&["a", "b", "c", "d", "e", "f"]);
    assert_eq!(count(&many, Algorithm::EdDSA), 4);
}

/// Keeps keys from what `answer` says at each look, which are counted.
fn keeping(
    answer: impl Fn(usize) -> Result<Vec<u8>, String> + Send + Sync + 'static,
) -> (Arc<Jwks>, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let (jwks, reads) = (Arc::new(Jwks::new()), Arc::new(AtomicUsize::new(0)));
    let (kept, counted) = (Arc::clone(&jwks), Arc::clone(&reads));
    let task = tokio::spawn(async move {
        let read = || std::future::ready(answer(counted.fetch_add(1, Ordering::Relaxed)));
        kept.keep_from(PACE, read).await;
    });
    (jwks, reads, task)
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_looked_for_at_once_and_then_no_more_than_the_pace_allows() {
    let (jwks, reads, task) = keeping(|look| match look {
        0 => Ok(set(&["a"])),
        1 => Err("gone".to_owned()),
        _ => Ok(set(&["b"])),
    });
    assert!(!knows(&jwks, "a"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(knows(&jwks, "a"));
    // The first has been noted before there was any key.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(reads.load(Ordering::Relaxed), 2);
    // A hundred strangers, one look; and while it fails, the old keys stay.
    assert!(knows(&jwks, "a"));
    for _ in 0..100 {
        assert!(!knows(&jwks, "z"));
    }
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(reads.load(Ordering::Relaxed), 3);
    assert!(knows(&jwks, "b") && !knows(&jwks, "a"));
    // One more was noted; then nobody asks, so the next look is a while away.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let seen = reads.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(250)).await;
    assert_eq!(reads.load(Ordering::Relaxed), seen);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(reads.load(Ordering::Relaxed), seen + 1);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn keys_that_the_issuer_takes_back_count_no_more() {
    let empty = br#"{"keys":[]}"#.to_vec();
    let (jwks, _, task) = keeping(move |look| {
        Ok(if look == 0 {
            set(&["a"])
        } else {
            empty.clone()
        })
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(knows(&jwks, "a"));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!knows(&jwks, "a"));
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn keys_count_for_a_day_after_they_were_last_read() {
    for broken in [Err("gone".to_owned()), Ok(b"canary".to_vec())] {
        let (jwks, _, task) = keeping(move |look| match look {
            0 => Ok(set(&["a"])),
            _ => broken.clone(),
        });
        tokio::time::sleep(23 * HOUR).await;
        assert!(knows(&jwks, "a") && jwks.is_usable());
        assert!(jwks.age() >= 22 * HOUR);
        tokio::time::sleep(2 * HOUR).await;
        assert!(!knows(&jwks, "a") && !jwks.is_usable());
        task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_read_again_stay_young_although_they_are_the_same() {
    let (jwks, _, task) = keeping(|_| Ok(set(&["a"])));
    tokio::time::sleep(48 * HOUR).await;
    assert!(knows(&jwks, "a") && jwks.age() < HOUR);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn keys_that_could_not_be_had_at_first_are_looked_for_although_nobody_asks() {
    let (jwks, _, task) = keeping(|look| match look {
        0..3 => Err("gone".to_owned()),
        _ => Ok(set(&["a"])),
    });
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(!jwks.is_usable());
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(jwks.is_usable());
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_no_key_set_that_was_read() {
    let (jwks, _, task) = keeping(|_| Ok(Vec::new()));
    tokio::time::sleep(HOUR).await;
    assert!(!jwks.is_usable());
    task.abort();
}

/// An issuer on this machine that gives each connection this answer, and how often it was asked.
async fn issuer(answer: Vec<u8>, is_whole: bool) -> (KeySource, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                if !is_whole {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    let url = format!("http://{address}/jwks?token=canary")
        .parse()
        .unwrap();
    (KeySource::Url(url), asked)
}

fn http(status: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn an_issuer_is_asked_at_its_address_and_nowhere_else() {
    let (good, _) = issuer(http("200 OK", "", &set(&["a"])), true).await;
    assert_eq!(read(&good).await.unwrap(), set(&["a"]));

    let KeySource::Url(target) = &good else {
        panic!("a file");
    };
    let (other, asked) = issuer(http("200 OK", "", &set(&["b"])), true).await;
    let KeySource::Url(there) = &other else {
        panic!("a file");
    };
    assert_ne!(target, there);
    let (moved, _) = issuer(
        http("302 Found", &format!("location: {there}\r\n"), b""),
        true,
    )
    .await;
    assert_eq!(read(&moved).await.unwrap_err(), "the answer is 302");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let (gone, _) = issuer(http("404 Not Found", "", b"canary"), true).await;
    assert_eq!(read(&gone).await.unwrap_err(), "the answer is 404");
}

#[tokio::test]
async fn what_an_issuer_says_is_read_up_to_a_mebibyte() {
    let mut most = set(&["a"]);
    most.resize(MOST_BYTES, b' ');
    let (largest, _) = issuer(http("200 OK", "", &most), true).await;
    assert_eq!(keys(&read(&largest).await.unwrap()).unwrap().len(), 1);
    most.push(b' ');
    let (larger, _) = issuer(http("200 OK", "", &most), true).await;
    assert_eq!(read(&larger).await.unwrap_err(), TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_falls_silent_is_not_waited_for() {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec();
    for answer in [begun, Vec::new()] {
        let (silent, _) = issuer(answer, false).await;
        let started = Instant::now();
        let error = read(&silent).await.unwrap_err();
        assert_eq!(error, "no answer in time");
        assert!(started.elapsed() < PATIENCE * 2);
    }
}

#[tokio::test]
async fn what_is_told_of_an_issuer_has_no_query() {
    let (gone, _) = issuer(Vec::new(), true).await;
    assert!(!format!("{gone:?}").contains("canary"));
    let error = read(&gone).await.unwrap_err();
    assert!(
        !error.contains("canary") && !error.contains("127.0.0.1"),
        "{error}"
    );
}

#[test]
fn only_a_file_of_a_mebibyte_at_most_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    assert!(read_file(&path).unwrap_err().starts_with("can't be read"));
    assert_eq!(read_file(folder.path()).unwrap_err(), "is no file");
    let mut text = set(&["a"]);
    text.resize(MOST_BYTES, b' ');
    std::fs::write(&path, &text).unwrap();
    assert_eq!(check_file(&path), Ok(()));
    text.push(b' ');
    std::fs::write(&path, &text).unwrap();
    assert_eq!(check_file(&path).unwrap_err(), TOO_LARGE);
    std::fs::write(&path, r#"{"keys":[]}"#).unwrap();
    assert!(
        check_file(&path)
            .unwrap_err()
            .starts_with("has no public key")
    );
    // A pipe that nobody writes to is no reason to wait.
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        assert_eq!(read_file(&pipe).unwrap_err(), "is no file");
    }
}
