//! Calls that we have to reset since the peer breaks the protocol on them: their number is limited.

use openfinance_gateway::config::Port;

use crate::{
    client, list,
    peer::{
        CALM, DATA, END_HEADERS, END_STREAM, FLOW, HEADERS, Heard, PRIORITY, PROTOCOL, Peer,
        WINDOW_UPDATE, call, frame, headers,
    },
    with,
};

/// How many calls are begun before it is looked what came of them.
const STEP: u32 = 10;

/// Something to send on a stream.
type Sends = fn(u32) -> Vec<u8>;

/// What makes us reset a call, by what is wrong with it.
const WRONG: [(&str, Sends); 5] = [
    ("a window beyond the largest", |stream| {
        let most = 0x7fff_ffff_u32.to_be_bytes();
        [call(stream), frame(WINDOW_UPDATE, 0, stream, &most)].concat()
    }),
    ("less data than was said", |stream| {
        let said = [headers(), vec![0x0f, 0x0d, 2, b'9', b'9']].concat();
        let little = frame(DATA, END_STREAM, stream, &[0; 64]);
        [frame(HEADERS, END_HEADERS, stream, &said), little].concat()
    }),
    ("a header that HTTP/2 does not have", |stream| {
        let odd = [headers(), b"\0\x0aconnection\x05close".to_vec()].concat();
        frame(HEADERS, END_HEADERS, stream, &odd)
    }),
    ("headers after the end", |stream| {
        let ended = frame(HEADERS, END_HEADERS | END_STREAM, stream, &headers());
        [ended, call(stream)].concat()
    }),
    ("a call that depends on itself", |stream| {
        let priority = [&stream.to_be_bytes()[..], &[0]].concat();
        [call(stream), frame(PRIORITY, 0, stream, &priority)].concat()
    }),
];

/// What is wrong with a connection rather than with a call on it, and the code that ends it.
const WORSE: [(&str, Sends, u32); 3] = [
    (
        "a window that grows by nothing",
        |stream| [call(stream), frame(WINDOW_UPDATE, 0, stream, &[0; 4])].concat(),
        PROTOCOL,
    ),
    (
        "data after the end",
        |stream| {
            let ended = frame(HEADERS, END_HEADERS | END_STREAM, stream, &headers());
            [ended, frame(DATA, 0, stream, &[0; 64])].concat()
        },
        PROTOCOL,
    ),
    (
        "more data than the window",
        |stream| {
            let data = frame(DATA, 0, stream, &[0; 16 * 1024]);
            [call(stream), data.repeat(5)].concat()
        },
        FLOW,
    ),
];

/// Makes us reset so many calls, a few at a time, and answers how many were, and the code of what ended that.
async fn provokes(peer: &mut Peer, wrong: Sends, calls: u32) -> Heard {
    let mut all = Heard::default();
    for begun in (0..calls).step_by(STEP as usize) {
        let calls: Vec<u8> = (begun..begun + STEP)
            .flat_map(|number| wrong(2 * number + 1))
            .collect();
        let heard = peer.hears(&calls).await;
        all.resets += heard.resets;
        all.goaway = heard.goaway;
        if all.goaway.is_some() {
            break;
        }
    }
    all
}

#[tokio::test]
async fn who_makes_us_reset_calls_is_cut_at_our_limit_and_no_other() {
    let few: fn(&mut Port) = |port| port.forced_resets = 50;
    let many: fn(&mut Port) = |port| port.forced_resets = 5_000;
    let shipped: fn(&mut Port) = |_| ();
    for (what, wrong) in WRONG {
        for (limit, ends) in [
            (few, Some(0..=60)),
            (shipped, Some(1_000..=1_100)),
            (many, None),
        ] {
            let (gateway, before) = with(limit).await;
            let mut peer = Peer::new(gateway.grpc_address()).await;
            let heard = provokes(&mut peer, wrong, 2_000).await;
            match ends {
                Some(resets) => {
                    assert_eq!(heard.goaway, Some(CALM), "{what}");
                    assert!(resets.contains(&heard.resets), "{what}: {heard:?}");
                    peer.ends().await;
                }
                None => peer.is_served().await,
            }
            list(before).await.unwrap();
            list(client(&gateway).await).await.unwrap();
            gateway.stop().await;
        }
    }
}

#[tokio::test]
async fn what_breaks_a_connection_ends_it_at_once() {
    let (gateway, before) = with(|_| ()).await;
    for (what, wrong, code) in WORSE {
        let mut peer = Peer::new(gateway.grpc_address()).await;
        let heard = provokes(&mut peer, wrong, 2_000).await;
        let expected = Heard {
            resets: 0,
            goaway: Some(code),
        };
        assert_eq!(heard, expected, "{what}");
        peer.ends().await;
        list(before.clone()).await.unwrap();
    }
    gateway.stop().await;
}

#[tokio::test]
async fn calls_beyond_those_allowed_at_a_time_are_refused_and_end_their_connection_if_they_go_on() {
    let few = |port: &mut Port| (port.streams_per_connection, port.forced_resets) = (10, 50);
    let (gateway, before) = with(few).await;
    let mut peer = Peer::new(gateway.grpc_address()).await;
    let heard = provokes(&mut peer, call, 2_000).await;
    assert_eq!(heard.goaway, Some(CALM));
    assert!(heard.resets <= 60, "{heard:?}");
    list(before).await.unwrap();
    gateway.stop().await;
}
