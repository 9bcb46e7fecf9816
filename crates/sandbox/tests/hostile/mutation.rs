//! What becomes of a valid request: changes after which it is still HTTP. The others are in `ill_framed`.

use serde_json::{Value, json};

use super::{random::Random, request::Request};

const METHODS: [&str; 12] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "Post", "PROPFIND",
    "X-1",
];
const IDS: [&str; 26] = [
    "0",
    "-1",
    "+7",
    "007",
    "1e3",
    "1234",
    "99999999999999999999999",
    "9223372036854775808",
    "%",
    "%2",
    "%zz",
    "%ff",
    "%00",
    "%20",
    "%2F",
    "..%2f..",
    ".",
    "..",
    "%E2%80%AE",
    "%c3%28",
    "null",
    "{customerId}",
    "*",
    "'%20or%201=1--",
    "application",
    "a,b;c=d@e:f$g!h~i",
];
const PREFIXES: [&str; 9] = [
    "/",
    "//",
    "/aggregation",
    "/aggregation/v1",
    "/__sandboxes",
    "/%61ggregation/v1/customers",
    "/.",
    "/decisioning/v1/consumers/",
    "/AGGREGATION/v1/customers",
];
const QUERIES: [&str; 20] = [
    "",
    "=",
    "&&&",
    "start",
    "start=",
    "start=0",
    "start=-1",
    "start=2147483648",
    "start=1e1",
    "limit=0",
    "limit=1000",
    "limit=1001",
    "limit=%zz",
    "type=gold",
    "type=testing&type=active",
    "search=%ff",
    "search=%00",
    "search=+",
    "username=%41",
    "start=3&limit=1&search=%C3%A9&unknown=%F0%9F%98%80",
];
const MEDIA_TYPES: [&str; 9] = [
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/json; charset=utf-16",
    "text/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    ";",
];

/// Changes a request in one place or a few. What comes out is well framed, whatever else it may be.
pub(crate) fn mutate(request: &mut Request, random: &mut Random) {
    for _ in 0..=random.below(3) {
        match random.below(10) {
            0 => request.method = (*random.pick(&METHODS)).to_owned(),
            1 | 2 => path(request, random),
            3 => query(request, random),
            4 | 5 => headers(request, random),
            6 | 7 => member(request, random),
            8 => text(request, random),
            _ => request.chunks = Some(1 + random.below(200)),
        }
    }
    if request.method == "HEAD" {
        // The answer has no body by which it could be told from the next one.
        request.body = None;
    }
}

fn path(request: &mut Request, random: &mut Random) {
    let mut segments: Vec<String> = request.path.split('/').map(str::to_owned).collect();
    let position = 1 + random.below(segments.len().max(2) - 1);
    match random.below(8) {
        0 => segments.push(String::new()),
        1 => segments.insert(position.min(segments.len()), String::new()),
        2 => drop(segments.pop()),
        3 => segments = vec![(*random.pick(&PREFIXES)).to_owned()],
        4 => segments.push("x".repeat(random.below(5000))),
        5 => {
            // The same letters in another dress.
            if let Some(segment) = segments.get_mut(position) {
                *segment = segment.bytes().map(|byte| format!("%{byte:02x}")).collect();
            }
        }
        _ => {
            if let Some(segment) = segments.get_mut(position) {
                *segment = (*random.pick(&IDS)).to_owned();
            }
        }
    }
    request.path = segments.join("/");
    if !request.path.starts_with('/') {
        request.path.insert(0, '/');
    }
}

fn query(request: &mut Request, random: &mut Random) {
    let mut query = (*random.pick(&QUERIES)).to_owned();
    if random.one_in(20) {
        query.push_str(&"&search=x".repeat(random.below(500)));
    }
    request.query = Some(query);
}

fn headers(request: &mut Request, random: &mut Random) {
    let name = *random.pick(&["Finicity-App-Key", "Finicity-App-Token", "Content-Type"]);
    match random.below(9) {
        0 | 1 => request.set(name, None),
        2 => request.set(name, Some(b" ")),
        3 => request.set(name, Some(&[b'x'; 200])),
        4 => request.set(name, Some(b"\xff\xfe\xe9")),
        5 => {
            // A second one of the same name.
            request
                .headers
                .push((name.to_lowercase(), b"application/json".to_vec()));
        }
        6 => request.set("Content-Type", Some(random.pick(&MEDIA_TYPES).as_bytes())),
        7 => {
            let many =
                (0..random.below(25)).map(|number| (format!("X-Extra-{number}"), vec![b'y'; 100]));
            request.headers.extend(many);
        }
        _ => {
            let known: [(&str, &[u8]); 6] = [
                ("Accept", b"application/xml"),
                ("App-Key", b"x"),
                ("Accept-Encoding", b"gzip, br"),
                ("Expect", b"100-continue"),
                ("If-None-Match", b"*"),
                ("X-HTTP-Method-Override", b"DELETE"),
            ];
            let (name, value) = *random.pick(&known);
            request.set(name, Some(value));
        }
    }
}

/// Replaces, adds or drops one member of the body.
fn member(request: &mut Request, random: &mut Random) {
    let body = request.body.take().unwrap_or_else(|| b"{}".to_vec());
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&body) else {
        request.body = Some(body);
        return;
    };
    let keys: Vec<String> = members.keys().cloned().collect();
    let key = if keys.is_empty() {
        "username".to_owned()
    } else {
        random.pick(&keys).clone()
    };
    match random.below(6) {
        0 => drop(members.remove(&key)),
        1 => drop(members.insert("somethingNew".to_owned(), value(random))),
        2 => {
            if let Some(Value::Object(inner)) = members.get_mut(&key) {
                let keys: Vec<String> = inner.keys().cloned().collect();
                if !keys.is_empty() {
                    inner.insert(random.pick(&keys).clone(), value(random));
                }
            }
        }
        _ => drop(members.insert(key, value(random))),
    }
    request.body = Some(Value::Object(members).to_string().into_bytes());
}

/// A value that somebody may not have thought of.
fn value(random: &mut Random) -> Value {
    match random.below(16) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(1e300),
        4 => json!(u64::MAX),
        5 => json!(i64::MIN),
        6 => json!(""),
        7 => json!(" \t"),
        8 => json!("\u{0}\u{202e}é\u{1f600}"),
        9 => json!("9".repeat(random.below(300))),
        10 => json!("a".repeat(random.below(3000))),
        11 => json!([]),
        12 => json!({}),
        13 => json!("a@b"),
        14 => json!([{"a": [null, {"b": 1.5}]}]),
        _ => (0..random.below(120)).fold(json!(1), |inner, _| json!([inner])),
    }
}

/// Changes the body as bytes.
fn text(request: &mut Request, random: &mut Random) {
    let body = request.body.get_or_insert_with(|| b"{}".to_vec());
    let position = random.below(body.len() + 1);
    match random.below(11) {
        0 => body.truncate(position),
        1 => body.insert(position, 0xff),
        2 => body.insert(position, *random.pick(b"{}[]\",:\\\x00-9")),
        3 => {
            if let Some(byte) = body.get_mut(position) {
                *byte ^= 1 << random.below(8);
            }
        }
        4 => *body = random.bytes(200),
        5 => *body = b"\xef\xbb\xbf{}".to_vec(),
        6 => body.extend_from_slice(b"{}"),
        7 => {
            // The same members twice.
            if let Some(rest) = body.clone().strip_prefix(b"{") {
                body.pop();
                body.push(b',');
                body.extend_from_slice(rest);
            }
        }
        8 if random.one_in(20) => *body = b"[".repeat(random.below(100_000)),
        9 if random.one_in(20) => *body = b"{\"a\":".repeat(random.below(30_000)),
        10 if random.one_in(50) => body.resize(body.len() + random.below(2 * 1024 * 1024), b' '),
        _ => {
            *body = random
                .pick(&[
                    &b"null"[..],
                    b"[]",
                    b"\"\"",
                    b"0",
                    b"1e999",
                    b"{\"a\":1,}",
                    b"{'a':1}",
                    b"\r\n",
                ])
                .to_vec()
        }
    }
}
