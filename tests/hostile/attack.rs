//! What the vendor answers when it attacks, and what a read of a customer must come to.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::canary;

/// The record that is asked for.
pub(super) const OWN: &[u8] =
    br#"{"id":"5","username":"household-4711","type":"testing","createdDate":"0"}"#;
/// The same, as `gzip -9` packs it.
const PACKED: &str = "H4sIAAAAAAAC/6tWykxRslIyVdJRKi1OLcpLzE0FcjPygZyM/JwUXRNzQ0OgXEllAUi8JLW4JDMvHSiQXJSaWJKa4gIkgOIGSrUA/ZENyUkAAAA=";

/// What is done instead of an answer.
#[derive(Clone)]
pub(super) enum Attack {
    /// These bytes, and then whatever comes next.
    Then(Vec<u8>),
    /// These bytes, and the connection ends.
    Close(Vec<u8>),
    /// These bytes, and not one more.
    Silence(Vec<u8>),
    /// The first once, then the second as fast as it is taken, up to a gibibyte.
    Flood(Vec<u8>, Vec<u8>),
    /// The first once, then the second ten times a second.
    Drip(Vec<u8>, &'static [u8]),
}

impl Attack {
    /// What it begins with.
    pub(super) fn begin(&self) -> &[u8] {
        match self {
            Self::Then(begin)
            | Self::Close(begin)
            | Self::Silence(begin)
            | Self::Flood(begin, _)
            | Self::Drip(begin, _) => begin,
        }
    }
}

/// What a read must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// The record that was asked for.
    Served,
    /// The refusal of an answer that is outside the contract.
    Malformed,
    /// The record, or any honest error.
    Honest,
}

/// An attack, and what it must come to.
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) expect: Expect,
    pub(super) attack: Attack,
    /// Whether nothing but the time of an attempt bounds what is read.
    pub(super) only_time_bounds: bool,
}

/// An answer of announced length.
pub(super) fn answer(body: &[u8]) -> Vec<u8> {
    with("content-type: application/json\r\n", body)
}

/// An answer of announced length with these headers.
fn with(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The head of an answer in chunks.
fn chunked() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec()
}

/// One chunk.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The record with one more member.
fn and_member(member: &str) -> Vec<u8> {
    let own = std::str::from_utf8(OWN).unwrap();
    format!("{{{member},{}", &own[1..]).into_bytes()
}

/// Somebody else's record.
fn other() -> Vec<u8> {
    let (first, last) = (canary::FIRST_NAME, canary::LAST_NAME);
    let (phone, email) = (canary::PHONE, canary::EMAIL);
    format!(
        r#"{{"id":"6","username":"other","type":"testing","firstName":"{first}","lastName":"{last}","phone":"{phone}","email":"{email}","createdDate":"0"}}"#
    )
    .into_bytes()
}

/// Half a gibibyte of zeros in gzip's clothes, in little more than three mebibytes: a literal, and two million times "the
/// last byte, 258 times", by the fixed code. Its check sum is wrong, which is found when it is too late.
fn bomb() -> Vec<u8> {
    let mut bits = Vec::new();
    let mut push = |word: &str| bits.extend(word.bytes().map(|bit| bit == b'1'));
    // The last block, by the fixed code; the literal 0.
    push("110");
    push("00110000");
    // Eight times a length of 258 and a distance of one make whole bytes; one more time aligns them.
    for _ in 0..9 {
        push("11000101");
        push("00000");
    }
    let bytes: Vec<u8> = bits
        .chunks_exact(8)
        .map(|byte| {
            byte.iter()
                .rev()
                .fold(0, |all, &bit| all << 1 | u8::from(bit))
        })
        .collect();
    let (begin, again) = bytes.split_at(3);
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [&header, begin, &again.repeat(250_000), &[0; 10]].concat()
}

/// The record, and in the same breath somebody else's, which nobody asked for.
pub(super) fn surplus() -> Attack {
    Attack::Then([answer(OWN), answer(&other())].concat())
}

/// All attacks. Redirections lead to `stranger`.
pub(super) fn all(stranger: &str) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut plan = |name, expect, attack| {
        plans.push(Plan {
            name,
            expect,
            attack,
            only_time_bounds: false,
        });
    };
    large(&mut plan);
    slow(&mut plan);
    odd(&mut plan);
    heads(&mut plan);
    for (name, status) in [
        ("301 to a stranger", 301),
        ("302 to a stranger", 302),
        ("303 to a stranger", 303),
        ("307 to a stranger", 307),
        ("308 to a stranger", 308),
    ] {
        let head = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: {stranger}\r\ncontent-length: 0\r\n\r\n"
        );
        plan(name, Expect::Malformed, Attack::Then(head.into_bytes()));
    }
    for (name, line) in [
        ("100 without end", "HTTP/1.1 100 Continue\r\n\r\n"),
        (
            "103 without end",
            "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n",
        ),
    ] {
        plans.push(Plan {
            name,
            expect: Expect::Honest,
            attack: Attack::Flood(Vec::new(), line.as_bytes().to_vec()),
            only_time_bounds: true,
        });
    }
    plans
}

type Add<'a> = &'a mut dyn FnMut(&'static str, Expect, Attack);

/// Too much.
fn large(plan: Add<'_>) {
    use Expect::Malformed;
    let blanks = vec![b' '; 16 * 1024];
    plan(
        "a gibibyte, announced",
        Malformed,
        Attack::Flood(
            b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n{".to_vec(),
            blanks.clone(),
        ),
    );
    plan(
        "a gibibyte in chunks",
        Malformed,
        Attack::Flood(chunked(), chunk(&blanks)),
    );
    plan(
        "a gibibyte in chunks of one byte",
        Expect::Honest,
        Attack::Flood(chunked(), chunk(b" ")),
    );
    plan(
        "the record and blanks without end",
        Malformed,
        Attack::Flood([chunked(), chunk(OWN)].concat(), chunk(&blanks)),
    );
    plan(
        "until the connection ends, which it does not",
        Malformed,
        Attack::Flood(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), blanks),
    );
    let packed = STANDARD.decode(PACKED).unwrap();
    plan(
        "the record, compressed",
        Malformed,
        Attack::Then(with("content-encoding: gzip\r\n", &packed)),
    );
    plan(
        "a bomb of gzip",
        Malformed,
        Attack::Then(with("content-encoding: gzip\r\n", &bomb())),
    );
    let depth = 100_000;
    let deep = ["[".repeat(depth), "]".repeat(depth)].concat();
    plan(
        "arrays, 100,000 deep",
        Malformed,
        Attack::Then(answer(deep.as_bytes())),
    );
    plan(
        "an unknown member, 100,000 deep",
        Expect::Served,
        Attack::Then(answer(&and_member(&format!(r#""x":{deep}"#)))),
    );
    let objects = [r#"{"x":"#.repeat(depth), "1".to_owned(), "}".repeat(depth)].concat();
    plan(
        "objects, 100,000 deep",
        Malformed,
        Attack::Then(answer(objects.as_bytes())),
    );
    plan(
        "arrays that are never closed",
        Malformed,
        Attack::Then(answer("[".repeat(4_000_000).as_bytes())),
    );
}

/// Too slow, or never at an end.
fn slow(plan: Add<'_>) {
    use Expect::Honest;
    plan(
        "a byte now and then",
        Honest,
        Attack::Drip(
            b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_vec(),
            b" ",
        ),
    );
    plan(
        "a head, a byte now and then",
        Honest,
        Attack::Drip(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x"),
    );
    plan(
        "a 100 now and then",
        Honest,
        Attack::Drip(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n"),
    );
    plan("silence", Honest, Attack::Silence(Vec::new()));
    plan(
        "the record, and the last chunk never comes",
        Honest,
        Attack::Silence([chunked(), chunk(OWN)].concat()),
    );
    plan(
        "one byte less than announced, and silence",
        Honest,
        Attack::Silence(answer(OWN)[..answer(OWN).len() - 1].to_vec()),
    );
}

/// Bodies that are not what they should be.
fn odd(plan: Add<'_>) {
    use Expect::{Honest, Malformed, Served};
    plan("somebody else", Malformed, Attack::Then(answer(&other())));
    let two = and_member(r#""id":"6""#);
    plan(
        "two ids, the other one first",
        Malformed,
        Attack::Then(answer(&two)),
    );
    let two = [&OWN[..OWN.len() - 1], br#","id":"6"}"#].concat();
    plan(
        "two ids, the other one last",
        Malformed,
        Attack::Then(answer(&two)),
    );
    plan(
        "two members of an unknown name",
        Served,
        Attack::Then(answer(&and_member(r#""x":1,"x":2"#))),
    );
    plan(
        "a zero byte in a text",
        Malformed,
        Attack::Then(answer(&and_member("\"firstName\":\"a\0b\""))),
    );
    plan(
        "a zero in a text, escaped",
        Served,
        Attack::Then(answer(&and_member(r#""firstName":"a\u0000b""#))),
    );
    plan(
        "nothing but zero bytes",
        Malformed,
        Attack::Then(answer(&[0; 1_000])),
    );
    plan(
        "half a surrogate",
        Malformed,
        Attack::Then(answer(&and_member(r#""firstName":"\ud800""#))),
    );
    plan(
        "bytes that are no text",
        Malformed,
        Attack::Then(answer(&[OWN, &[0xff, 0xfe]].concat())),
    );
    plan(
        "the record as a page",
        Served,
        Attack::Then(with("content-type: text/html\r\n", OWN)),
    );
    plan(
        "a page as a record",
        Malformed,
        Attack::Then(answer(b"<html>no such page</html>")),
    );
    plan(
        "a number with a million digits",
        Malformed,
        Attack::Then(answer(&and_member(&format!(
            r#""createdDate":{}"#,
            "9".repeat(1_000_000)
        )))),
    );
    plan(
        "an id with a million letters",
        Malformed,
        Attack::Then(answer(
            format!(r#"{{"id":"{}"}}"#, "5".repeat(1_000_000)).as_bytes(),
        )),
    );
    plan(
        "a switch of protocols",
        Honest,
        Attack::Close(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"
                .to_vec(),
        ),
    );
    plan(
        "no HTTP",
        Honest,
        Attack::Close(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
    );
    plan(
        "HTTP/2 unasked",
        Honest,
        Attack::Close(b"\0\0\0\x04\0\0\0\0\0".to_vec()),
    );
    plan(
        "a status that is none",
        Honest,
        Attack::Close(b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n".to_vec()),
    );
    plan("somebody else behind the record", Served, surplus());
}

/// Heads and trailers.
fn heads(plan: Add<'_>) {
    use Expect::{Honest, Served};
    let line = |name: &str, length| format!("{name}: {}\r\n", "x".repeat(length));
    plan(
        "a header of a mebibyte",
        Honest,
        Attack::Then(with(&line("x-large", 1024 * 1024), OWN)),
    );
    plan(
        "a header without end",
        Honest,
        Attack::Flood(b"HTTP/1.1 200 OK\r\nx-large: ".to_vec(), b"x".to_vec()),
    );
    let many: String = (0..10_000)
        .map(|number| line(&format!("x-{number}"), 8))
        .collect();
    plan(
        "ten thousand headers",
        Honest,
        Attack::Then(with(&many, OWN)),
    );
    plan(
        "headers without end",
        Honest,
        Attack::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-one: more\r\n".to_vec()),
    );
    plan(
        "a status line without end",
        Honest,
        Attack::Flood(b"HTTP/1.1 200 ".to_vec(), b"O".to_vec()),
    );
    plan(
        "two lengths that differ",
        Honest,
        Attack::Close(with("content-length: 7\r\n", OWN)),
    );
    plan(
        "a length that is negative",
        Honest,
        Attack::Close(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".to_vec()),
    );
    plan(
        "chunks and a length",
        Honest,
        Attack::Close(
            [
                b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"
                    .to_vec(),
                chunk(OWN),
                chunk(b""),
            ]
            .concat(),
        ),
    );
    plan(
        "a chunk of more than there is",
        Honest,
        Attack::Close([chunked(), b"ffffffffffffffff\r\n".to_vec(), OWN.to_vec()].concat()),
    );
    plan(
        "a chunk whose size is no number",
        Honest,
        Attack::Close([chunked(), b"-5\r\n".to_vec(), OWN.to_vec()].concat()),
    );
    plan(
        "notes on a chunk without end",
        Honest,
        Attack::Flood([chunked(), b"5;".to_vec()].concat(), b"note=x;".to_vec()),
    );
    let whole = [chunked(), chunk(OWN), b"0\r\n".to_vec()].concat();
    plan(
        "trailers",
        Served,
        Attack::Then([&whole[..], b"x-check: 1\r\nid: 6\r\n\r\n"].concat()),
    );
    plan(
        "trailers without end",
        Honest,
        Attack::Flood(whole.clone(), b"x-one: more\r\n".to_vec()),
    );
    plan(
        "a trailer without end",
        Honest,
        Attack::Flood([&whole[..], b"x-large: "].concat(), b"x".to_vec()),
    );
}
