//! Which connection a request goes out on, and what becomes of the connection.

use std::{
    io::Write as _,
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use openfinance_rest::{Failure, HttpClient, http_client, types};

use crate::{operations::call, server::request};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server sees.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// A connection, by its number.
    Opened(usize),
    /// A request on that connection.
    Request(usize),
    /// The end that the server put to it.
    Ended(usize),
    /// The end that the client put to it.
    Closed(usize),
}

/// Answers each request with 204 and keeps its connections, or closes each behind its first answer, or says that it will,
/// or says more than it was asked for, or does not answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Open,
    UntilAnswered,
    ToBeClosed,
    Talking,
    Silent,
}

fn server(keeps: Keeps) -> (String, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, seen) = channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (stream, tell) = (stream.unwrap(), tell.clone());
            thread::spawn(move || serve(stream, number, keeps, &tell));
        }
    });
    (base_url, seen)
}

fn serve(mut stream: TcpStream, number: usize, keeps: Keeps, tell: &Sender<Seen>) {
    // Whoever listens may have seen enough.
    let _ = tell.send(Seen::Opened(number));
    while request(&mut stream).is_some() {
        let _ = tell.send(Seen::Request(number));
        if keeps == Keeps::Silent {
            continue;
        }
        let answer: &[u8] = match keeps {
            Keeps::ToBeClosed => b"HTTP/1.1 204 Done\r\nconnection: close\r\n\r\n",
            Keeps::Talking => b"HTTP/1.1 204 Done\r\n\r\nHTTP/1.1 404 For nobody\r\n\r\n",
            _ => b"HTTP/1.1 204 Done\r\n\r\n",
        };
        stream.write_all(answer).unwrap();
        if keeps == Keeps::UntilAnswered {
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = tell.send(Seen::Ended(number));
        }
    }
    let _ = tell.send(Seen::Closed(number));
}

async fn delete(base_url: &str, http: &HttpClient) -> Result<(), Failure> {
    let call = call("DeleteCustomer");
    let id = types::CustomerId("1".to_owned());
    call.settle(call.client(base_url, http).delete_customer(&id).await)
}

fn next(seen: &Receiver<Seen>) -> Seen {
    seen.recv_timeout(PATIENCE).unwrap()
}

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    let (base_url, seen) = server(Keeps::Open);
    let http = http_client(&base_url).unwrap();
    for _ in 0..3 {
        delete(&base_url, &http).await.unwrap();
    }
    assert_eq!(next(&seen), Seen::Opened(0));
    for _ in 0..3 {
        assert_eq!(next(&seen), Seen::Request(0));
    }
    drop(http);
    assert_eq!(next(&seen), Seen::Closed(0), "nobody wants it any more");
}

#[tokio::test]
async fn requests_at_the_same_time_have_a_connection_each() {
    let (base_url, seen) = server(Keeps::Open);
    let http = http_client(&base_url).unwrap();
    let (one, other) = tokio::join!(delete(&base_url, &http), delete(&base_url, &http));
    one.unwrap();
    other.unwrap();
    let opened = [next(&seen), next(&seen), next(&seen), next(&seen)];
    assert!(opened.contains(&Seen::Opened(1)), "{opened:?}");
}

/// If this fails, a request was lost on a connection that the server had closed: look at it before it is used again.
#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_left_alone() {
    let (base_url, seen) = server(Keeps::UntilAnswered);
    let http = http_client(&base_url).unwrap();
    let mut requests = 0;
    for number in 0..20 {
        delete(&base_url, &http).await.unwrap();
        loop {
            match next(&seen) {
                Seen::Request(_) => requests += 1,
                Seen::Ended(ended) if ended == number => break,
                Seen::Opened(_) | Seen::Ended(_) | Seen::Closed(_) => {}
            }
        }
        // For the runtime to hear of it.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(requests, 20, "each went out once");
}

#[tokio::test]
async fn a_connection_that_is_to_be_closed_is_closed_at_once() {
    let (base_url, seen) = server(Keeps::ToBeClosed);
    let http = http_client(&base_url).unwrap();
    for number in 0..3 {
        delete(&base_url, &http).await.unwrap();
        assert_eq!(next(&seen), Seen::Opened(number));
        assert_eq!(next(&seen), Seen::Request(number));
        assert_eq!(next(&seen), Seen::Closed(number));
    }
}

/// If this fails, a caller was given an answer that was not to its request: look at a connection before it is used again.
#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_given_to_nobody() {
    let (base_url, seen) = server(Keeps::Talking);
    let http = http_client(&base_url).unwrap();
    for number in 0..20 {
        delete(&base_url, &http).await.unwrap();
        assert!(std::iter::from_fn(|| Some(next(&seen))).any(|one| one == Seen::Request(number)));
        // For what was said to arrive.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_closes_its_connection() {
    let (base_url, seen) = server(Keeps::Silent);
    let http = http_client(&base_url).unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(50), delete(&base_url, &http)).await;
    assert!(given_up.is_err());
    assert_eq!(next(&seen), Seen::Opened(0));
    assert_eq!(next(&seen), Seen::Request(0));
    assert_eq!(next(&seen), Seen::Closed(0));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while() {
    let (base_url, seen) = server(Keeps::Open);
    let http = http_client(&base_url).unwrap();
    delete(&base_url, &http).await.unwrap();
    assert_eq!(next(&seen), Seen::Opened(0));
    assert_eq!(next(&seen), Seen::Request(0));
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert!(seen.try_recv().is_err(), "it was closed early");
    tokio::time::sleep(Duration::from_secs(20)).await;
    tokio::time::resume();
    assert_eq!(next(&seen), Seen::Closed(0));
}

#[tokio::test]
async fn a_client_of_another_server_sends_nothing() {
    let ((one, seen), (other, _)) = (server(Keeps::Open), server(Keeps::Open));
    let http = http_client(&other).unwrap();
    let failure = delete(&one, &http).await.unwrap_err();
    assert!(matches!(failure, Failure::Unsendable(_)), "{failure:?}");
    // A port that begins like the other's is another one.
    let mut shorter = one.clone();
    shorter.pop();
    let http = http_client(&shorter).unwrap();
    let failure = delete(&one, &http).await.unwrap_err();
    assert!(matches!(failure, Failure::Unsendable(_)), "{failure:?}");
    assert!(seen.try_recv().is_err());
}

#[test]
fn only_a_server_has_a_client() {
    for url in ["", "example.com", "ftp://example.com", "data:x", "http://"] {
        assert!(http_client(url).is_err(), "{url}");
    }
    assert!(http_client("http://127.0.0.1:1/stem").is_ok());
}
